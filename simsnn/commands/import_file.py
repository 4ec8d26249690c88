"""``simsnn import``: a NIR file as a network file, or what a trace of activity holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsnn.config.dump import to_yaml
from simsnn.config.loader import Document, nir_source, override
from simsnn.config.resolve import build
from simsnn.errors import ConfigError, Where
from simsnn.importers.nir_file import MAGIC
from simsnn.results.store import writing_file
from simsnn.workload.activity import Activity, LayerActivity
from simsnn.workload.network import Format, Network, NetworkConfig, build_network

if TYPE_CHECKING:
    from rich.console import Console

ZIP_MAGIC = b"PK"
INPUT_BITS, CURRENT_BITS = 8, 32
"""Widths that a summary needs and does not show."""


@dataclass(frozen=True, slots=True)
class NirSummary:
    """A network from a NIR file."""

    network: Network
    translations: tuple[str, ...]
    remarks: tuple[str, ...]
    written: Path | None

    def to_json(self) -> dict[str, Any]:
        """Layers with shapes and parameters, and what is not as in the file."""
        return {
            "kind": "nir",
            "name": self.network.name,
            "input": list(self.network.input_shape),
            "layers": [
                {
                    "name": layer.name,
                    "kind": layer.kind,
                    "neuron": layer.neuron.kind if layer.neuron is not None else None,
                    "in_shape": list(layer.in_shapes[0]),
                    "out_shape": list(layer.out_shape),
                    "parameters": layer.geometry.weights if layer.has_weights else 0,
                }
                for layer in self.network.layers
            ],
            "parameters": self.network.parameters,
            "neurons": list(self.translations),
            "remarks": list(self.remarks),
            "written": str(self.written) if self.written is not None else None,
        }

    def print(self, console: Console) -> None:
        """The same for people."""
        from rich.table import Table

        table = Table("layer", "kind", "output", "weights", "neuron", box=None, header_style="bold")
        for layer in self.network.layers:
            size = f"{layer.geometry.weights:,}" if layer.has_weights else ""
            neuron = layer.neuron.kind if layer.neuron is not None else ""
            table.add_row(layer.name, layer.kind, _shape(layer.out_shape), size, neuron)
        console.print(f"{self.network.name}: input {_shape(self.network.input_shape)}", highlight=False)
        console.print(table)
        console.print(f"{self.network.parameters:,} weights", highlight=False)
        for translation in self.translations:
            console.print(f"neuron {_printable(translation)}", highlight=False, markup=False, soft_wrap=True)
        for remark in self.remarks:
            console.print(f"not as in the file: {_printable(remark)}", highlight=False, markup=False, soft_wrap=True)
        if self.written is not None:
            console.print(f"written to {self.written}", highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """What an activity trace holds."""

    activity: Activity
    neuron: str
    surrogate: str

    def to_json(self) -> dict[str, Any]:
        """T, B and per layer shapes and shares of non-zeros."""
        activity = self.activity
        return {
            "kind": "trace",
            "timesteps": activity.timesteps,
            "batch": activity.batch,
            "synthetic": activity.synthetic,
            "accuracy": activity.accuracy,
            "neuron": self.neuron,
            "surrogate": self.surrogate,
            "activity_sha256": activity.digest,
            "layers": [_layer_json(entry) for entry in activity.layers],
            "warnings": list(activity.warnings()),
        }

    def print(self, console: Console) -> None:
        """The same for people."""
        from rich.table import Table

        activity = self.activity
        origin = "SYNTHETIC" if activity.synthetic else "recorded"
        accuracy = "" if activity.accuracy is None else f", accuracy {activity.accuracy:.1%}"
        head = f"{origin} activity: T = {activity.timesteps}, B = {activity.batch}{accuracy}, neuron {self.neuron},"
        console.print(_printable(f"{head} surrogate {self.surrogate}"), highlight=False, markup=False, soft_wrap=True)
        titles = ("layer", "input", "density", "fires", "surrogate", "gradient", "needed")
        table = Table(*titles, box=None, header_style="bold")
        for entry in activity.layers:
            shares = (entry.outputs, entry.surrogate, entry.synapse_gradient, entry.input_needed)
            shown = ("" if mask is None else f"{mask.rate:.2%}" for mask in shares)
            kind = "spikes" if entry.binary_input else "real"
            shape = f"{_shape(entry.inputs.shape[2:])} {kind}"
            table.add_row(_printable(entry.layer), shape, f"{entry.input_density:.2%}", *shown)
        console.print(table)
        for warning in activity.warnings():
            console.print(f"warning: {_printable(warning)}", style="yellow", highlight=False, markup=False)


def import_file(path: Path, assignments: tuple[str, ...], output: Path | None) -> NirSummary | TraceSummary:
    """Read a file of another tool; with ``output`` also write the network file.

    Parameters
    ----------
    path : Path
        A NIR graph or an activity trace, told apart by how they begin.
    assignments : tuple of str
        ``KEY=VALUE`` of what a NIR file does not say.
    output : Path or None
        Network file to write.

    Raises
    ------
    ConfigError, TraceError
        If it is neither, or not sound.
    """
    start = _start(path)
    if start.startswith(MAGIC):
        return _import_nir(path, assignments, output)
    if not start.startswith(ZIP_MAGIC):
        raise ConfigError(
            "is neither a NIR graph (HDF5) nor an activity trace (.npz)",
            where=Where(file=str(path)),
            remedy="write the one with nir.write, the other with simsnn.importers.npz.write_trace or a recorder",
        )
    if output is not None or assignments:
        given = "-o" if output is not None else "--set"
        raise ConfigError(f"{given} is for NIR files; {path.name} is an activity trace", value=given)
    from simsnn.importers.npz import read_recorded

    found = read_recorded(path)
    return TraceSummary(found.activity, found.neuron, found.surrogate)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=Where(file=str(path)), value=str(path)) from None


def _import_nir(path: Path, assignments: tuple[str, ...], output: Path | None) -> NirSummary:
    from simsnn.importers.nir import import_nir

    document = Document({"network": {"nir": str(path)}})
    for assignment in assignments:
        override(document, f"network.{assignment}")
    source = nir_source(document, document.tree["network"])
    found = import_nir(path, source)
    config = build(NetworkConfig, Document(found.tree))
    network = build_network(config, Format.real(INPUT_BITS), CURRENT_BITS)
    if output is not None:
        dt = "" if source.dt is None else f" in steps of {float(source.dt):g} ns"
        head = [f"from {path.name}{dt}", *(f"neuron {line}" for line in found.translations)]
        head += [*(f"not as in the file: {remark}" for remark in found.remarks)]
        _write(output, "".join(f"# {line}\n" for line in map(_printable, head)) + to_yaml(config))
    return NirSummary(network, found.translations, found.remarks, output)


def _write(path: Path, text: str) -> None:
    """Write a new file, whole or not at all."""
    if path.exists():
        raise ConfigError(f"{path} exists already", value=str(path), remedy="name a new file")
    with writing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _layer_json(entry: LayerActivity) -> dict[str, Any]:
    masks = [("output", entry.outputs), ("surrogate", entry.surrogate), ("needed", entry.input_needed)]
    masks += [(f"gradient_{chain.point.value}", chain.mask) for chain in entry.gradients]
    return {
        "name": entry.layer,
        "input_shape": list(entry.inputs.shape[2:]),
        "input": "spikes" if entry.binary_input else "real",
        "input_density": entry.input_density,
        "output_shape": list(entry.outputs.shape[2:]) if entry.outputs is not None else None,
        "nonzeros": {name: mask.nonzeros for name, mask in masks if mask is not None},
        "rates": {name: mask.rate for name, mask in masks if mask is not None},
        "values": [name for name, _ in entry.arrays()],
    }


def _shape(sizes: tuple[int, ...]) -> str:
    kept = sizes[:1] if len(sizes) == 3 and sizes[1:] == (1, 1) else sizes
    return "x".join(map(str, kept))


def _printable(text: str) -> str:
    """A text from a file of somebody else, without control characters and of bounded length."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return clean if len(clean) <= 300 else clean[:297] + "..."
