"""simsnn from Python: ``simulate``, ``train``, ``explain``; short, straight, nothing printed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from simsnn.activities import ResolvedActivity, resolve_activity
from simsnn.config.experiment import ExperimentConfig
from simsnn.config.loader import Document
from simsnn.config.resolve import build, canonical, content_hash, load_document
from simsnn.errors import SimsnnError, Where
from simsnn.mapping.pipeline_graph import PipelineGraph
from simsnn.pipeline_preparation import PreparedPipeline, prepare_pipeline
from simsnn.pipeline_run import run_pipeline, with_trained
from simsnn.results.report import Report
from simsnn.sim.census import RunMemory
from simsnn.sim.execution import Execution
from simsnn.simulation import Prepared, prepare, run_prepared
from simsnn.training.delayed import Delays

Progress = Callable[[str, int, int], None]
"""Called with (what, done, total) while something takes long."""


@dataclass(frozen=True)
class Timing:
    """Wall seconds of the stages of a run: the only numbers that may differ between equal runs."""

    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What a run gives back.

    Parameters
    ----------
    report : Report
        Cycles, energy and what they rest on.
    execution : Execution
        The run itself: moments of every chunk and, at level ``event``, its trace.
    prepared : Prepared or PreparedPipeline
        The resolved experiment, the machine and the mapped operations.
    timing : Timing
        Wall times.
    activity : ResolvedActivity
        Spikes and masks that it ran with.
    memory : RunMemory
        What was held over time, by operand class.
    pipeline : PipelineGraph or None
        Jobs and tasks of the kept program, on a machine with processors.
    """

    report: Report
    execution: Execution
    prepared: Prepared | PreparedPipeline
    timing: Timing
    activity: ResolvedActivity
    memory: RunMemory
    pipeline: PipelineGraph | None = None


def load(source: str | Path, overrides: tuple[str, ...] = ()) -> tuple[ExperimentConfig, Document]:
    """Read an experiment file or the name of a shipped one.

    Raises
    ------
    ConfigError
        With file, line and dotted path of what is wrong.
    """
    document = load_document(source, overrides)
    return build(ExperimentConfig, document), document


def simulate(
    source: str | Path | ExperimentConfig, overrides: tuple[str, ...] = (), *, progress: Progress | None = None
) -> Result:
    """Run an experiment.

    Parameters
    ----------
    source : str, Path or ExperimentConfig
        A YAML file, the name of a shipped experiment, or a resolved experiment.
    overrides : tuple of str
        ``PATH=VALUE``, as ``--set`` takes them.
    progress : callable, optional
        Told about training.

    Raises
    ------
    SimsnnError
        Bad input, a tensor that does not fit, an operation that an engine refuses.
    """
    clock = _Stopwatch()
    experiment, document = (source, None) if isinstance(source, ExperimentConfig) else load(source, overrides)
    with located(document):
        prepared = prepare_any(experiment)
        if isinstance(prepared, PreparedPipeline):
            prepared = with_trained(prepared)
        clock.lap("prepare")
        activity = activity_of(prepared, progress)
        clock.lap("activity")
        graph: PipelineGraph | None = None
        if isinstance(prepared, PreparedPipeline):
            found = run_pipeline(prepared, activity)
            report, execution, graph, memory = found.report, found.execution, found.graph, found.memory
        else:
            run = run_prepared(prepared, activity)
            report, execution, memory = run.report, run.execution, run.memory
        clock.lap("simulate")
    return Result(report, execution, prepared, Timing(clock.seconds), activity, memory, graph)


def activity_of(prepared: Prepared | PreparedPipeline, progress: Progress | None) -> ResolvedActivity:
    """Train (or fetch), read or make the activity of a prepared run, with the delays that its schedule implies."""
    program = with_trained(prepared).trained if isinstance(prepared, PreparedPipeline) else None
    delays = None if program is None else Delays(program.staleness, program.backward_staleness)
    return resolve_activity(prepared.experiment, prepared.network, progress, delays)


def prepare_any(experiment: ExperimentConfig) -> Prepared | PreparedPipeline:
    """Prepare a run on one machine, or on several processors.

    Raises
    ------
    SimsnnError
        Whatever can be refused is refused here, before training.
    """
    several = experiment.hardware.processors or experiment.schedule.pipelined
    return prepare_pipeline(experiment) if several else prepare(experiment)


def train(source: str | Path, overrides: tuple[str, ...] = (), *, progress: Progress | None = None) -> ResolvedActivity:
    """Train the network of an experiment (or fetch the stored result) and return its recorded activity."""
    experiment, document = load(source, overrides)
    with located(document):
        return activity_of(prepare_any(experiment), progress)


def config_hash(experiment: ExperimentConfig) -> str:
    """SHA-256 of the resolved experiment."""
    return content_hash(canonical(experiment))


@contextmanager
def located(document: Document | None) -> Iterator[None]:
    """Fill in file and line of errors that know only their dotted path."""
    try:
        yield
    except SimsnnError as error:
        if document is None or error.where.file is not None or not error.where.path:
            raise
        path = tuple(int(step) if step.isdigit() else step for step in error.where.path.split("."))
        place = document.where(path)
        raise error.located(Where(error.where.path, place.file, place.line)) from None


class _Stopwatch:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now
