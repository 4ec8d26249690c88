"""How parallel units run on hardware, and the tensors of it.

=========== ======================================================================= ==================
form        what runs                                                               units
=========== ======================================================================= ==================
recurrence  one pass of the vector unit over all steps, state in the lanes          psu, sliding_psn
scan        the same on scan networks across lanes                                  psu
product     T x T products on an array, elementwise work around them                all
=========== ======================================================================= ==================

Source: docs/machines section 6 (parallel units). All three need the currents of all T, so units run in
schedules that have them, and keep what :class:`simsnn.neurons.parallel_work.Stashed` names.
Assumed: the fixed matrices of PSU, IPSU and RPSU are read like learned ones.

Proof: ``tests/unit/test_parallel_operations.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from simsnn.neurons import Parallel
from simsnn.workload.network import Layer


class ParallelForm(StrEnum):
    """How a parallel unit is computed."""

    RECURRENCE = "recurrence"
    SCAN = "scan"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class ParallelForms:
    """Form of every layer of parallel units.

    Parameters
    ----------
    form : ParallelForm or None
        Of layers that nothing else is said of; None: the recurrence where there is one, else products.
    copies : int
        Copies of the matrix on the diagonal of a product.
    layers : tuple of (str, ParallelForm)
        Layers with a form of their own.
    """

    form: ParallelForm | None = None
    copies: int = 1
    layers: tuple[tuple[str, ParallelForm], ...] = ()

    def of(self, layer: Layer) -> ParallelForm:
        """Form of one layer."""
        chosen = dict(self.layers).get(layer.name, self.form)
        if chosen is not None:
            return chosen
        return ParallelForm.RECURRENCE if unit_of(layer).steps_form else ParallelForm.PRODUCT


def unit_of(layer: Layer) -> Parallel:
    """The parallel unit of a layer that has one."""
    assert isinstance(layer.neuron, Parallel)
    return layer.neuron
