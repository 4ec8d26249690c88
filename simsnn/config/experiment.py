"""The experiment: every choice of a run as one strict, frozen model.

The models of the components (layers, neurons, engines, memories, schedules, training) are
composed here; this module owns only what belongs to no component.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simsnn.config.hardware import HardwareConfig
from simsnn.config.quantities import Count, Index, Name, StrictModel, WidthBits, written
from simsnn.engines.gpu_config import BaselineConfig
from simsnn.engines.systolic_config import Dataflow
from simsnn.schedule.layer_by_layer import LayerByLayer
from simsnn.schedule.registry import ScheduleConfig
from simsnn.training.config import ActivityConfig
from simsnn.training.optimizer import OptimizerConfig
from simsnn.workload.backward_modes import BackwardMode, Bptt, LayerCheckpoint, Stash
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import NetworkConfig
from simsnn.workload.operation import Pass
from simsnn.workload.parallel_forms import ParallelForm

Level = Literal["closed_form", "critical_path", "event"]


class WorkloadConfig(StrictModel):
    """How much is run: time steps, batch, passes, how inputs become spikes, what the backward pass finds stored."""

    timesteps: Annotated[int, Field(gt=0, le=2**16)] = 1
    batch: Annotated[int, Field(gt=0, le=2**16)] = 1
    passes: tuple[Annotated[Pass, Field(strict=False)], ...] = (Pass.F, Pass.B, Pass.W, Pass.U)
    encoding: Annotated[Encoding, Field(strict=False)] = Encoding.DIRECT
    stash: Annotated[Stash, Field(strict=False)] = Stash.STORE
    backward: BackwardMode | None = None
    """What is kept for the backward pass; left out: as ``stash`` says."""

    @property
    def mode(self) -> BackwardMode:
        """The backward mode."""
        if self.backward is not None:
            return self.backward
        return LayerCheckpoint() if self.stash is Stash.RECOMPUTE else Bptt()

    @model_validator(mode="after")
    def _passes_make_sense(self) -> WorkloadConfig:
        if not self.passes:
            raise ValueError("passes must name at least one of F, B, W, U")
        if len(set(self.passes)) != len(self.passes):
            raise ValueError("a pass is listed twice")
        if Pass.U in self.passes and Pass.W not in self.passes:
            raise ValueError("pass U updates with the gradients of pass W: list both")
        if Pass.I in self.passes:
            raise ValueError("pass I is added by backward modes with an inverse; passes name some of F, B, W, U")
        if Pass.R in self.passes:
            raise ValueError("pass R is added by backward modes that make things again; passes name some of F, B, W, U")
        if self.backward is not None and self.stash is Stash.RECOMPUTE:
            raise ValueError("stash: recompute is the older way to say backward: {kind: layer_checkpoint}: give one")
        return self


class PrecisionConfig(StrictModel):
    """Stored width of each operand class; values are rounded to it only with ``quantise: true``."""

    input: WidthBits = written("8 bit")
    weight: WidthBits = written("8 bit")
    membrane: WidthBits = written("16 bit")
    gradient: WidthBits = written("16 bit")
    partial_sum: WidthBits = written("32 bit")
    optimizer_state: WidthBits = written("32 bit")
    quantise: bool = False


class EngineChoice(StrictModel):
    """Which engine runs a pass, and in which dataflow where the engine offers several."""

    engine: Name
    dataflow: Annotated[Dataflow, Field(strict=False)] | None = None


class ParallelChoice(StrictModel):
    """How parallel spiking units run: their form, and for the form ``product`` the array of the T x T products.

    Without ``engine`` a product runs where its pass F, B or W does; without ``form`` a unit with a recurrence
    runs that, any other products. ``copies``: matrices on the block diagonal; ``most``: as many as the rows hold.
    """

    form: Annotated[ParallelForm, Field(strict=False)] | None = None
    engine: Name | None = None
    dataflow: Annotated[Dataflow, Field(strict=False)] | None = None
    copies: Count | Literal["most"] = 1


class PassMapping(StrictModel):
    """Pass to engine; ``neuron`` covers every other vector task (pooling, normalisation, loss, encoding).

    ``neuron_backward`` takes the vector tasks of passes B, I and R from ``neuron``, where it is given.
    """

    F: EngineChoice | None = None
    B: EngineChoice | None = None
    W: EngineChoice | None = None
    U: EngineChoice | None = None
    I: EngineChoice | None = None  # noqa: E741 - the name of the inverse pass in the contract
    R: EngineChoice | None = None
    neuron: EngineChoice | None = None
    neuron_backward: EngineChoice | None = None
    parallel: ParallelChoice | None = None

    def choice(self, pass_: Pass) -> EngineChoice | None:
        """Choice for the synapse product of a pass."""
        choice: EngineChoice | None = getattr(self, pass_.value)
        return choice


class MappingConfig(PassMapping):
    """Mapping of the whole network, with overrides per layer and, where processors differ, per group of them.

    ``most_chunks``: finer ways to cut an operation are looked at only while nothing coarser fits.
    """

    layers: dict[Name, PassMapping] = Field(default_factory=dict)
    processors: dict[Name, PassMapping] = Field(default_factory=dict)
    most_chunks: Count = 256


class SimulationConfig(StrictModel):
    """How closely to look: closed form, critical path without contention, or the event engine."""

    level: Level = "event"
    trace: bool = True
    epoch_samples: Count | None = None
    """Samples of an epoch to which the kept program of a pipelined schedule is extended by its steady state."""


class EnergyConfig(StrictModel):
    """Names of the price tables; naming several is the statement that their sources are mixed."""

    arithmetic: Name = "horowitz_45nm"
    sram: Name = "cacti7_lstp"
    dram: Name = "ddr4_2400"


class ExperimentConfig(StrictModel):
    """One run, completely."""

    schema_: Annotated[Literal["simsnn/experiment/1"], Field(alias="schema")]
    name: Name
    seed: Index = 0
    network: NetworkConfig
    workload: WorkloadConfig = WorkloadConfig()
    precision: PrecisionConfig = PrecisionConfig()
    activity: ActivityConfig | None = None
    optimizer: OptimizerConfig | None = None
    """Update rule of pass U where no training names one; plain gradient descent when left out."""
    hardware: HardwareConfig
    mapping: MappingConfig
    schedule: ScheduleConfig = LayerByLayer()
    simulation: SimulationConfig = SimulationConfig()
    energy: EnergyConfig = EnergyConfig()
    baselines: BaselineConfig | None = None
    """GPUs that the report holds the run against."""
