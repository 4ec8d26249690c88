"""Many similar points, one after another: what they have in common is worked out once.

The slow twin is ``PointMetrics.of(api.simulate(experiment).report)``; metrics are equal to it bit for bit, refusals in
class and message. At level ``closed_form``, on one machine, nothing but the metrics is made: no report, no bounds, no
chunk graph. Everything else takes the ordinary path, with the activity of earlier points.

Proof: ``tests/property/test_point_evaluator.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path

from simsnn.activities import ResolvedActivity, resolve_activity
from simsnn.api import prepare_any
from simsnn.config.experiment import ExperimentConfig
from simsnn.energy.area import dram_interface
from simsnn.engines.base import DatapathWidths
from simsnn.errors import MissingPrice, Where
from simsnn.mapping.machine import Machine
from simsnn.mapping.place import check_layer_names
from simsnn.neurons import Parallel
from simsnn.pipeline_preparation import PreparedPipeline
from simsnn.pipeline_run import run_pipeline, with_trained
from simsnn.preparation import MappedStep, area_model, datapath_widths, energy_model
from simsnn.refusals import alike_operations, check_activity, check_clock, check_order
from simsnn.results.sweep_table import PointMetrics
from simsnn.simulation import run_prepared
from simsnn.sweep.caches import Bounded, Recent
from simsnn.sweep.closed_point import ClosedPoint
from simsnn.sweep.operation_cost import OperationCosts, Prices
from simsnn.sweep.step_mapping import MappedProgram, StepMapping
from simsnn.training.config import FileActivityConfig, TrainConfig
from simsnn.training.delayed import Delays
from simsnn.workload.network import Network

ActivitySource = Callable[[ExperimentConfig, Network, None, Delays | None], ResolvedActivity]
"""Gives the activity of an experiment, as ``activities.resolve_activity`` does."""

MOST_ACTIVITIES = 4
MOST_ENERGY_MODELS = 64
MOST_WIDTHS = 4
MOST_AREAS = 4096


def _is_ordinary(experiment: ExperimentConfig) -> bool:
    """Whether a point takes the ordinary path: several processors, chunks over time, GPUs to hold it against."""
    several = experiment.hardware.processors or experiment.schedule.pipelined
    return bool(several or experiment.simulation.level != "closed_form" or experiment.baselines is not None)


def _file_state(experiment: ExperimentConfig) -> tuple[int, int] | None:
    """When an activity file was written, and its size; None where there is none."""
    if not isinstance(experiment.activity, FileActivityConfig):
        return None
    try:
        state = Path(experiment.activity.file).stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


class PointEvaluator:
    """Metrics of points, as one process works through them; everything it remembers is bounded and its own.

    Points make no cycles of references: whoever evaluates many may let the collector rest meanwhile
    (:func:`simsnn.sim.garbage.collector_paused`), which saves about a tenth of the time.
    """

    def __init__(self) -> None:
        self._steps = StepMapping()
        self._costs = OperationCosts()
        self._closed = ClosedPoint()
        self._activities: Recent[ResolvedActivity] = Recent(MOST_ACTIVITIES)
        self._prices: Bounded[Hashable, Prices] = Bounded(MOST_ENERGY_MODELS)
        self._widths: Recent[tuple[DatapathWidths, ...]] = Recent(MOST_WIDTHS)
        self._areas: Bounded[Hashable, float] = Bounded(MOST_AREAS)

    def evaluate(self, experiment: ExperimentConfig, activity: ActivitySource = resolve_activity) -> PointMetrics:
        """Metrics of one point.

        Parameters
        ----------
        experiment : ExperimentConfig
            The point, resolved.
        activity : callable
            Gives its activity; called once nothing else can be refused, and only where no earlier point had the same.

        Raises
        ------
        SimsnnError
            As ``api.simulate`` does.
        """
        if _is_ordinary(experiment):
            return self._ordinary(experiment, activity)
        network = self._steps.network(experiment)
        if any(isinstance(layer.neuron, Parallel) for layer in network.layers):
            return self._ordinary(experiment, activity)
        return self._short(experiment, network, activity)

    def _ordinary(self, experiment: ExperimentConfig, activity: ActivitySource) -> PointMetrics:
        """The path of ``api.simulate``, with the activity of earlier points."""
        prepared = prepare_any(experiment)
        delays: Delays | None = None
        if isinstance(prepared, PreparedPipeline):
            prepared = with_trained(prepared)
            if prepared.trained is not None:
                delays = Delays(prepared.trained.staleness, prepared.trained.backward_staleness)
        found = self._activity(experiment, prepared.network, activity, delays)
        run = run_pipeline(prepared, found) if isinstance(prepared, PreparedPipeline) else run_prepared(prepared, found)
        return PointMetrics.of(run.report)

    def _short(self, experiment: ExperimentConfig, network: Network, activity: ActivitySource) -> PointMetrics:
        """The checks of ``simulation.prepare`` in their order, then the metrics of the closed form alone."""
        check_layer_names(experiment.mapping, tuple(layer.name for layer in network.layers))
        operations = self._steps.operations(experiment, network)
        machine = Machine.build(experiment.hardware)
        check_order(experiment, machine)
        check_activity(experiment, operations, machine)
        program = self._steps.mapped(experiment, operations, machine)
        prices = self._prices_of(experiment)
        step = MappedStep(experiment, network, machine, prices.model, program.tasks)
        check_clock(machine, prices.model)
        self._check_prices(program, prices)
        area_um2 = self._area_um2(step, program, prices)
        resolved = self._activity(experiment, network, activity, None)
        costs = self._costs.of(program, machine, prices, resolved)
        self._check_interface(step, prices)
        return self._closed.metrics(step, costs, area_um2, resolved)

    def _prices_of(self, experiment: ExperimentConfig) -> Prices:
        hardware, tables = experiment.hardware, experiment.energy
        key = (tables, hardware.srams, hardware.dram.name, hardware.technology.node)
        return self._prices.made(key, lambda: Prices(energy_model(experiment), self._steps.number(key)))

    def _check_prices(self, program: MappedProgram, prices: Prices) -> None:
        """As ``refusals.check_prices``: one operation of each kind."""
        if program.alike is program.tasks:
            items = alike_operations(program.tasks)
        else:
            items = tuple({id(item): item for item in program.alike}.values())
        for item in items:
            try:
                self._costs.check_prices(item, prices, program.scopes[item.placement.engine])
            except MissingPrice as error:
                raise error if error.where.path else error.located(Where("energy.arithmetic")) from None

    def _area_um2(self, step: MappedStep, program: MappedProgram, prices: Prices) -> float:
        """Area of the machine; before a training, with a look at all prices, as ``preparation`` takes it."""
        widths = self._widths.made((program.tasks, step.experiment.precision), lambda: datapath_widths(step))
        engines = zip(step.machine.engines, widths, strict=True)
        parts = tuple(part for engine, widths in engines for part in engine.area_parts(widths))

        def add_up() -> float:
            return sum(area for _, area in area_model(step).area_um2(parts, step.energy.srams))

        area_um2 = self._areas.made((parts, prices.number), add_up)
        if isinstance(step.experiment.activity, TrainConfig):
            for item in program.alike:
                self._costs.check_prices(item, prices, program.scopes[item.placement.engine])
        return area_um2

    def _check_interface(self, step: MappedStep, prices: Prices) -> None:
        """The report lists the area of the DRAM's interface; refuse a DRAM without one when the report would."""
        dram, clock = step.machine.dram, step.machine.config.clock
        interface = dram_interface(dram.name, dram.bytes_per_cycle * clock)

        def look_up() -> float:
            return sum(area_model(step).unit_um2(part.unit, part.widths) for part in interface)

        self._areas.made((interface, prices.number), look_up)

    def _activity(
        self, experiment: ExperimentConfig, network: Network, source: ActivitySource, delays: Delays | None
    ) -> ResolvedActivity:
        """The activity of an equal experiment, or what the source gives; nothing of the machine is part of it."""
        inputs = (
            *(source, experiment.activity, experiment.network, experiment.workload, experiment.precision),
            *(experiment.seed, delays, _file_state(experiment)),
        )
        return self._activities.made(inputs, lambda: source(experiment, network, None, delays))
