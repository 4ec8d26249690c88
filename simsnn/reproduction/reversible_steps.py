"""Training steps on real arrays and their operations on hardware, side by side: gradients, what is kept, passes.

The weights are integers over a power of two and so are the pixels, so that no product rounds, however many rows it
has: a gradient that differs in a bit differs because of the mode. The images are the bundled digits.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from simsnn.config.experiment import ExperimentConfig
from simsnn.costs import OperandClass
from simsnn.mapping.mapped import reads, writes
from simsnn.preparation import build_experiment_network, step_operations
from simsnn.reproduction.reversible_cases import ModeCase, mode_experiment
from simsnn.schedule.step_by_step import StepByStep
from simsnn.training.datasets import load_dataset
from simsnn.training.datasets_digits import DigitsConfig
from simsnn.training.model import Model, State
from simsnn.training.modes.run import mode_step
from simsnn.training.modes.step import ModeStep
from simsnn.training.parameters import initial_parameters
from simsnn.workload.backward_modes import BackwardMode, Bptt
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Network
from simsnn.workload.operation import GemmOperation, Operand, Operation, Pass, TaskPart

SCALE = 64
"""Weights are integers over this."""
_BACKWARD = frozenset({Pass.B, Pass.W, Pass.I, Pass.R})


def real_step(network: Network, mode: BackwardMode, timesteps: int, batch: int, seed: int = 0) -> ModeStep:
    """One training step on the first digits, with stored integer weights, in float32.

    Parameters
    ----------
    network : Network
        For 8 x 8 images.
    mode : BackwardMode
        How.
    timesteps, batch : int
        T and B.
    seed : int
        Of the weights.
    """
    model = Model(network, timesteps)
    data = load_dataset(DigitsConfig(kind="digits"), network)
    x = np.ascontiguousarray(np.moveaxis(data.train_images[:batch], 1, -1)[None], model.dtype)
    rng = np.random.default_rng(seed)
    drawn = model.calibrated(initial_parameters(network, timesteps, rng, model.dtype), x)
    state = State(np.rint(drawn * SCALE).astype(model.dtype) / model.dtype.type(SCALE), model.initial_statistics())
    every_step = np.repeat(x, timesteps, axis=0)
    return mode_step(model, state, every_step, data.train_labels[:batch], "cross_entropy", mode)


@dataclass(frozen=True, slots=True)
class RealCase:
    """A mode on real arrays beside store-all of the same neurons.

    Parameters
    ----------
    case : ModeCase
        Which.
    network : str
        File in configs/networks.
    differing, parameters : int
        Elements of the gradient that are not bit-equal, and all of them.
    error : float
        Euclidean length of the difference over that of the gradient of store-all.
    leftover : float or None
        Largest state that the inverse left before the first step; None where nothing was inverted.
    kept, simulated : tuple of (OperandClass, int)
        Elements that the arrays and the operations keep between F and the later passes.
    """

    case: ModeCase
    network: str
    differing: int
    parameters: int
    error: float
    leftover: float | None
    kept: tuple[tuple[OperandClass, int], ...]
    simulated: tuple[tuple[OperandClass, int], ...]

    @property
    def node_elements(self) -> int:
        """Elements that nodes keep, without what they deliver."""
        own = (OperandClass.MEMBRANE, OperandClass.MASKS, OperandClass.SIDE_BITS, OperandClass.CURRENTS)
        return sum(count for role, count in self.kept if role in own)

    @property
    def all_elements(self) -> int:
        """Elements kept altogether."""
        return sum(count for _, count in self.kept)


def real_case(network: str, case: ModeCase, timesteps: int, batch: int) -> RealCase:
    """Run a mode and store-all on the same digits."""
    shape = (f"workload.timesteps={timesteps}", f"workload.batch={batch}")
    experiment = mode_experiment(network, case.neuron, case.mode, *shape)
    built = build_experiment_network(experiment)
    want, got = (real_step(built, mode, timesteps, batch) for mode in (Bptt(), case.mode))
    difference = got.gradients.vector - want.gradients.vector
    error = float(np.linalg.norm(difference) / np.linalg.norm(want.gradients.vector))
    kept = {role: got.kept.elements(role) for role in OperandClass}
    found = tuple((role, count) for role, count in kept.items() if count)
    simulated = () if isinstance(experiment.schedule, StepByStep) else kept_elements(experiment)
    changed = int(np.count_nonzero(difference))
    return RealCase(case, network, changed, len(difference), error, got.leftover, found, simulated)


def kept_elements(experiment: ExperimentConfig) -> tuple[tuple[OperandClass, int], ...]:
    """Elements that pass F, or nothing, wrote and that later passes of the step read; parameters and gradients apart.

    The image is taken as it is delivered in every step: stored once for all steps it would count once.
    """
    sequence = experiment.workload.model_copy(update={"encoding": Encoding.SEQUENCE})
    experiment = experiment.model_copy(update={"workload": sequence, "activity": None})
    operations = step_operations(experiment, build_experiment_network(experiment))
    written = {o.tensor: o for op in operations if op.pass_ is Pass.F for o in writes(op)}
    later: dict[str, Operand] = {}
    for operation in operations:
        if operation.pass_ in _BACKWARD and operation.part is not TaskPart.LOSS:
            known = (o for o in reads(operation) if o.tensor in written or o.tensor == "input")
            later |= {o.tensor: written.get(o.tensor, o) for o in known}
    found: Counter[OperandClass] = Counter()
    for operand in later.values():
        words = operand.bits // experiment.precision.membrane if operand.tensor.endswith(".states") else 1
        found[operand.role] += operand.elements * words
    return tuple((role, found[role]) for role in OperandClass if found[role])


def synapse_passes(operations: tuple[Operation, ...], layer: str, slots: int) -> float:
    """Products of a layer's synapses in full passes over all samples and steps (``slots`` of them)."""
    products = (op for op in operations if isinstance(op, GemmOperation) and op.layer == layer)
    return sum(op.slots for op in products if op.part is TaskPart.SYNAPSE) / slots


def operations_of(experiment: ExperimentConfig) -> tuple[Operation, ...]:
    """Operations of one training step, whatever its activity."""
    plain = experiment.model_copy(update={"activity": None})
    return step_operations(plain, build_experiment_network(plain))
