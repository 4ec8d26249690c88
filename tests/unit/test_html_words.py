"""Sentences of a run say what its configuration says, and mark what is synthetic."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsnn import api
from simsnn.config.dump import to_yaml
from simsnn.config.loader import parse_yaml
from simsnn.viz.html.machine import machine_of
from simsnn.viz.html.words import run_sentences
from tests.naive.reports import make_report


def words(name: str, *overrides: str, synthetic: bool = False) -> str:
    tree = parse_yaml(to_yaml(api.load(name, overrides)[0]), name).tree
    return run_sentences(make_report(synthetic=synthetic), tree, machine_of(tree))


def plain(text: str) -> str:
    return re.sub(r"<[^>]*>", "", text)


def test_the_quickstart_in_words() -> None:
    text = plain(words("quickstart"))
    for part in (
        "The network digits_conv has 6 layers (2 conv2d, 2 max pool, 1 flatten, 1 linear)",
        "leaky integrate-and-fire neurons (leak 0.5, threshold 0.5, reset soft, triangle surrogate)",
        "T = 4 time steps on a batch of 64 samples with direct encoding",
        "F (forward), B (backward), W (weight gradient), U (update)",
        "The machine ws32 runs at 500 MHz (45 nm, 0.9 V), with array0 (32 x 32 mac elements)",
        "Widths are input 8 bit, weight 8 bit",
        "The schedule is layer_by_layer.",
        "Backward mode: backpropagation through time with everything stored.",
        "Simulated at level event",
        "recorded in training on the dataset digits, with an accuracy of 96.9% on its test set",
    ):
        assert part in text


def test_synthetic_activity_is_marked() -> None:
    text = words("quickstart", synthetic=True)
    assert '<span class="synthetic">SYNTHETIC</span>' in text
    assert "not recorded in training" in text
    assert "SYNTHETIC" not in words("quickstart")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("workload.stash=recompute", "checkpoints of layers"),
        (
            "workload.backward={kind: time_checkpoint, segment: 2}",
            "checkpoints in time, the rest made again (seg",
        ),
        ("workload.backward={kind: sltt}", "without a gradient between time steps"),
        ("workload.passes=[F]", "in the passes F (forward)."),
        ("precision.quantise=true", "values are rounded to them"),
    ],
)
def test_what_is_changed_is_said(override: str, said: str) -> None:
    assert said in plain(words("quickstart", override))


def test_a_forward_run_has_no_backward_mode() -> None:
    assert "Backward mode" not in words("quickstart", "workload.passes=[F]")


def test_processors_and_links_are_said() -> None:
    text = plain(words("spikepipe_vgg9"))
    assert "8 x core (32 x 32 mac elements; 64 lanes), joined by a ring ring0" in text


def test_without_a_configuration_the_report_is_enough() -> None:
    text = plain(run_sentences(make_report(), {}, None))
    assert "This page shows run 3f9c0d1e5a7b2468." in text
    assert "500 MHz" in text


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "layers", "reset"]), inner),
    max_leaves=8,
)


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from(["network", "workload", "precision", "schedule", "activity"]), ODD),
    st.dictionaries(st.sampled_from(["timesteps", "batch", "passes", "backward", "stash", "encoding"]), ODD),
)
def test_odd_configurations_are_said_as_far_as_they_go(tree: dict[str, Any], workload: dict[str, Any]) -> None:
    for each in (tree, {**tree, "workload": workload}):
        assert "<script" not in run_sentences(make_report(), each, machine_of(each))


def test_hostile_names_stay_text() -> None:
    tree = {"network": {"name": "<script>", "layers": [{"kind": "<img>", "neuron": {"kind": "<b>"}}]}}
    text = run_sentences(make_report(), tree, machine_of(tree))
    assert not re.findall(r"<(script|img|b)\b", text)
