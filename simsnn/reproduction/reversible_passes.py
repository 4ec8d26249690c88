"""How often the synapses of a hidden layer run in one training step, counted from its lowered operations.

3: forward, backward, weight gradient. 4: forward once more. 5: twice more. Modes that this version of the simulator
does not have are left out and named.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.neurons import Neuron
from simsnn.reproduction.outcome import Claim, Standing
from simsnn.reproduction.reversible_cases import (
    BLOCKS,
    FUSED,
    INTEGRATE_AND_FIRE,
    LEVEL,
    LIF,
    MLP,
    NODE,
    PLAIN,
    SEPARATE,
    STREAMLINED,
    TEMPORAL,
    WORD_LIF,
    mode_experiment,
)
from simsnn.reproduction.reversible_steps import operations_of, synapse_passes
from simsnn.workload.backward_modes import BackwardMode, Bptt, LayerCheckpoint, Ottt, Sltt, TimeCheckpoint


@dataclass(frozen=True, slots=True)
class PassCase:
    """A backward mode and the passes that it is said to take.

    Parameters
    ----------
    name : str
        Of the check.
    mode : BackwardMode or None
        None where this version does not have it.
    neuron : NeuronModel
        Of every layer.
    passes : int
        Of a hidden layer.
    network, layer : str
        Where they are counted.
    """

    name: str
    mode: BackwardMode | None
    neuron: Neuron
    passes: int
    network: str = MLP
    layer: str = "fc2"


PASS_CASES = (
    PassCase("bptt", Bptt(), LIF, 3),
    PassCase("layer_checkpoint", LayerCheckpoint(), LIF, 4),
    PassCase("block_fused", FUSED, INTEGRATE_AND_FIRE, 4, BLOCKS, "branch2"),
    PassCase("block_separate", SEPARATE, INTEGRATE_AND_FIRE, 5, BLOCKS, "branch2"),
    PassCase("time_checkpoint", TimeCheckpoint(kind="time_checkpoint", segment=3), LIF, 4),
    PassCase("node_plain", PLAIN, NODE, 3),
    PassCase("node_streamlined", STREAMLINED, NODE, 3),
    PassCase("integer_lif", STREAMLINED, WORD_LIF, 4),
    PassCase("temporal", TEMPORAL, LEVEL, 4),
    PassCase("sltt", Sltt(kind="sltt"), LIF, 3),
    PassCase("ottt", Ottt(kind="ottt"), LIF, 3),
)


def pass_claims(cases: tuple[PassCase, ...] = PASS_CASES) -> tuple[Claim, ...]:
    """Passes of every mode that there is."""
    return tuple(_claim(case, case.mode) for case in cases if case.mode is not None)


def left_out(cases: tuple[PassCase, ...] = PASS_CASES) -> tuple[str, ...]:
    """Modes that this version does not have."""
    return tuple(case.name for case in cases if case.mode is None)


def _claim(case: PassCase, mode: BackwardMode) -> Claim:
    experiment = mode_experiment(case.network, case.neuron, mode)
    workload = experiment.workload
    found = synapse_passes(operations_of(experiment), case.layer, workload.timesteps * workload.batch)
    note = f"products of {case.layer} over all samples and steps, {case.neuron.kind}; {_missing()}"
    return Claim(f"exact.passes.{case.name}", found, case.passes, case.passes, Standing.EXACT, note.strip("; "))


def _missing() -> str:
    names = left_out()
    return f"this version does not have {', '.join(names)}" if names else ""
