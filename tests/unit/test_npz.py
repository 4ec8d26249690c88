"""Traces survive a round trip, and nothing hostile or wrong gets in."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from simsnn.errors import TraceError
from simsnn.importers.npz import read_trace, write_trace
from simsnn.workload.activity import (
    Activity,
    ActivityKind,
    ChainMask,
    ChainPoint,
    DenseInput,
    LayerActivity,
    SpikeTensor,
)

SHAPE = (2, 3, 5, 4, 3)


def _spikes(shape: tuple[int, ...], seed: int) -> SpikeTensor:
    return SpikeTensor.from_dense(np.random.default_rng(seed).random(shape) < 0.3)


def _activity(kind: ActivityKind = ActivityKind.TRAIN) -> Activity:
    rng = np.random.default_rng(9)
    first = LayerActivity(
        "conv1",
        DenseInput((2, 3, 1, 8, 8), 8, 0.75),
        _spikes(SHAPE, 0),
        _spikes(SHAPE, 1),
        (ChainMask(ChainPoint.SURROGATE, _spikes(SHAPE, 2)), ChainMask(ChainPoint.SYNAPSE, _spikes(SHAPE, 3))),
        currents=rng.normal(size=SHAPE).astype(np.float32),
    )
    second = LayerActivity("conv2", first.outputs, _spikes(SHAPE, 4), _spikes(SHAPE, 5), input_needed=_spikes(SHAPE, 6))
    flat = (2, 3, 60)
    third = LayerActivity(
        "fc",
        _spikes(flat, 7),
        gradients=(ChainMask(ChainPoint.SYNAPSE, _spikes((2, 3, 10), 8)),),
        gradient=rng.normal(size=(2, 3, 10)),
    )
    bare = LayerActivity("readout", _spikes(flat, 10))
    return Activity(2, 3, (first, second, third, bare), kind, 0.875)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.npz"
    write_trace(path, _activity(), "lif", "triangle")
    return path


def _rewrite(path: Path, **changes: object) -> Path:
    """The same file with some arrays replaced, added, or (None) dropped."""
    with np.load(path) as stored:
        arrays = {**dict(stored), **changes}
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def _meta(path: Path, **changes: object) -> Path:
    with np.load(path) as stored:
        meta = {**json.loads(str(stored["meta"])), **changes}
    return _rewrite(path, meta=np.array(json.dumps(meta)))


def _layers(path: Path, index: int, **changes: object) -> Path:
    with np.load(path) as stored:
        layers = json.loads(str(stored["meta"]))["layers"]
    layers[index].update(changes)
    return _meta(path, layers=layers)


def _refused(path: Path, key: str, message: str) -> None:
    with pytest.raises(TraceError, match=message) as caught:
        read_trace(path)
    assert caught.value.where.file == str(path)
    assert caught.value.where.path == key


def test_round_trip_keeps_every_bit(trace: Path) -> None:
    assert read_trace(trace).digest == _activity().digest
    assert read_trace(trace).kind is ActivityKind.FILE


def test_synthetic_stays_labelled(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    write_trace(path, _activity(ActivityKind.SYNTHETIC), "lif", "triangle")
    assert read_trace(path).synthetic


def test_keys_and_bit_order_are_the_contract(trace: Path) -> None:
    with np.load(trace, allow_pickle=False) as stored:
        assert str(stored["schema"]) == "simsnn/trace/1"
        meta = json.loads(str(stored["meta"]))
        assert (meta["T"], meta["B"], meta["layout"], meta["neuron"]) == (2, 3, "[T,B,C,H,W]", "lif")
        assert meta["layers"][1]["from"] == "conv1"
        dense = _activity().layers[0].outputs.to_dense().reshape(2, 3, -1)
        np.testing.assert_array_equal(stored["layer0_spikes_packed"], np.packbits(dense, axis=-1, bitorder="little"))
        assert stored["layer0_shape"].tolist() == list(SHAPE)
        assert {"layer0_mask_packed", "layer0_current", "layer2_gradient"} <= set(stored.files)


def test_two_writes_are_the_same_file_and_leave_nothing_else(trace: Path) -> None:
    first = trace.read_bytes()
    write_trace(trace, _activity(), "lif", "triangle")
    assert trace.read_bytes() == first
    assert [file.name for file in trace.parent.iterdir()] == ["trace.npz"]


def test_half_recorded_layers_are_not_written(tmp_path: Path) -> None:
    odd = LayerActivity("a", _spikes(SHAPE, 0), _spikes(SHAPE, 1), _spikes((2, 3, 7), 1))
    with pytest.raises(TraceError, match="different shapes"):
        write_trace(tmp_path / "x.npz", Activity(2, 3, (odd,), ActivityKind.TRAIN), "lif", "none")
    half = LayerActivity("a", _spikes(SHAPE, 0), _spikes(SHAPE, 1))
    with pytest.raises(TraceError, match="or neither"):
        write_trace(tmp_path / "x.npz", Activity(2, 3, (half,), ActivityKind.TRAIN), "lif", "none")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("layer0_spikes_packed", None, "is missing"),
        ("layer0_mask_packed", None, "is missing"),
        ("layer0_shape", None, "is missing"),
        ("layer2_input_packed", None, "is missing"),
        ("schema", None, "is missing"),
        ("meta", None, "is missing"),
        ("schema", np.array("simsnn/trace/2"), "unknown schema"),
        ("schema", np.array(["a", "b"]), "must be one string"),
        ("layer0_spikes_packed", np.zeros((2, 3, 8), np.int8), "has dtype int8"),
        ("layer0_spikes_packed", np.zeros((2, 3, 8), np.uint16), "has dtype uint16"),
        ("layer0_spikes_packed", np.zeros((2, 3, 7), np.uint8), "packs into"),
        ("layer0_spikes_packed", np.full((2, 3, 8), 255, np.uint8), "bits beyond element 60"),
        ("layer0_shape", np.array([2, 3, 5, 4]), "no shape of this trace"),
        ("layer0_shape", np.array([2, 4, 5, 4, 3]), "no shape of this trace"),
        ("layer0_shape", np.array([2, 3, 5, 4, -3]), "no shape of this trace"),
        ("layer0_shape", np.array([2, 3, 2**40, 2**40, 2**40]), "packs into"),
        ("layer0_shape", np.array([2.0, 3, 5, 4, 3]), "has dtype float64"),
        ("layer0_current", np.full(SHAPE, np.nan, np.float32), "NaN or infinity"),
        ("layer0_current", np.full(SHAPE, np.inf, np.float32), "NaN or infinity"),
        ("layer0_current", np.zeros((2, 3, 5)), "the layer has"),
        ("layer0_current", np.zeros(SHAPE, np.complex128), "has dtype complex128"),
        ("layer0_curent", np.zeros(SHAPE), "not a key of this schema"),
        ("layer9_shape", np.array(SHAPE), "not a key of this schema"),
    ],
)
def test_wrong_arrays_are_refused(trace: Path, key: str, value: np.ndarray | None, message: str) -> None:
    named = "layer0_spikes_packed" if message == "packs into" else key
    _refused(_rewrite(trace, **{key: value}), named, message)


def test_misspelt_key_names_the_nearest(trace: Path) -> None:
    with pytest.raises(TraceError, match="layer0_current"):
        read_trace(_rewrite(trace, layer0_curent=np.zeros(SHAPE)))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"T": 0}, "meta.T"),
        ({"T": "2"}, "meta.T"),
        ({"layout": "[B,T,C,H,W]"}, "meta.layout"),
        ({"accuracy": 1.5}, "meta.accuracy"),
        ({"accuracy": float("nan")}, "meta.accuracy"),
    ],
)
def test_wrong_meta_is_refused(trace: Path, changes: dict, key: str) -> None:
    _refused(_meta(trace, **changes), key, "problems")


def test_unknown_meta_key_and_broken_json(trace: Path) -> None:
    with pytest.raises(TraceError, match="colour"):
        read_trace(_meta(trace, colour=1))
    _refused(_rewrite(trace, meta=np.array("{")), "meta", "Invalid JSON")


def test_wrong_layer_graph_is_refused(trace: Path) -> None:
    _refused(_layers(trace, 1, **{"from": "conv9"}), "meta", "takes its inputs from 'conv9'")


def test_names_must_be_unique(trace: Path) -> None:
    _refused(_layers(trace, 3, name="conv2"), "meta", "unique")


def test_both_sources_are_refused(trace: Path) -> None:
    dense = {"shape": list(SHAPE), "bits": 8, "density": 1.0}
    _refused(_layers(trace, 1, dense=dense), "meta", "both 'from' and 'dense'")


def _npy(values: np.ndarray, **options: bool) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, values, **options)
    return stream.getvalue()


def _hostile(trace: Path, name: str, data: bytes) -> Path:
    """The valid file with one member's raw bytes replaced or added."""
    with zipfile.ZipFile(trace) as source:
        members = {info.filename: source.read(info) for info in source.infolist()}
    members[name] = data
    with zipfile.ZipFile(trace, "w", zipfile.ZIP_DEFLATED) as target:
        for member, content in members.items():
            target.writestr(member, content)
    return trace


class _Bomb:
    """Unpickling it would raise; reading a trace must never get so far."""

    def __reduce__(self) -> tuple:
        return (_explode, ())


def _explode() -> None:
    raise AssertionError("a pickle was loaded")


def test_pickled_objects_are_never_loaded(trace: Path) -> None:
    data = _npy(np.array([_Bomb()], object), allow_pickle=True)
    _refused(_hostile(trace, "layer0_current.npy", data), "layer0_current", "has dtype object")


def test_header_that_lies_about_its_size(trace: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (2**50,)})
    hostile = _hostile(trace, "layer0_spikes_packed.npy", stream.getvalue())
    _refused(hostile, "layer0_spikes_packed", "declares shape")


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", b"\x93NUMPY\x09\x00" + bytes(40), b"not an array" * 9])
def test_members_that_are_no_arrays(trace: Path, data: bytes) -> None:
    _refused(_hostile(trace, "layer0_shape.npy", data), "layer0_shape", "cannot be read")


def test_header_with_code_is_not_evaluated(trace: Path) -> None:
    header = b"{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (1,)}\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    _refused(_hostile(trace, "layer0_shape.npy", data), "layer0_shape", "cannot be read")


def test_zip_bomb_is_refused_before_unpacking(trace: Path) -> None:
    hostile = _hostile(trace, "layer0_current.npy", _npy(np.zeros(10**7, np.uint8)))
    with pytest.raises(TraceError, match="more than the limit"):
        read_trace(hostile, limit_bytes=10**6)
    assert hostile.stat().st_size < 10**5


def test_foreign_members_are_refused(trace: Path) -> None:
    _refused(_hostile(trace, "../../evil.sh", b"#!"), "../../evil.sh", "not a plain .npy")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_members_are_refused(trace: Path) -> None:
    with zipfile.ZipFile(trace, "a") as target:
        target.writestr("layer0_shape.npy", _npy(np.array(SHAPE)))
    _refused(trace, "layer0_shape", "occurs twice")


def test_text_that_is_no_unicode(trace: Path) -> None:
    data = _npy(np.array("x"))[:-4] + b"\xff\xff\xff\xff"
    with pytest.raises(TraceError, match="schema"):
        read_trace(_hostile(trace, "schema.npy", data))


def test_truncated_and_foreign_files(trace: Path) -> None:
    content = trace.read_bytes()
    trace.write_bytes(content[: len(content) // 2])
    _refused(trace, "", "cannot be opened")
    trace.write_bytes(b"\x80\x04K\x01.")  # a pickle
    _refused(trace, "", "cannot be opened")
    _refused(trace.with_name("absent.npz"), "", "cannot be opened")


def test_every_flipped_byte_is_refused_or_harmless(trace: Path) -> None:
    content, digest = trace.read_bytes(), _activity().digest
    for position in range(0, len(content), 37):
        trace.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        try:
            assert read_trace(trace).digest == digest  # a byte that nothing reads, such as a date
        except TraceError:
            continue


def _directory(trace: Path, **changes: int) -> Path:
    """The valid file with numbers of its zip directory changed, at their offsets in the first entry."""
    content = bytearray(trace.read_bytes())
    entry = content.index(b"PK\x01\x02")
    offsets = {"compress_type": 10, "compress_size": 20, "file_size": 24}
    for name, value in changes.items():
        size = 2 if name == "compress_type" else 4
        content[entry + offsets[name] : entry + offsets[name] + size] = value.to_bytes(size, "little")
    trace.write_bytes(bytes(content))
    return trace


def test_more_bytes_than_deflate_can_make_are_refused(trace: Path) -> None:
    _refused(_directory(trace, file_size=2**24), "layer0_shape", "more than deflate can make of them")


def test_members_that_overlap_are_refused(trace: Path) -> None:
    size = trace.stat().st_size
    _refused(_directory(trace, compress_size=size, file_size=size), "", "its members overlap")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_other_compressions_are_refused(trace: Path, method: int) -> None:
    _refused(_directory(trace, compress_type=method), "layer0_shape.npy", "is not a plain .npy array")


@pytest.mark.parametrize("name", ["../layer9.npy", "/etc/passwd.npy", "a/b.npy", "c:\\d.npy", "\u00e9.npy", ".npy"])
def test_member_names_are_plain_names(trace: Path, name: str) -> None:
    with pytest.raises(TraceError, match="no name of an array"):
        read_trace(_hostile(trace, name, _npy(np.zeros(1))))


def test_a_name_with_line_breaks_stays_in_one_line(trace: Path) -> None:
    with pytest.raises(TraceError) as caught:
        read_trace(_hostile(trace, "a\nb.npy", _npy(np.zeros(1))))
    assert "\n" not in str(caught.value.where) + caught.value.message


@pytest.mark.parametrize("header", ["{'descr': '<i8', 'fortran_order': False, 'shape': (5,(, }", '"""', "(" * 200])
def test_headers_that_are_no_python(trace: Path, header: str) -> None:
    text = header.encode() + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    _refused(_hostile(trace, "layer0_shape.npy", data), "layer0_shape", "cannot be read")
