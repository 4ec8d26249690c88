"""Activity traces as ``.npz`` files, schema ``simsnn/trace/1`` (docs/contracts: trace).

Per weight layer i, all packed rows being uint8, shape (T, B, ceil(elements / 8)), little-endian bit
order along the flattened last axis:

- ``layer{i}_shape``: shape (T, B, C, H, W) or (T, B, N) of the layer's output;
- ``layer{i}_spikes_packed``, ``layer{i}_mask_packed``: output spikes and surrogate mask, both
  absent where the layer has no neuron;
- ``layer{i}_current``, ``layer{i}_gradient``: recorded values, optional;
- ``layer{i}_gradient_<point>_packed``: non-zero gradients after a point of the backward chain;
- ``layer{i}_input_packed`` with ``layer{i}_input_shape``: input spikes, where they are not the
  output spikes of an earlier layer (``from``) and not dense; ``layer{i}_needed_packed``: which
  inputs need a gradient.

Nothing in a file is trusted: no pickles, every size is checked before memory is taken for it.
Proof: ``tests/unit/test_npz.py``.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simsnn.config.quantities import Count
from simsnn.errors import TraceError
from simsnn.importers.archive import Archive
from simsnn.kernels.spikes import bytes_from_words, words_from_bytes
from simsnn.workload.activity import (
    Activity,
    ActivityKind,
    ChainMask,
    ChainPoint,
    DenseInput,
    LayerActivity,
    SpikeTensor,
)

SCHEMA = "simsnn/trace/1"
LIMIT_BYTES = 4 * 2**30

Share = Annotated[float, Field(ge=0, le=1)]


class _TraceModel(BaseModel):
    # parsed from JSON text, not from YAML: strict JSON mode reads arrays as tuples
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class TraceDense(_TraceModel):
    """An input that is not binary."""

    shape: tuple[Count, ...]
    bits: Count
    density: Share = 1.0


class TraceLayer(_TraceModel):
    """One weight layer of the trace: its name and where its inputs come from.

    ``from`` names an earlier layer of the trace whose output spikes are this layer's inputs;
    ``dense`` describes an input that is not binary; neither means that the file holds
    ``layer{i}_input_packed``. ``neuron: false`` is a readout without spikes and mask.
    """

    name: Annotated[str, Field(min_length=1, max_length=256)]
    source: Annotated[str | None, Field(alias="from")] = None
    dense: TraceDense | None = None
    neuron: bool = True


class TraceMeta(_TraceModel):
    """The ``meta`` entry: JSON text."""

    T: Count
    B: Count
    layout: Literal["[T,B,C,H,W]"] = "[T,B,C,H,W]"
    neuron: str
    surrogate: str
    layers: tuple[TraceLayer, ...]
    synthetic: bool = False
    accuracy: Share | None = None


@dataclass(frozen=True, slots=True)
class RecordedTrace:
    """An activity and what its spikes and masks came from, in the words of whoever wrote the file."""

    activity: Activity
    neuron: str
    surrogate: str


def write_trace(path: Path, activity: Activity, neuron: str, surrogate: str) -> None:
    """Write an activity trace; the file appears complete or not at all.

    Parameters
    ----------
    path : Path
        File to write.
    activity : Activity
        What to record.
    neuron, surrogate : str
        What the spikes and masks came from, for the reader.
    """
    arrays: dict[str, NDArray[Any]] = {}
    layers = [_write_layer(i, layer, activity.layers[:i], arrays) for i, layer in enumerate(activity.layers)]
    meta = TraceMeta(
        T=activity.timesteps,
        B=activity.batch,
        neuron=neuron,
        surrogate=surrogate,
        layers=tuple(layers),
        synthetic=activity.synthetic,
        accuracy=activity.accuracy,
    )
    arrays["schema"] = np.array(SCHEMA)
    arrays["meta"] = np.array(json.dumps(meta.model_dump(by_alias=True, exclude_none=True)))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("xb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_layer(
    index: int, layer: LayerActivity, earlier: tuple[LayerActivity, ...], arrays: dict[str, NDArray[Any]]
) -> TraceLayer:
    prefix = f"layer{index}_"
    shape = _output_shape(layer)
    if shape is not None:
        arrays[prefix + "shape"] = np.array(shape, np.int64)
    packed = [("spikes", layer.outputs), ("mask", layer.surrogate), ("needed", layer.input_needed)]
    packed += [(f"gradient_{entry.point}", entry.mask) for entry in layer.gradients]
    for key, tensor in packed:
        if tensor is not None:
            arrays[f"{prefix}{key}_packed"] = bytes_from_words(tensor.packed, tensor.slot_elements)
    for key, values in (("current", layer.currents), ("gradient", layer.gradient)):
        if values is not None:
            arrays[prefix + key] = values
    inputs, neuron = layer.inputs, layer.outputs is not None
    if isinstance(inputs, DenseInput):
        dense = TraceDense(shape=inputs.shape, bits=inputs.bits, density=inputs.density)
        return TraceLayer(name=layer.layer, neuron=neuron, dense=dense)
    for producer in earlier:
        if producer.outputs is not None and producer.outputs.equals(inputs):
            return TraceLayer(name=layer.layer, neuron=neuron, source=producer.layer)
    arrays[prefix + "input_packed"] = bytes_from_words(inputs.packed, inputs.slot_elements)
    arrays[prefix + "input_shape"] = np.array(inputs.shape, np.int64)
    return TraceLayer(name=layer.layer, neuron=neuron)


def _output_shape(layer: LayerActivity) -> tuple[int, ...] | None:
    """Shape of the layer's output, None where nothing of that shape was recorded."""
    if (layer.outputs is None) != (layer.surrogate is None):
        raise TraceError(f"layer {layer.layer!r} needs output spikes and surrogate mask, or neither")
    tensors = [layer.outputs, layer.surrogate, *(entry.mask for entry in layer.gradients)]
    shapes = {tensor.shape for tensor in tensors if tensor is not None}
    shapes |= {values.shape for values in (layer.currents, layer.gradient) if values is not None}
    if len(shapes) > 1:
        raise TraceError(
            f"layer {layer.layer!r} has outputs of different shapes: {sorted(shapes)}",
            remedy="record spikes, surrogate mask, gradient masks and values in the shape of the output currents",
        )
    return shapes.pop() if shapes else None


def read_trace(path: Path, limit_bytes: int = LIMIT_BYTES) -> Activity:
    """Read an activity trace, trusting nothing in it.

    Parameters
    ----------
    path : Path
        File to read.
    limit_bytes : int
        Uncompressed bytes that the whole file may hold.

    Returns
    -------
    Activity
        Of kind ``synthetic`` if the file says so, else ``file``.

    Raises
    ------
    TraceError
        Naming the file and the key, for anything that is not a valid trace.
    """
    return read_recorded(path, limit_bytes).activity


def read_recorded(path: Path, limit_bytes: int = LIMIT_BYTES) -> RecordedTrace:
    """The same with the names of neuron and surrogate."""
    with Archive(path, limit_bytes) as archive:
        schema = archive.text("schema")
        if schema != SCHEMA:
            raise archive.error("schema", f"unknown schema {schema!r}", allowed=(SCHEMA,))
        meta = _meta(archive)
        layers: list[LayerActivity] = []
        for index, entry in enumerate(meta.layers):
            layers.append(_Reader(archive, meta, index).layer(entry, tuple(layers)))
        archive.refuse_unread()
        kind = ActivityKind.SYNTHETIC if meta.synthetic else ActivityKind.FILE
        try:
            activity = Activity(meta.T, meta.B, tuple(layers), kind, meta.accuracy)
        except ValueError as error:
            raise archive.error("meta", str(error)) from None
        return RecordedTrace(activity, meta.neuron, meta.surrogate)


def _meta(archive: Archive) -> TraceMeta:
    try:
        return TraceMeta.model_validate_json(archive.text("meta"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in ("meta", *first["loc"]))
        raise archive.error(place, f"{' '.join(first['msg'].split())} ({error.error_count()} problems)") from None


class _Reader:
    """Reads the entries of one layer."""

    def __init__(self, archive: Archive, meta: TraceMeta, index: int) -> None:
        self.archive = archive
        self.meta = meta
        self.prefix = f"layer{index}_"

    def layer(self, entry: TraceLayer, earlier: tuple[LayerActivity, ...]) -> LayerActivity:
        inputs = self.inputs(entry, earlier)
        points = [point for point in ChainPoint if self.has(f"gradient_{point}_packed")]
        shape: tuple[int, ...] = ()
        if entry.neuron or points or any(self.has(key) for key in ("shape", "current", "gradient")):
            shape = self.shape("shape")
        return LayerActivity(
            layer=entry.name,
            inputs=inputs,
            outputs=self.packed("spikes_packed", shape) if entry.neuron else None,
            surrogate=self.packed("mask_packed", shape) if entry.neuron else None,
            gradients=tuple(ChainMask(point, self.packed(f"gradient_{point}_packed", shape)) for point in points),
            input_needed=self.packed("needed_packed", inputs.shape) if self.has("needed_packed") else None,
            currents=self.values("current", shape),
            gradient=self.values("gradient", shape),
        )

    def has(self, key: str) -> bool:
        return self.prefix + key in self.archive.keys

    def shape(self, key: str) -> tuple[int, ...]:
        """A shape entry: (T, B, C, H, W) or (T, B, N), positive, agreeing with meta."""
        name = self.prefix + key
        sizes = self.archive.array(name, "iu")
        found = tuple(int(size) for size in sizes.reshape(-1))
        self.check_shape(name, found if sizes.ndim == 1 else ())
        return found

    def check_shape(self, name: str, shape: tuple[int, ...]) -> None:
        steps = (self.meta.T, self.meta.B)
        if len(shape) not in (3, 5) or min(shape) < 1 or shape[:2] != steps:
            allowed = f"(T, B, C, H, W) or (T, B, N) with (T, B) = {steps}, every size at least 1"
            raise self.archive.error(name, f"{shape} is no shape of this trace", allowed=(allowed,))

    def packed(self, key: str, shape: tuple[int, ...]) -> SpikeTensor:
        """A packed entry as spikes of a known shape."""
        name = self.prefix + key
        rows = self.archive.array(name, "u", itemsize=1)
        elements = 1
        for size in shape[2:]:
            elements *= size
        expected = (*shape[:2], -(-elements // 8))
        if rows.shape != expected:
            raise self.archive.error(name, f"holds {rows.shape} bytes, shape {shape} packs into {expected}")
        try:
            return SpikeTensor(words_from_bytes(rows, elements), shape)
        except ValueError as error:
            raise self.archive.error(name, str(error)) from None

    def values(self, key: str, shape: tuple[int, ...]) -> NDArray[Any] | None:
        """Recorded values, finite and of the layer's shape; None where absent."""
        if not self.has(key):
            return None
        name = self.prefix + key
        values = self.archive.array(name, "fiu")
        if values.shape != shape:
            raise self.archive.error(name, f"has shape {values.shape}, the layer has {shape}")
        if not np.isfinite(values).all():
            raise self.archive.error(name, "holds NaN or infinity")
        return values

    def inputs(self, entry: TraceLayer, earlier: tuple[LayerActivity, ...]) -> SpikeTensor | DenseInput:
        """Inputs of the layer: dense, an earlier layer's spikes, or spikes of its own."""
        if entry.dense is not None and entry.source is not None:
            raise self.archive.error("meta", f"layer {entry.name!r} has both 'from' and 'dense'")
        if entry.dense is not None:
            dense = entry.dense
            self.check_shape(f"meta.layers.{entry.name}.dense", dense.shape)
            return DenseInput(dense.shape, dense.bits, dense.density)
        if entry.source is None:
            return self.packed("input_packed", self.shape("input_shape"))
        for producer in earlier:
            if producer.layer == entry.source and producer.outputs is not None:
                return producer.outputs
        known = tuple(producer.layer for producer in earlier if producer.outputs is not None)
        message = f"layer {entry.name!r} takes its inputs from {entry.source!r}, which has no spikes before it"
        raise self.archive.error("meta", message, allowed=known)
