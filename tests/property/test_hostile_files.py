"""Whatever bytes a file of somebody else holds: it is read, or refused by an error of ours in one line."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simsnn.errors import ConfigError, SimsnnError, TraceError
from simsnn.importers.npz import read_trace, write_trace
from simsnn.workload.activity import Activity, ActivityKind, ChainMask, ChainPoint, LayerActivity, SpikeTensor

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def spikes(seed: int, shape: tuple[int, ...] = (2, 2, 3, 4, 4)) -> SpikeTensor:
    return SpikeTensor.from_dense(np.random.default_rng(seed).random(shape) < 0.3)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    gradients = (ChainMask(ChainPoint.SYNAPSE, spikes(3)),)
    current = np.ones((2, 2, 3, 4, 4), np.float32)
    layer = LayerActivity("conv1", spikes(0), spikes(1), spikes(2), gradients, currents=current)
    path = tmp_path_factory.mktemp("trace") / "t.npz"
    write_trace(path, Activity(2, 2, (layer,), ActivityKind.TRAIN, 0.5), "lif", "triangle")
    return path.read_bytes()


def refusal(read: Callable[[], object]) -> SimsnnError | None:
    """The error of ours that reading ends with, if any; no other is caught."""
    try:
        read()
    except SimsnnError as error:
        return error
    return None


def check(error: SimsnnError | None, kind: type[SimsnnError], path: Path) -> None:
    """One line that names the file."""
    if error is not None:
        assert isinstance(error, kind)
        assert error.where.file == str(path)
        assert "\n" not in error.message + error.where.path
        assert len(error.message) < 600


def attempt(path: Path) -> None:
    """Read, or fail as a trace does."""
    check(refusal(lambda: read_trace(path)), TraceError, path)


@st.composite
def damage(draw: st.DrawFn) -> list[tuple[float, int]]:
    """Places, as shares of the length, and what is xored there."""
    return draw(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8))


@SETTINGS
@given(places=damage(), end=st.floats(0, 1), grown=st.binary(max_size=64))
def test_flipped_and_truncated_bytes(
    trace: bytes, places: list[tuple[float, int]], end: float, grown: bytes, tmp_path: Path
) -> None:
    content = bytearray(trace)
    for place, value in places:
        content[int(place * len(content))] ^= value
    for version in (bytes(content), trace[: int(end * len(trace))], bytes(content[: int(end * len(content))]) + grown):
        (tmp_path / "t.npz").write_bytes(version)
        attempt(tmp_path / "t.npz")


@SETTINGS
@given(places=damage(), member=st.integers(0, 100))
def test_flipped_bytes_within_one_array(
    trace: bytes, places: list[tuple[float, int]], member: int, tmp_path: Path
) -> None:
    """The zip around it is sound, so that headers, texts and values are what is damaged."""
    with zipfile.ZipFile(BytesIO(trace)) as source:
        members = {info.filename: bytearray(source.read(info)) for info in source.infolist()}
    content = members[list(members)[member % len(members)]]
    for place, value in places:
        content[int(place * len(content))] ^= value
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as target:
        for name, data in members.items():
            target.writestr(name, bytes(data))
    attempt(tmp_path / "t.npz")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@SETTINGS
@given(
    key=st.sampled_from(["T", "B", "layout", "neuron", "surrogate", "layers", "synthetic", "accuracy", "x"]), value=JSON
)
def test_any_json_in_the_meta_entry(trace: bytes, key: str, value: object, tmp_path: Path) -> None:
    with np.load(BytesIO(trace)) as file:
        arrays = dict(file)
    meta = json.loads(str(arrays["meta"])) | {key: value}
    arrays["meta"] = np.array(json.dumps(meta).replace("\0", ""))
    np.savez(tmp_path / "t.npz", **arrays)
    attempt(tmp_path / "t.npz")


@SETTINGS
@given(data=st.binary(max_size=300), magic=st.booleans())
def test_any_bytes(data: bytes, magic: bool, tmp_path: Path) -> None:
    (tmp_path / "t.npz").write_bytes((b"PK\x03\x04" if magic else b"") + data)
    with pytest.raises(TraceError):
        read_trace(tmp_path / "t.npz")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    pytest.importorskip("nir")
    from tests.nir_graphs import chain, conv2d, lif, write

    path = tmp_path_factory.mktemp("graph") / "g.nir"
    return write(path, chain(conv2d(1, 2), lif(2, 4, 4), shape=(1, 6, 6))).read_bytes()


@settings(SETTINGS, max_examples=12)  # each is read by a process of its own
@given(places=damage(), end=st.floats(0, 1))
def test_damaged_nir_files(graph: bytes, places: list[tuple[float, int]], end: float, tmp_path: Path) -> None:
    from simsnn.importers.nir import import_nir
    from simsnn.importers.nir_source import NirSource

    content = bytearray(graph)
    for place, value in places:
        content[int(place * len(content))] ^= value
    path, source = tmp_path / "g.nir", NirSource(nir="g.nir", dt="100 us")  # type: ignore[arg-type]
    for version in (bytes(content), graph[: int(end * len(graph))]):
        path.write_bytes(version)
        check(refusal(partial(import_nir, path, source)), ConfigError, path)
