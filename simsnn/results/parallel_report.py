"""The ``parallel_units`` section of a report: how each layer of parallel units could run, and what is fastest.

Numbers are closed forms (:mod:`simsnn.mapping.unit_forms`): every operation in one piece, nothing late. ``cycles``
is one operation after another, ``overlapped_cycles`` arrays and vector units side by side, ``dram_cycles`` the
transfers if every tensor of every operation crosses once, which overstates forms that run fused. ``fastest`` is
the option whose larger of ``cycles`` and ``dram_cycles`` is least, of equals that of fewest cycles.

Proof: ``tests/unit/test_parallel_report.py``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from simsnn.config.quantities import StrictModel
from simsnn.mapping.unit_forms import UnitForms, UnitOption, side_by_side
from simsnn.workload.network import Layer
from simsnn.workload.operation import Pass

Natural = Annotated[int, Field(ge=0)]


class ParallelOption(StrictModel):
    """One way to run the units of a layer; one that cannot run has a ``reason`` and no cycles.

    ``engine`` is the array of the T x T products, or the vector unit of a recurrence or scan.
    """

    form: str
    engine: str
    dataflow: str
    copies: Natural
    cycles: Natural | None
    overlapped_cycles: Natural | None
    dram_cycles: Natural | None
    reason: str


class ParallelUnitRow(StrictModel):
    """One layer in one pass (B: all backward work, gradients of learned matrices included).

    The crossovers are T*, the smallest T up to 4,096 from which the best product is slower than the best recurrence
    or scan, by ``cycles`` and by ``overlapped_cycles``; null where it never is, or where there is nothing to compare.
    """

    layer: str
    pass_: Annotated[str, Field(alias="pass")]
    unit: str
    chosen: ParallelOption
    fastest: ParallelOption
    options: tuple[ParallelOption, ...]
    crossover_timesteps: Natural | None
    crossover_overlapped_timesteps: Natural | None


def parallel_unit_rows(forms: UnitForms) -> tuple[ParallelUnitRow, ...]:
    """Rows of every layer of parallel units, pass by pass; none for a network without them.

    Layers with as many of the same units are looked at once.
    """
    known: dict[tuple[object, ...], ParallelUnitRow] = {}
    rows = []
    for layer in forms.layers:
        for pass_ in forms.passes:
            key = (layer.neuron, layer.out_elements, forms.scope.parallel.of(layer), pass_, *_own(forms, layer))
            if key not in known:
                known[key] = _row(forms, layer, pass_)
            rows.append(known[key].model_copy(update={"layer": layer.name}))
    return tuple(rows)


def _own(forms: UnitForms, layer: Layer) -> tuple[object, ...]:
    """What the mapping says of this layer alone."""
    return (forms.mapping.layers.get(layer.name),)


def _row(forms: UnitForms, layer: Layer, pass_: Pass) -> ParallelUnitRow:
    assert layer.neuron is not None
    return ParallelUnitRow(
        layer=layer.name,
        pass_=pass_.value,
        unit=layer.neuron.kind,
        chosen=_option(forms.chosen(layer, pass_)),
        fastest=_option(forms.fastest(layer, pass_)),
        options=tuple(map(_option, forms.options(layer, pass_))),
        crossover_timesteps=forms.crossover(layer, pass_),
        crossover_overlapped_timesteps=forms.crossover(layer, pass_, side_by_side),
    )


def _option(option: UnitOption) -> ParallelOption:
    runs = not option.reason
    return ParallelOption(
        form=option.form.value,
        engine=option.engine,
        dataflow=option.dataflow,
        copies=option.copies,
        cycles=option.cycles if runs else None,
        overlapped_cycles=option.overlapped_cycles if runs else None,
        dram_cycles=option.dram_cycles if runs else None,
        reason=option.reason,
    )
