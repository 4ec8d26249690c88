"""Every way in which a layer of parallel units can run on a machine, in closed form.

An option is a form (recurrence, scan, T x T products) and, for products, an array, one of its dataflows, and the
matrix once or as often as it fits on the diagonal. Its cycles are sums of closed forms over the operations
of the unit in one pass, each in one piece with nothing late::

    array cycles + vector cycles       one operation after another
    max(array cycles, vector cycles)   arrays and vector units perfectly overlapped

A run lies between the two where products and the vector work behind them are fused, and above both where memory
binds: ``dram_cycles`` are the transfers if every tensor of every operation crosses once. A weight-stationary
product takes the best number of accumulator blocks, without which no fold of a triangle holds zeros alone.

T*, the crossover, is the smallest T from which, up to 4096, the best product is slower than the best of recurrence
and scan. Counting one product against a recurrence of one operation per neuron and step, P lanes beside an R x C
array give T* = RC/P for a full matrix and 2 RC/P for a triangle whose zeros cost nothing: 32 and 64 for 32 x 32
elements and 32 lanes. Folds of zeros are left out in whole tiles of R, which makes it 2 RC/P - R, so 32 again:
at T = 33 a second row of tiles begins. A whole unit differs: a PSU has two products and two vector passes around
them, and its recurrence takes II = ceil(8 / ops_per_cycle) edges per neuron and step. One after another its
products never win where II is 2 or less; side by side they win as long as the two vector passes take no longer
than the recurrence. Both crossovers are reported.

Source: docs/machines section 6 (parallel units). Proof: ``tests/unit/test_unit_forms.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from simsnn.config.experiment import MappingConfig
from simsnn.engines.base import Dataflow, Engine
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_candidates import accumulator_blockings
from simsnn.engines.systolic_config import ProcessingElement
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.errors import SimsnnError, UnsupportedOperation
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import reads, writes
from simsnn.mapping.place import Placement, place
from simsnn.neurons import Parallel
from simsnn.workload.backward_pass import BackwardPass
from simsnn.workload.forward_pass import ForwardPass
from simsnn.workload.mode_checks import forms_of
from simsnn.workload.network import Layer, Network
from simsnn.workload.operation import GemmOperation, Operation, Pass, VectorOperation
from simsnn.workload.parallel_forms import ParallelForm, ParallelForms, unit_of
from simsnn.workload.step_tensors import StepScope, Widths

MOST_TIMESTEPS = 4096
"""T up to which the crossover is looked for."""
MOST_FOLDS, MOST_FINER_FOLDS = 2**24, 2**22
"""Folds of a product up to which it is timed, and up to which more accumulator blocks are tried."""
_SWEEPS = (ParallelForm.RECURRENCE, ParallelForm.SCAN)


@dataclass(frozen=True, slots=True)
class UnitOption:
    """One way to run the units of a layer in one pass.

    Parameters
    ----------
    form : ParallelForm
        Recurrence, scan or T x T products.
    engine, dataflow : str
        Array and dataflow of products, vector unit of a recurrence or scan; joined by ``/`` where they differ.
    copies : int
        Matrices on the diagonal.
    array_cycles, vector_cycles : int
        Closed forms of the operations on arrays and on vector units, summed.
    dram_cycles : int
        Cycles in which the DRAM channel moves every tensor of every operation once.
    reason : str
        Why it cannot run; empty where it can.
    """

    form: ParallelForm
    engine: str = ""
    dataflow: str = ""
    copies: int = 1
    array_cycles: int = 0
    vector_cycles: int = 0
    dram_cycles: int = 0
    reason: str = ""

    @property
    def cycles(self) -> int:
        """One operation after another."""
        return self.array_cycles + self.vector_cycles

    @property
    def overlapped_cycles(self) -> int:
        """Arrays and vector units side by side: no run of these operations is faster."""
        return max(self.array_cycles, self.vector_cycles)


Measure = Callable[[UnitOption], int]


def one_after_another(option: UnitOption) -> int:
    """Measure of :meth:`UnitForms.crossover` by ``cycles``."""
    return option.cycles


def side_by_side(option: UnitOption) -> int:
    """Measure of :meth:`UnitForms.crossover` by ``overlapped_cycles``."""
    return option.overlapped_cycles


def _with_memory(option: UnitOption) -> tuple[int, int]:
    return max(option.cycles, option.dram_cycles), option.cycles


def last_crossing(slower: Callable[[int], bool | None], most: int = MOST_TIMESTEPS) -> int | None:
    """Smallest T from which something is slower.

    Looked for at powers of two, then by bisection between the last at which it is not slower and the next.

    Parameters
    ----------
    slower : callable
        Whether it is slower at a T; None where there is nothing to compare, whatever T is.
    most : int
        Largest T, a power of two.

    Returns
    -------
    int or None
        None where it is not slower at the largest T, or nothing is to be compared.
    """
    powers = [1 << power for power in range(most.bit_length())]
    found = [slower(steps) for steps in powers]
    if not found[-1]:
        return None
    if all(found):
        return 1
    last = max(number for number, is_slower in enumerate(found) if not is_slower)
    low, high = powers[last], powers[last + 1]
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if slower(middle) else (middle, high)
    return high


def unit_operations(
    network: Network, scope: StepScope, widths: Widths, layer: Layer, pass_: Pass
) -> tuple[Operation, ...]:
    """Operations of one layer's units: pass F, or with pass B all of its backward work, learned matrices included."""
    if pass_ is Pass.F:
        return tuple(ForwardPass(network, scope, widths).unit_forward(layer))
    backward = BackwardPass(network, scope, widths)
    return tuple(backward.unit_backward(layer, backward.gradient(f"{layer.name}.doutput", layer.out_elements)))


@dataclass(frozen=True)
class UnitForms:
    """The parallel units of a network on a machine.

    Parameters
    ----------
    network : Network
        What is trained.
    scope : StepScope
        Time steps, batch, passes and the forms that the experiment chose.
    widths : Widths
        Stored bits of operands.
    mapping : MappingConfig
        Places the vector work, and what was chosen.
    machine : Machine
        Where it runs.
    known : dict
        Closed forms found so far: operations that cost the same are timed once.
    """

    network: Network
    scope: StepScope
    widths: Widths
    mapping: MappingConfig
    machine: Machine
    known: dict[tuple[object, ...], int] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Layers of parallel units."""
        return tuple(layer for layer in self.network.layers if isinstance(layer.neuron, Parallel))

    @property
    def passes(self) -> tuple[Pass, ...]:
        """F and B, those of them that run; the gradients of learned matrices belong to B."""
        backward = (Pass.B,) if self.scope.training else ()
        return ((Pass.F,) if Pass.F in self.scope.passes else ()) + backward

    def chosen(self, layer: Layer, pass_: Pass) -> UnitOption:
        """What the experiment runs, placed as its mapping says."""
        form = self.scope.parallel.of(layer)
        copies = self.scope.parallel.copies if form is ParallelForm.PRODUCT else 1
        operations = unit_operations(self.network, self.scope, self.widths, layer, pass_)
        return self._timed(UnitOption(form, copies=copies), operations, self._place)

    def options(self, layer: Layer, pass_: Pass, timesteps: int | None = None) -> tuple[UnitOption, ...]:
        """Every option at T, by default the experiment's; what cannot run has a reason."""
        return self._options(layer, pass_, timesteps or self.scope.timesteps)

    def fastest(self, layer: Layer, pass_: Pass) -> UnitOption:
        """The option whose larger of ``cycles`` and ``dram_cycles`` is least; of equals that of fewest cycles.

        Where none could be timed, what was chosen.
        """
        running = _running(self.options(layer, pass_))
        return min(running, key=_with_memory) if running else self.chosen(layer, pass_)

    def crossover(self, layer: Layer, pass_: Pass, measure: Measure = one_after_another) -> int | None:
        """T*: see the head of the module.

        Returns
        -------
        int or None
            None where products are not slower at 4096, and for units that have nothing but products, or none of them.
        """
        return last_crossing(partial(self._slower, layer, pass_, measure))

    def _place(self, operation: Operation) -> Placement:
        return place(operation, self.mapping, self.machine)

    def _slower(self, layer: Layer, pass_: Pass, measure: Measure, timesteps: int) -> bool | None:
        """Whether the best product is slower than the best recurrence or scan; None where there are not both."""
        sweeps = _running(tuple(self._swept(layer, pass_, timesteps, form) for form in _SWEEPS))
        if not sweeps or not self._multiplying:
            return None
        limit = min(map(measure, sweeps))
        if all(measure(self._least(layer, pass_, timesteps, number)) > limit for number in self._multiplying):
            return True
        products = (o for number in self._multiplying for o in self._by_products(layer, pass_, timesteps, number))
        return all(option.reason or measure(option) > limit for option in products)

    def _least(self, layer: Layer, pass_: Pass, timesteps: int, number: int) -> UnitOption:
        """No products on this array are faster: every element multiplies something useful in every cycle."""
        config = self.machine.engines[number].config
        peak, array, vector = getattr(config, "rows", 1) * getattr(config, "columns", 1), 0, 0
        for operation in self._operations(layer, pass_, timesteps, ParallelForm.PRODUCT, 1):
            if isinstance(operation, GemmOperation):
                assert operation.mixing is not None
                array += -(-operation.mixing.useful_macs(operation.slots) // peak)
            else:
                vector += self._cycles(operation, self._place(operation))
        return UnitOption(ParallelForm.PRODUCT, array_cycles=array, vector_cycles=vector)

    @cached_property
    def _multiplying(self) -> tuple[int, ...]:
        """Arrays that take products of real values: systolic ones with multipliers."""
        arrays = enumerate(self.machine.engines)
        return tuple(n for n, e in arrays if isinstance(e, SystolicEngine) and e.config.pe is ProcessingElement.MAC)

    def _options(self, layer: Layer, pass_: Pass, timesteps: int) -> tuple[UnitOption, ...]:
        swept = (self._swept(layer, pass_, timesteps, form) for form in _SWEEPS)
        arrays = [n for n, engine in enumerate(self.machine.engines) if engine.name not in self._vector_units]
        products = (option for number in arrays for option in self._by_products(layer, pass_, timesteps, number))
        return (*swept, *products)

    @property
    def _vector_units(self) -> tuple[str, ...]:
        return tuple(unit.name for unit in self.machine.config.vector_units)

    def _swept(self, layer: Layer, pass_: Pass, timesteps: int, form: ParallelForm) -> UnitOption:
        unit, empty = unit_of(layer), UnitOption(form)
        if form not in forms_of(unit):
            names = ", ".join(each.value for each in forms_of(unit))
            return replace(empty, reason=f"{unit.kind} units have no form {form.value}: they have {names}")
        operations = self._operations(layer, pass_, timesteps, form, 1)
        return self._timed(empty, operations, self._place)

    def _by_products(self, layer: Layer, pass_: Pass, timesteps: int, number: int) -> list[UnitOption]:
        engine = self.machine.engines[number]
        empty = UnitOption(ParallelForm.PRODUCT, engine.name)
        once = self._operations(layer, pass_, timesteps, ParallelForm.PRODUCT, 1)
        refusals = [engine.supports(operation) for operation in once if isinstance(operation, GemmOperation)]
        refused = next((refusal for refusal in refusals if refusal is not None), None)
        if refused is not None:
            return [replace(empty, reason=refused.reason)]
        most = max(1, getattr(engine.config, "rows", 1) // timesteps)
        found = []
        for flow in getattr(engine.config, "dataflows", (None,)):
            for copies in sorted({1, most}):
                operations = self._operations(layer, pass_, timesteps, ParallelForm.PRODUCT, copies)
                where = partial(self._on_array, Placement(number, flow))
                tried = replace(empty, dataflow="" if flow is None else flow.value, copies=copies)
                found.append(self._timed(tried, operations, where))
        return found

    def _on_array(self, products: Placement, operation: Operation) -> Placement:
        """Products where they are tried, vector work where the mapping says."""
        return products if isinstance(operation, GemmOperation) else self._place(operation)

    def _operations(
        self, layer: Layer, pass_: Pass, timesteps: int, form: ParallelForm, copies: int
    ) -> tuple[Operation, ...]:
        scope = replace(self.scope, timesteps=timesteps, parallel=ParallelForms(form, copies))
        return unit_operations(self.network, scope, self.widths, layer, pass_)

    def _timed(
        self, empty: UnitOption, operations: tuple[Operation, ...], where: Callable[[Operation], Placement]
    ) -> UnitOption:
        """The option with its cycles, or with the reason why an operation cannot run."""
        array = vector = 0
        engines, flows = dict[str, None](), dict[str, None]()
        try:
            for operation in operations:
                placement = where(operation)
                engine, cycles = self.machine.engines[placement.engine], self._cycles(operation, placement)
                product = isinstance(operation, GemmOperation)
                array, vector = (array + cycles, vector) if product else (array, vector + cycles)
                if product or empty.form is not ParallelForm.PRODUCT:
                    engines[engine.name] = None
                    flows |= {placement.dataflow.value: None} if placement.dataflow is not None else {}
        except SimsnnError as error:
            return replace(empty, reason="; ".join(line.strip() for line in str(error).splitlines()))
        moved = sum(operand.bytes for operation in operations for operand in (*reads(operation), *writes(operation)))
        dram, engine_names, flow_names = self.machine.dram.occupancy_cycles(moved), "/".join(engines), "/".join(flows)
        return UnitOption(empty.form, engine_names, flow_names, empty.copies, array, vector, dram)

    def _cycles(self, operation: Operation, placement: Placement) -> int:
        key = (*_what_costs(operation), placement)
        if key not in self.known:
            engine = self.machine.engines[placement.engine]
            self.known[key] = closed_form_cycles(engine, operation, placement.dataflow)
        return self.known[key]


def closed_form_cycles(engine: Engine, operation: Operation, dataflow: Dataflow | None) -> int:
    """Cycles of an operation in one piece with nothing late; of a product the best number of accumulator blocks.

    Raises
    ------
    SimsnnError
        If the engine refuses the operation, or its folds are too many to be timed beside a run.
    """
    if not isinstance(engine, SystolicEngine) or not isinstance(operation, GemmOperation):
        return next(iter(engine.candidates(operation, dataflow))).cost().cycles.total
    whole = engine.plan(operation, dataflow)
    if _folds(whole) > MOST_FOLDS:
        raise UnsupportedOperation(
            f"not timed: {_folds(whole):,} folds of {operation.layer} {operation.pass_} on {engine.name}, at most"
            f" {MOST_FOLDS:,} are listed",
            remedy="fewer time steps or samples, or a larger array",
        )
    finer = (engine.plan(operation, dataflow, blocking) for blocking in accumulator_blockings(whole))
    plans = [whole, *(plan for plan in finer if _folds(plan) <= MOST_FINER_FOLDS)]
    return min(plan.cost().cycles.total for plan in plans)


def _folds(plan: SystolicPlan) -> int:
    """Folds of all products, those of zeros included."""
    return sum(grid.rows.count() * grid.columns.count() * grid.stream.count() for grid in plan.grids)


def _running(options: tuple[UnitOption, ...]) -> tuple[UnitOption, ...]:
    return tuple(option for option in options if not option.reason)


def _what_costs(operation: Operation) -> tuple[object, ...]:
    """What the closed form of an operation of a parallel unit depends on."""
    if isinstance(operation, VectorOperation):
        return operation.part, operation.counts, operation.elements, operation.steps, operation.slots, operation.scan
    return operation.mixing, operation.slots
