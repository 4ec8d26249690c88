"""Which networks allow which backward mode; refused before anything runs, with the layer that forbids it.

Proof: ``tests/unit/test_backward_modes.py``, ``tests/unit/test_mode_operations.py``.
"""

from __future__ import annotations

from simsnn.errors import UnsupportedOperation, Where
from simsnn.neurons import REVERSIBLE, Parallel, Reversible
from simsnn.neurons.lif import LifNeuron
from simsnn.neurons.parallel import PsuNeuron
from simsnn.neurons.reversible import ReversibleLeiNeuron
from simsnn.workload.backward_modes import (
    BackwardMode,
    BlockReversible,
    Ottt,
    ReversibleMode,
    TemporalReversible,
    TimeCheckpoint,
)
from simsnn.workload.couplings import reversible_sequences
from simsnn.workload.layers import BatchNormLayer
from simsnn.workload.levels import is_level, remembers
from simsnn.workload.network import Layer, Network, neuron_behind
from simsnn.workload.parallel_forms import ParallelForm, ParallelForms


def check_mode(network: Network, mode: BackwardMode) -> None:
    """Refuse a network that the mode cannot train.

    Raises
    ------
    UnsupportedOperation
        Naming the first layer that forbids it, and what would help.
    """
    if isinstance(mode, BlockReversible) and not reversible_sequences(network.layers):
        raise UnsupportedOperation(
            "no layer of the network is marked reversible: there is no sequence to undo",
            where=Where("workload.backward"),
            value=mode.kind,
            remedy="mark add layers (reversible: true, inputs: [stream, branch]), or use layer_checkpoint",
        )
    for layer in network.layers:
        if isinstance(mode, ReversibleMode):
            _check_inverse(layer)
        elif isinstance(mode, TemporalReversible):
            _check_level(layer, mode)
        elif isinstance(mode, TimeCheckpoint):
            _check_steps(layer, mode)
        elif mode.online:
            _check_online(network, layer, mode)


def own_gradients(network: Network, mode: BackwardMode) -> bool:
    """Whether training in this mode has other gradients than store-all: by its equations, or by a float inverse."""
    floats = any(isinstance(layer.neuron, ReversibleLeiNeuron) for layer in network.layers)
    rounds = isinstance(mode, BlockReversible | TemporalReversible) or (isinstance(mode, ReversibleMode) and floats)
    return mode.changes_gradients or rounds


def check_all_steps(network: Network, schedule: str) -> None:
    """Refuse parallel units where one time step comes alone.

    Raises
    ------
    UnsupportedOperation
        Naming the first layer that has them.
    """
    for layer in network.layers:
        if isinstance(layer.neuron, Parallel):
            raise UnsupportedOperation(
                f"layer {layer.name!r}: {layer.neuron.kind} units work on all time steps at once, {schedule} has one"
                " at a time",
                where=Where("schedule.kind"),
                value=schedule,
                remedy="use layer_by_layer, engine_pipeline or a pipelined schedule",
            )


def check_scans(network: Network, forms: ParallelForms) -> None:
    """Refuse a scan of units that are no chain of first-order recurrences.

    Raises
    ------
    UnsupportedOperation
        Naming the first such layer, and the forms it has.
    """
    for layer in network.layers:
        if not isinstance(layer.neuron, Parallel):
            continue
        form, unit = forms.of(layer), layer.neuron
        if form not in forms_of(unit):
            raise UnsupportedOperation(
                f"layer {layer.name!r}: {unit.kind} units have no form {form.value}",
                where=Where("mapping.parallel.form"),
                value=form.value,
                allowed=tuple(each.value for each in forms_of(unit)),
            )


def forms_of(unit: Parallel) -> tuple[ParallelForm, ...]:
    """Forms that a parallel unit has."""
    found = [ParallelForm.PRODUCT]
    if unit.steps_form:
        found.append(ParallelForm.RECURRENCE)
    if isinstance(unit, PsuNeuron):
        found.append(ParallelForm.SCAN)
    return tuple(found)


def trace_leak(network: Network, layer: Layer) -> float:
    """Leak of the trace that a layer's weights read with OTTT; 0 where they read their input as it is."""
    stage = neuron_behind(network, layer)
    return stage.neuron.leak if stage is not None and isinstance(stage.neuron, LifNeuron) else 0.0


def _check_inverse(layer: Layer) -> None:
    if layer.neuron is None or isinstance(layer.neuron, Reversible):
        return
    raise UnsupportedOperation(
        f"layer {layer.name!r}: a {layer.neuron.kind} neuron cannot be inverted: its output and its state do"
        " not determine its input",
        where=Where("workload.backward"),
        value="reversible",
        remedy=f"give every layer one of the neurons {', '.join(REVERSIBLE)}, or use layer_checkpoint",
    )


def _check_level(layer: Layer, mode: BackwardMode) -> None:
    """Every neuron forgets, or its state can be taken back in time."""
    why = ""
    if isinstance(layer.config, BatchNormLayer) and layer.config.mode == "training":
        why, remedy = "its normalisation takes statistics over all time steps", "use mode: frozen"
    elif remembers(layer) and not is_level(layer):
        assert layer.neuron is not None
        what = f"a {layer.neuron.kind} neuron" if not isinstance(layer.neuron, LifNeuron) else "a neuron with a reset"
        why, remedy = f"the state of {what} cannot be taken back in time", "lif with reset: none (a level), or leak: 0"
    if why:
        raise UnsupportedOperation(
            f"layer {layer.name!r}: {why}, {mode.kind} goes back one step at a time",
            where=Where("workload.backward"),
            value=mode.kind,
            remedy=f"{remedy}, or use another backward mode",
        )


def _check_steps(layer: Layer, mode: BackwardMode) -> None:
    if layer.neuron is not None and not layer.neuron.forward_state_words:
        raise UnsupportedOperation(
            f"layer {layer.name!r}: {layer.neuron.kind} units work on all time steps at once, so no run of steps"
            f" is there by itself, as {mode.kind} needs it",
            where=Where("workload.backward"),
            value=mode.kind,
            remedy="use layer_checkpoint, or a neuron with a recurrence",
        )


def _check_online(network: Network, layer: Layer, mode: BackwardMode) -> None:
    _check_steps(layer, mode)
    spans = ""
    if isinstance(layer.config, BatchNormLayer) and layer.config.mode == "training":
        spans = "its normalisation takes statistics over all time steps"
    elif isinstance(mode, Ottt) and layer.has_weights:
        stage = neuron_behind(network, layer)
        if stage is not None and not isinstance(stage.neuron, LifNeuron):
            spans = "its neuron has no leak to take a trace with"
    if spans:
        raise UnsupportedOperation(
            f"layer {layer.name!r}: {spans}, {mode.kind} has one at a time",
            where=Where("workload.backward"),
            value=mode.kind,
            remedy="use mode: frozen for normalisations and lif neurons, or another backward mode",
        )
