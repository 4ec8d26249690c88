"""Backward modes: what a training step keeps for its backward pass, and what it makes again.

=================== ============================================ ===================== =================
mode                kept between F and B                         synapse passes        gradient
=================== ============================================ ===================== =================
bptt                inputs, potentials of every step             3 (F, B, W)           the reference
layer_checkpoint    inputs at the borders of segments of layers  4 (F again, as R)     bit-equal
time_checkpoint     inputs, neuron states every ``segment``      4, or 3 with          bit-equal
                    steps                                        ``currents: keep``
reversible          outputs, last neuron state (and an anchor    3; 4 where the        exact nodes: bit-
                    every ``anchor`` steps)                      inverse needs the     equal; float
                                                                 currents              nodes: tolerance
block_reversible    both streams behind each sequence of         inside: 4 (fused),    integer streams:
                    couplings; all else as bptt                  5 (separate); else 3  bit-equal; float:
                                                                                       rounding
temporal_reversible inputs and readouts of every step, last      4; the readout 3      as bptt, up to the
                    state of every level                                               float inverse
sltt                one step's inputs and potentials             3                     no time carry
ottt                one step's inputs, traces and potentials     3, W dense            instantaneous
=================== ============================================ ===================== =================

Sources: store-all and checkpointing are textbook; ``reversible`` executes the neurons of
``simsnn/neurons/reversible.py`` (``plain``: inverse, forward again, gradient; ``streamlined``: inverse and
gradient in one pass); SLTT is arXiv 2302.14311, OTTT arXiv 2210.04195, both as their equations state
them: the gradient of step t passes the layers at t alone, and with OTTT the weights read traces of their
inputs. Both take the loss of every step's readout, so that a step needs nothing of later ones.

``block_reversible`` follows RevSNN (arXiv 2312.07922): couplings of two streams (``couplings.py``) are undone last
to first over all T. ``fused``: the branch runs once more, for the subtraction and for its gradient;
``separate``: once for each. ``temporal_reversible`` is in the style of T-RevSNN (arXiv 2405.16466): few layers
remember (*levels*, ``levels.py``), the others forget; time runs backwards over the levels' states. Its network
is feed-forward: the feedback between levels of that paper is left out.

Functional execution: ``simsnn/training/modes/``; operations on hardware: ``simsnn/workload/forward_pass.py``,
``backward_pass.py``, ``recompute.py``, ``block_reversal.py``, ``temporal_reversal.py``.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simsnn.config.quantities import Count, StrictModel
from simsnn.neurons import Parallel
from simsnn.workload.network import Network
from simsnn.workload.weight_groups import weight_groups


class Stash(StrEnum):
    """``workload.stash``: the older way to say ``bptt`` (store) or ``layer_checkpoint`` (recompute)."""

    STORE = "store"
    RECOMPUTE = "recompute"


class BackwardModeModel(StrictModel):
    """What every mode says of itself."""

    changes_gradients: ClassVar[bool] = False
    """True where the gradient is not that of store-all, bit for bit, whatever the neurons."""
    every_step_loss: ClassVar[bool] = False
    """True where the loss is the mean over steps of the loss of each step's readout."""
    online: ClassVar[bool] = False
    """True where a time step is over when it is done: nothing of it is needed later."""
    one_step_at_a_time: ClassVar[bool] = False
    """True where the layers of one time step stand together, forwards and backwards."""


class Bptt(BackwardModeModel):
    """Backpropagation through time, everything stored."""

    kind: Literal["bptt"] = "bptt"


class LayerCheckpoint(BackwardModeModel):
    """Only what enters a segment of ``every`` layers with weights is kept; ``sqrt``: ceil(sqrt(layers)) of them."""

    kind: Literal["layer_checkpoint"] = "layer_checkpoint"
    every: Count | Literal["sqrt"] = 1

    def segment_layers(self, weight_layers: int) -> int:
        """Layers with weights in a segment."""
        return math.ceil(math.sqrt(weight_layers)) if self.every == "sqrt" else self.every

    def alone(self, network: Network) -> bool:
        """True where every segment is one layer whose neurons go forward again and back in one pass.

        Parallel units do not: they run again as they ran first.
        """
        units = any(isinstance(layer.neuron, Parallel) for layer in network.layers)
        return self.segment_layers(len(network.weight_layers)) == 1 and not units


class TimeCheckpoint(BackwardModeModel):
    """The state of every neuron is kept each ``segment`` steps; potentials are made again from there.

    ``currents``: ``recompute`` makes a segment's currents again by its synapses, ``keep`` stores them.
    """

    kind: Literal["time_checkpoint"]
    segment: Count
    currents: Literal["recompute", "keep"] = "recompute"


class ReversibleMode(BackwardModeModel):
    """Potentials follow from outputs and the last state; ``anchor``: the state is also kept every so many steps."""

    kind: Literal["reversible"]
    form: Literal["plain", "streamlined"] = "streamlined"
    anchor: Count | None = None

    def bounds(self, timesteps: int) -> tuple[int, ...]:
        """Steps at which runs between two kept states begin, and T."""
        return run_bounds(timesteps, self.anchor or timesteps)


class Sltt(BackwardModeModel):
    """Spatial learning through time: no gradient passes from a step to the one before."""

    kind: Literal["sltt"]

    changes_gradients: ClassVar[bool] = True
    every_step_loss: ClassVar[bool] = True
    online: ClassVar[bool] = True
    one_step_at_a_time: ClassVar[bool] = True


class Ottt(BackwardModeModel):
    """Online training through time: as SLTT, the weights with traces of their inputs in place of the inputs."""

    kind: Literal["ottt"]

    changes_gradients: ClassVar[bool] = True
    every_step_loss: ClassVar[bool] = True
    online: ClassVar[bool] = True
    one_step_at_a_time: ClassVar[bool] = True


class BlockReversible(BackwardModeModel):
    """Streams follow from the last ones of their sequence, branch by branch made again."""

    kind: Literal["block_reversible"]
    form: Literal["fused", "separate"] = "fused"


class TemporalReversible(BackwardModeModel):
    """Step by step back in time: layers made again, states of levels given back."""

    kind: Literal["temporal_reversible"]

    one_step_at_a_time: ClassVar[bool] = True


BackwardMode = Annotated[
    Bptt | LayerCheckpoint | TimeCheckpoint | ReversibleMode | Sltt | Ottt | BlockReversible | TemporalReversible,
    Field(discriminator="kind"),
]


def run_bounds(timesteps: int, every: int) -> tuple[int, ...]:
    """Bounds of runs of ``every`` steps, the last one as long as what is left."""
    return (*range(0, timesteps, every), timesteps)


def layer_segments(network: Network, mode: LayerCheckpoint) -> tuple[int, ...]:
    """Segment of every layer of a network; one with weights takes along what follows it."""
    length = mode.segment_layers(len(network.weight_layers))
    return tuple(group // length for group in weight_groups(network))
