"""Links between processors as the hardware file describes them.

Bandwidth, latency and packet size of one component; which directed channels it consists of is in
:mod:`simsnn.memory.topologies`, which way a message takes in :mod:`simsnn.memory.interconnect`
(docs/machines section 7).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from simsnn.config.quantities import BandwidthValue, Count, Index, Name, SizeBytes, StrictModel, written

Topology = Literal["point_to_point", "bus", "ring", "mesh", "crossbar"]


class LinkConfig(StrictModel):
    """One link component.

    Parameters
    ----------
    name : str
        Component name.
    kind : str
        Topology.
    ends : tuple of str
        Processors that it joins, in the order of the topology (a mesh row by row); all processors
        of the machine when left out.
    bandwidth : Bandwidth
        Of each directed channel; bytes per second, or bytes per cycle of the machine's clock.
    latency_cycles : int
        From the last word of a packet on a channel until it may enter the next one or is there.
    packet : int
        Bytes of a packet, the unit of arbitration; the last packet of a message takes as long as the others.
    columns : int or None
        Columns of a mesh; the most square shape when left out.
    multicast : bool
        Whether one packet may serve several destinations; if not, a message is sent once for each.
    pj_per_bit : float or None
        Energy per bit and channel crossed; not priced when left out.
    """

    name: Name
    kind: Topology
    ends: tuple[Name, ...] = ()
    bandwidth: BandwidthValue
    latency_cycles: Index = 1
    packet: SizeBytes = written("64 B")
    columns: Count | None = None
    multicast: bool = True
    pj_per_bit: Annotated[float, Field(ge=0, strict=False)] | None = None

    model_version: ClassVar[int] = 1

    @field_validator("ends")
    @classmethod
    def _ends_fit_the_kind(cls, ends: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if len(set(ends)) != len(ends):
            raise ValueError("an end is listed twice")
        if ends and info.data.get("kind") == "point_to_point" and len(ends) != 2:
            raise ValueError(f"point_to_point joins two processors, ends lists {len(ends)}")
        return ends

    @field_validator("columns")
    @classmethod
    def _columns_belong_to_a_mesh(cls, columns: int | None, info: ValidationInfo) -> int | None:
        if columns is not None and info.data.get("kind") not in (None, "mesh"):
            raise ValueError("columns belongs to kind: mesh, and to nothing else")
        return columns
