"""Machines of resolved configurations: what is read, what is drawn, nothing breaks on what is odd."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsnn import api
from simsnn.config.dump import to_yaml
from simsnn.config.loader import parse_yaml, preset_names
from simsnn.memory.topologies import Mesh, Ring
from simsnn.viz.html.diagram import machine_figures
from simsnn.viz.html.machine import Link, machine_of
from simsnn.viz.html.topology import topology

NODES = tuple(f"core{n}" for n in range(12))


def tree_of(name: str) -> dict[str, Any]:
    tree: dict[str, Any] = parse_yaml(to_yaml(api.load(name)[0]), name).tree
    return tree


def test_the_quickstart_machine() -> None:
    machine = machine_of(tree_of("quickstart"))
    (cluster,) = machine.clusters
    array, vector = cluster.engines
    assert (machine.name, machine.clock, machine.technology, machine.several) == (
        "ws32",
        "500 MHz",
        "45 nm, 0.9 V",
        False,
    )
    assert (array.rows, array.columns, array.size) == (32, 32, "32 x 32 mac elements")
    assert array.passes == ("F", "B", "W")
    assert vector.passes == ("U", "neurons")
    assert [sram.name for sram in cluster.srams] == ["spike_buffer", "weight_buffer", "state_buffer"]
    drawing = machine_figures(machine)
    for words in ("array0 - systolic", "32 x 32 mac elements", "dram0", "spike_buffer", "16 GB/s"):
        assert words in drawing
    assert drawing.count('class="chip') == 4


def test_a_machine_with_processors_shows_links_and_one_of_each_group() -> None:
    machine = machine_of(tree_of("spikepipe_vgg9"))
    assert machine.several
    assert machine.clusters[0].count == 8
    drawing = machine_figures(machine)
    assert "core x 8" in drawing
    assert "ring of 8 processors" in drawing
    assert len(re.findall(r"<title>core\d</title>", drawing)) == 8


@pytest.mark.parametrize("name", preset_names("experiments"))
def test_every_shipped_machine_is_drawn_inside_its_frame(name: str) -> None:
    drawing = machine_figures(machine_of(tree_of(name)))
    assert "<svg" in drawing
    for svg in re.findall(r"<svg.*?</svg>", drawing, re.DOTALL):
        root = ElementTree.fromstring(svg)
        width, height = map(float, root.attrib["viewBox"].split()[2:])
        for box in root.iter("rect"):
            x, y, w, h = (float(box.attrib[key]) for key in ("x", "y", "width", "height"))
            assert x >= 0
            assert y >= 0
            assert x + w <= width + 0.01
            assert y + h <= height + 0.01


def edges(drawing: str) -> int:
    return len(re.findall(r"M[\d.]+ [\d.]+L", drawing))


def test_rings_and_meshes_have_the_channels_of_the_model() -> None:
    ring = topology(Link("r", "ring", NODES, None, ""))
    assert edges(ring) == len(Ring(NODES).channels) / 2
    mesh = topology(Link("m", "mesh", NODES, None, ""))
    assert edges(mesh) == len(Mesh(NODES, 4).channels) / 2
    assert edges(topology(Link("x", "crossbar", NODES, None, ""))) == 12
    assert edges(topology(Link("p", "point_to_point", NODES[:2], None, ""))) == 1


@pytest.mark.parametrize("kind", ["ring", "mesh", "bus", "crossbar", "point_to_point"])
@pytest.mark.parametrize("count", [1, 2, 41, 1024])
def test_any_number_of_processors_is_drawn(kind: str, count: int) -> None:
    drawing = topology(Link("l", kind, tuple(f"c{n}" for n in range(count)), None, ""))
    ElementTree.fromstring(drawing)
    assert drawing.count("<title>") == min(count, 256)
    assert ("more processors are not drawn" in drawing) == (count > 256)


UNITS = ["arrays", "vector_units", "name", "kind", "rows", "columns", "dataflows", "address_bits", "lanes"]
KEYS = st.sampled_from(
    [*UNITS, "hardware", "mapping", "holds", "srams", "processors", "count", "dram", "links", "ends", "F", "engine"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_odd_configurations_are_drawn_as_far_as_they_go(tree: dict[str, Any]) -> None:
    ElementTree.fromstring(f"<r>{machine_figures(machine_of(tree))}</r>")


def test_names_are_escaped() -> None:
    tree = {"hardware": {"name": "<b>", "arrays": [{"name": "<script>", "kind": "</svg>"}], "dram": {"name": '"'}}}
    drawing = machine_figures(machine_of(tree))
    assert "<script" not in drawing
    assert drawing.count("</svg>") == 1
