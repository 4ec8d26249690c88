"""A training step in any backward mode: loss, gradient, and what was kept in between.

Proof: ``tests/unit/test_backward_modes.py``.
"""

from __future__ import annotations

import numpy as np

from simsnn.training.backpropagation import backpropagate, over_time
from simsnn.training.loss import Labels, LossName, loss_function
from simsnn.training.model import Model, State
from simsnn.training.modes.block_reversing import BlockReversed
from simsnn.training.modes.layer_checkpoint import LayerCheckpointed
from simsnn.training.modes.online import online_step
from simsnn.training.modes.reversing import Reversed
from simsnn.training.modes.step import ForwardRun, ModeStep, StepInputs, mean_readout
from simsnn.training.modes.store_all import StoreAll
from simsnn.training.modes.temporal_reversing import temporal_step
from simsnn.training.modes.time_checkpoint import TimeCheckpointed
from simsnn.training.tape import Array
from simsnn.workload.backward_modes import (
    BackwardMode,
    BlockReversible,
    LayerCheckpoint,
    Ottt,
    ReversibleMode,
    Sltt,
    TemporalReversible,
    TimeCheckpoint,
)
from simsnn.workload.mode_checks import check_mode


def mode_step(
    model: Model,
    state: State,
    x: Array,
    labels: Labels,
    loss: LossName,
    mode: BackwardMode,
    *,
    backward_parameters: Array | None = None,
    keep: bool = False,
) -> ModeStep:
    """One training step without an update.

    Parameters
    ----------
    model : Model
        The network; values are not rounded.
    state : State
        Parameters and stored moments.
    x : array, shape (T, B, H, W, C) or (1, B, H, W, C)
        Encoded input; one step stands for all.
    labels : NDArray[int64], shape (B,)
        Targets.
    loss : str
        Which loss.
    mode : BackwardMode
        How the backward pass comes by what it needs.
    backward_parameters : array or None, shape (P,)
        Weights that the backward products read, where they are others than those of the forward pass; what is
        made again is made with the latter.
    keep : bool
        Return the gradients at every layer as well.

    Raises
    ------
    UnsupportedOperation
        Where the network does not allow the mode (:func:`simsnn.workload.mode_checks.check_mode`).
    """
    check_mode(model.network, mode)
    every_step = np.ascontiguousarray(np.broadcast_to(x, (model.timesteps, *x.shape[1:])))
    step = StepInputs(model, model.rounded(state.parameters), state.statistics, every_step)
    if isinstance(mode, Sltt | Ottt):
        return online_step(step, labels, loss, traces=isinstance(mode, Ottt), keep=keep)
    parameters = step.parameters if backward_parameters is None else model.rounded(backward_parameters)
    if isinstance(mode, TemporalReversible):
        return temporal_step(step, labels, loss, parameters, keep=keep)
    run = forward_run(step, mode)
    value, d_logits = loss_function(loss)(mean_readout(run.readout), labels)
    towards = over_time(d_logits, model.timesteps)
    gradients = backpropagate(model, parameters, run, towards, keep=keep)
    leftover = run.leftover if isinstance(run, Reversed | BlockReversed) else None
    return ModeStep(value, mean_readout(run.readout), gradients, run.kept, run.moments, leftover)


def forward_run(step: StepInputs, mode: BackwardMode) -> ForwardRun:
    """Forward pass of a mode that has all time steps before it goes back."""
    if isinstance(mode, LayerCheckpoint):
        return LayerCheckpointed(step, mode)
    if isinstance(mode, TimeCheckpoint):
        return TimeCheckpointed(step, mode)
    if isinstance(mode, ReversibleMode):
        return Reversed(step, mode)
    if isinstance(mode, BlockReversible):
        return BlockReversed(step, mode)
    return StoreAll(step)
