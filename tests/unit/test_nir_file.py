"""Hostile and damaged HDF5 files are refused, in one line that names the place, before memory is taken."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

nir = pytest.importorskip("nir")
h5py = pytest.importorskip("h5py")

from simsnn.errors import ConfigError  # noqa: E402
from simsnn.importers.nir_child import read_apart  # noqa: E402
from simsnn.importers.nir_file import MAX_NODES, read_nir_file  # noqa: E402
from tests.nir_graphs import chain, conv2d, flatten, lif, linear, write  # noqa: E402


@pytest.fixture
def path(tmp_path: Path) -> Path:
    graph = chain(conv2d(1, 2), lif(2, 4, 4), flatten(2, 4, 4), linear(32, 3), shape=(1, 6, 6))
    return write(tmp_path / "g.nir", graph)


def refused(path: Path, place: str, message: str, limit_bytes: int = 10**6) -> None:
    with pytest.raises(ConfigError) as caught:
        read_nir_file(path, limit_bytes)
    assert caught.value.where.path == place
    assert message in caught.value.message
    assert "\n" not in caught.value.message + caught.value.where.path


def replace(path: Path, place: str, **options: Any) -> Path:
    with h5py.File(path, "a") as file:
        if place in file:
            del file[place]
        file.create_dataset(place, **options)
    return path


def test_a_sound_file_is_what_was_written(path: Path) -> None:
    found, written = read_nir_file(path), nir.read(path)
    assert {node.name: node.kind for node in found.nodes} == {k: type(n).__name__ for k, n in written.nodes.items()}
    assert set(found.edges) == set(written.edges)
    by_name = {node.name: node for node in found.nodes}
    np.testing.assert_array_equal(by_name["n0"].arrays["weight"], written.nodes["n0"].weight)
    np.testing.assert_array_equal(by_name["n1"].arrays["tau"], written.nodes["n1"].tau)


def test_a_huge_array_is_refused_before_it_is_read(path: Path) -> None:
    replace(path, "node/nodes/n3/weight", shape=(2**20, 2**20), dtype="f8", chunks=(64, 64), compression="gzip")
    assert path.stat().st_size < 10**6
    tracemalloc.start()
    refused(path, "node n3.weight", "more than the limit of 1,000,000 B")
    assert tracemalloc.get_traced_memory()[1] < 5 * 10**6
    tracemalloc.stop()


def test_many_arrays_add_up_to_the_limit(path: Path) -> None:
    declared = sum(a.nbytes for node in read_nir_file(path).nodes for a in node.arrays.values())
    with pytest.raises(ConfigError, match="all arrays so far"):
        read_nir_file(path, declared - 1)
    read_nir_file(path, declared + 10_000)  # texts and edges count as well


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(path: Path, value: float) -> None:
    replace(path, "node/nodes/n1/tau", data=np.full((2, 4, 4), value))
    refused(path, "node n1.tau", "NaN or infinity")


def test_other_files_are_never_opened(path: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_dataset("weight", data=np.ones((3, 32)))
    with h5py.File(path, "a") as file:
        del file["node/nodes/n3/weight"]
        file["node/nodes/n3/weight"] = h5py.ExternalLink("other.h5", "weight")
    refused(path, "node n3.weight", "is a link to elsewhere")
    replace(path, "node/nodes/n3/weight", shape=(3, 32), dtype="f8", external=[(str(tmp_path / "raw"), 0, 768)])
    refused(path, "node n3.weight", "keeps its data in other files")
    layout = h5py.VirtualLayout((3, 32), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "weight", (3, 32))
    with h5py.File(path, "a") as file:
        del file["node/nodes/n3/weight"]
        file.create_virtual_dataset("node/nodes/n3/weight", layout)
    refused(path, "node n3.weight", "keeps its data in other files")


def test_soft_links_and_groups_within_themselves_lead_nowhere(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["node/nodes/again"] = h5py.SoftLink("/node/nodes/n1")
    refused(path, "node again", "is a link to elsewhere")
    with h5py.File(path, "a") as file:
        del file["node/nodes/again"]
        file["node/nodes/n3/self"] = file["node/nodes/n3"]
    refused(path, "node n3.self", "is no array")


def test_wrong_kinds_and_missing_parts(path: Path) -> None:
    replace(path, "node/nodes/n3/weight", data=np.array([b"a", b"b"], dtype="S1"))
    refused(path, "node n3.weight", "must be one text")
    replace(path, "node/nodes/n3/weight", data=np.ones((3, 32), complex))
    refused(path, "node n3.weight", "has dtype complex128")
    replace(path, "node/nodes/n3/weight", data=h5py.Empty("f8"))
    refused(path, "node n3.weight", "is empty")
    replace(path, "node/nodes/n3/type", data=3.0)
    refused(path, "node n3.type", "must be one text")
    replace(path, "node/nodes/n3/type", data="x" * 1000, dtype=h5py.string_dtype())
    refused(path, "node n3.type", "no word of at most 256")
    replace(path, "node/nodes/n3/type", data="a\nb", dtype=h5py.string_dtype())
    refused(path, "node n3.type", "no word of at most 256")
    with h5py.File(path, "a") as file:
        del file["node/nodes/n3/type"]
    refused(path, "node n3", "'type' is missing")
    with h5py.File(path, "a") as file:
        del file["node/nodes"]
    refused(path, "node.nodes", "'nodes' is missing")


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        (np.array([["in", "n0", "x"]], object), "must be pairs of names"),
        (np.zeros((3, 2)), "must be pairs of names"),
        (np.array("in", object), "must be pairs of names"),
    ],
)
def test_wrong_edges(path: Path, edges: Any, message: str) -> None:
    kind = h5py.string_dtype() if edges.dtype == object else None
    replace(path, "node/edges", data=edges, dtype=kind)
    refused(path, "node.edges", message)


def test_too_many_nodes(path: Path) -> None:
    with h5py.File(path, "a") as file:
        for number in range(MAX_NODES):
            file.create_group(f"node/nodes/x{number}")
    refused(path, "node.nodes", f"allowed are 1 to {MAX_NODES}")


def test_names_with_control_characters_stay_in_one_line(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file.create_group("node/nodes/a\nb")
    refused(path, "node a\\nb", "'type' is missing")


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x89HDF\r\n", b"\x80\x04K\x01.", b"\x89HDF\r\n\x1a\n" + bytes(64)]
)
def test_what_is_no_hdf5(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.nir").write_bytes(content)
    with pytest.raises(ConfigError, match="HDF5") as caught:
        read_nir_file(tmp_path / "x.nir")
    assert "\n" not in caught.value.message


def test_absent_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.nir", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_nir_file(path)


def test_data_of_another_kind_is_not_a_graph(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.nir", "w") as file:
        file.create_dataset("weights", data=np.ones(3))
    refused(tmp_path / "x.nir", "node", "'node' is missing")


def test_read_apart_is_the_same_file_and_the_same_refusal(path: Path) -> None:
    here, apart = read_nir_file(path), read_apart(path)
    assert (apart.path, apart.edges) == (here.path, here.edges)
    for one, other in zip(here.nodes, apart.nodes, strict=True):
        assert (one.name, one.kind, one.texts) == (other.name, other.kind, other.texts)
        assert list(one.arrays) == list(other.arrays)
        for key, values in one.arrays.items():
            np.testing.assert_array_equal(values, other.arrays[key])
            assert values.dtype == other.arrays[key].dtype
    replace(path, "node/nodes/n1/tau", data=np.full((2, 4, 4), np.nan))
    with pytest.raises(ConfigError, match="NaN or infinity") as caught:
        read_apart(path)
    assert caught.value.where.path == "node n1.tau"


@pytest.mark.parametrize("program", ["import os; os.abort()", "import time; time.sleep(60)"])
def test_a_crash_or_an_endless_loop_of_the_library_is_one_line(
    path: Path, program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The child imports a library of ours in place of h5py, which does what damage can make the real one do."""
    (tmp_path / "h5py").mkdir()
    (tmp_path / "h5py" / "__init__.py").write_text(program)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=r"the HDF5 library (fails on it|does not come to an end)"):
        read_apart(path, time_limit_s=2)
