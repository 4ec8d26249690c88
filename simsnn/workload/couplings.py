"""Reversible sequences of a network: couplings y = x + F(z), each undone by x = y - F(z).

A coupling is a sum marked ``reversible``. Its first input is a *stream* x, its second the end of a *branch* F,
whose layers are read inside the branch alone and read one value from outside, the other stream z. Couplings
that follow one another on the same two streams are a sequence: y1 = x1 + F(x2), y2 = x2 + G(y1), and so on
(RevNets, arXiv 1707.04585; with spiking branches RevSNN, arXiv 2312.07922). The last value of each stream is
all that has to be kept of a sequence; every earlier one is given back, last to first.

A stream that is to be given back must be read by couplings of its own sequence alone: another reader would want
its value at another time.

Proof: ``tests/unit/test_block_reversible.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.errors import ConfigError, Where
from simsnn.workload.layer import Layer
from simsnn.workload.layers import AddLayer


@dataclass(frozen=True, slots=True)
class Coupling:
    """One coupling, by positions of layers in the network.

    Parameters
    ----------
    sum : int
        The marked sum.
    stream : int
        What it gives back: its first input.
    source : int
        What the branch reads: the other stream.
    branch : tuple of int
        Layers of the branch, ascending.
    """

    sum: int
    stream: int
    source: int
    branch: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReversibleSequence:
    """Couplings on the same two streams, first to last."""

    couplings: tuple[Coupling, ...]

    @property
    def entries(self) -> tuple[int, int]:
        """Layers that deliver the streams in front of the first coupling."""
        return self.couplings[0].stream, self.couplings[0].source

    @property
    def outputs(self) -> tuple[int, int]:
        """Layers that deliver the streams behind the last coupling: all that is kept."""
        return self.couplings[-1].sum, self.couplings[-1].source

    @property
    def given_back(self) -> tuple[int, ...]:
        """Layers whose values are given back, in the order in which they are."""
        return tuple(coupling.stream for coupling in reversed(self.couplings))


def reversible_sequences(layers: tuple[Layer, ...]) -> tuple[ReversibleSequence, ...]:
    """Sequences of a network whose marks were checked, first to last."""
    found: list[list[Coupling]] = []
    streams: dict[frozenset[int], list[Coupling]] = {}
    for layer in layers:
        if isinstance(layer.config, AddLayer) and layer.config.reversible:
            coupling = _coupling(layers, layer)
            sequence = streams.pop(frozenset((coupling.stream, coupling.source)), None)
            if sequence is None:
                sequence = []
                found.append(sequence)
            sequence.append(coupling)
            streams[frozenset((coupling.sum, coupling.source))] = sequence
    return tuple(ReversibleSequence(tuple(sequence)) for sequence in found)


def check_couplings(layers: tuple[Layer, ...]) -> None:
    """Refuse marks that are no coupling.

    Raises
    ------
    ConfigError
        Naming the marked layer and what stands in the way.
    """
    sequences = reversible_sequences(layers)
    sums = {coupling.sum for sequence in sequences for coupling in sequence.couplings}
    for sequence in sequences:
        _check_entries(layers, sequence, sums)
        _check_readers(layers, sequence)


def _coupling(layers: tuple[Layer, ...], layer: Layer) -> Coupling:
    stream, end = layer.inputs
    branch, sources = _branch(layers, layer.index, stream, end)
    if not branch:
        raise _refused(layer, f"its second input {_name(layers, end)} is no branch: other layers read it too")
    if len(sources) != 1:
        names = ", ".join(_name(layers, index) for index in sorted(sources))
        raise _refused(layer, f"its branch reads {names}; a branch reads one stream")
    source = sources.pop()
    if source == stream:
        raise _refused(layer, f"its branch reads {_name(layers, stream)}, the stream that it is added to")
    return Coupling(layer.index, stream, source, tuple(sorted(branch)))


def _branch(layers: tuple[Layer, ...], total: int, stream: int, end: int) -> tuple[set[int], set[int]]:
    """Layers that lead to the sum alone, and what they read from outside; a coupling's sum is never inside."""
    branch, sources, waiting = set[int](), set[int](), {end}
    while waiting:
        index = max(waiting)  # all readers of a layer stand behind it, so they were looked at before it
        waiting.remove(index)
        inside = index >= 0 and index != stream and set(layers[index].consumers) <= branch | {total}
        if inside and not getattr(layers[index].config, "reversible", False):
            branch.add(index)
            waiting |= set(layers[index].inputs)
        else:
            sources.add(index)
    return branch, sources


def _check_entries(layers: tuple[Layer, ...], sequence: ReversibleSequence, sums: set[int]) -> None:
    first = layers[sequence.couplings[0].sum]
    for index in sequence.entries:
        if index < 0:
            raise _refused(first, "it takes the network's input as a stream; put a layer in between")
        entry = layers[index]
        if entry.neuron is not None:
            raise _refused(first, f"its stream {entry.name!r} has a neuron; put the neuron in the branch, kind: neuron")
        if entry.kind == "flatten":
            raise _refused(first, f"its stream {entry.name!r} moves no data; name the layer before it")
        if index in sums:
            raise _refused(first, f"its stream {entry.name!r} belongs to another pair of streams")


def _check_readers(layers: tuple[Layer, ...], sequence: ReversibleSequence) -> None:
    """Whatever is given back is read by the sum that takes it over, and by branches of the sequence."""
    inside = {index for coupling in sequence.couplings for index in (coupling.sum, *coupling.branch)}
    for coupling in sequence.couplings:
        others = [layers[i].name for i in layers[coupling.stream].consumers if i not in inside]
        if others:
            raise _refused(
                layers[coupling.sum],
                f"its stream {_name(layers, coupling.stream)} is read by {', '.join(map(repr, others))} as well, "
                "where it is not given back yet",
            )


def _name(layers: tuple[Layer, ...], index: int) -> str:
    return "the network's input" if index < 0 else repr(layers[index].name)


def _refused(layer: Layer, why: str) -> ConfigError:
    return ConfigError(
        f"layer {layer.name!r} is marked reversible and is no coupling: {why}",
        where=Where(path=f"network.layers.{layer.index}.reversible"),
        value=True,
        remedy="inputs: [stream, branch], the branch from the other stream alone; or leave the mark out",
    )
