"""Figures in a page: names do not collide, paths stay where they were, looks need no style attribute."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from simsnn.viz.figures import cycles_figure, energy_figure
from simsnn.viz.html.svg import inline_figure, inline_svg
from simsnn.viz.html.svg_path import SCALE, compact
from tests.naive.reports import make_report

TOKEN = re.compile(r"[a-zA-Z]|-?\d*\.?\d+")


def positions(path: str) -> list[tuple[float, float]]:
    """Where a path of M, l, h, v, q, c and z goes, control points included."""
    tokens, at, start, found = TOKEN.findall(path), (0.0, 0.0), (0.0, 0.0), []
    place = 0

    def take() -> float:
        nonlocal place
        place += 1
        return float(tokens[place - 1])

    while place < len(tokens):
        command = tokens[place]
        place += 1
        if command == "M":
            at = start = (take(), take())
            found.append(at)
        elif command == "z":
            at = start
        elif command in "hv":
            step = take()
            at = (at[0] + step, at[1]) if command == "h" else (at[0], at[1] + step)
            found.append(at)
        else:
            points = [(at[0] + take(), at[1] + take()) for _ in range({"l": 1, "q": 2, "c": 3}[command])]
            found += points
            at = points[-1]
    return found


coordinate = st.floats(-1000, 1000).map(lambda value: round(value, 6))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("LQC"), st.lists(coordinate, min_size=6, max_size=6)), max_size=30))
def test_compact_paths_go_where_they_went(steps: list[tuple[str, list[float]]]) -> None:
    words, wanted = ["M 1.5 -2.25"], [(1.5, -2.25)]
    for command, numbers in steps:
        size = {"L": 2, "Q": 4, "C": 6}[command]
        words.append(f"{command} " + " ".join(f"{number:.6f}" for number in numbers[:size]))
        wanted += list(zip(numbers[:size:2], numbers[1:size:2], strict=True))
    found = positions(compact(" \n".join(words) + " z"))
    last = None
    distinct = []
    for point in ((round(x * SCALE), round(y * SCALE)) for x, y in wanted):
        distinct.append(point)
        last = point
    assert last is not None
    reached = [(round(x * SCALE), round(y * SCALE)) for x, y in found]
    # a line to where the pen is needs no command, so what stands still may be left out
    assert [p for n, p in enumerate(reached) if n == 0 or p != reached[n - 1]] == [
        p for n, p in enumerate(distinct) if n == 0 or p != distinct[n - 1]
    ]


def test_a_circle_becomes_two_arcs_of_its_size() -> None:
    figure = Figure()
    figure.add_axes((0, 0, 1, 1)).scatter([0.5], [0.5], s=100)
    text = inline_figure(figure, "f", "a point")
    (radius,) = {float(number) for number in re.findall(r"a(\d*\.?\d+) ", text)}
    assert radius == pytest.approx(5.0, abs=0.1)  # s is in square points: a radius of 5


def test_what_is_no_such_path_stays_as_it_is() -> None:
    assert compact("M 0 0 A 1 1 0 0 0 2 2") == "M 0 0 A 1 1 0 0 0 2 2"


def test_two_figures_share_no_name_and_refer_only_to_their_own() -> None:
    report = make_report()
    drawn = [inline_figure(draw(report), prefix, "x") for prefix, draw in (("a", cycles_figure), ("b", energy_figure))]
    names = [set(re.findall(r' id="([^"]*)"', text)) for text in drawn]
    assert not names[0] & names[1]
    for text, own in zip(drawn, names, strict=True):
        assert set(re.findall(r"url\(#([^)]*)\)", text)) <= own
        assert set(re.findall(r' href="#([^"]*)"', text)) <= own
        assert own, "hatches and clips have names"
        assert "style=" not in text
        assert "http" not in text
        assert "DejaVu" not in text
        ElementTree.fromstring(text)


def test_text_of_figures_stays_text_and_is_escaped() -> None:
    hostile = make_report(name="<script>alert(1)</script> $x$ \x07")
    text = inline_figure(cycles_figure(hostile), "f", hostile.name)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; $x$ ?: cycles" in text


def test_a_figure_that_is_too_large_becomes_pixels() -> None:
    text = inline_figure(cycles_figure(make_report()), "f", "cycles", most_bytes=1000)
    assert text.startswith('<img class="picture" src="data:image/png;base64,iVBOR')


def test_foreign_elements_and_links_are_dropped() -> None:
    document = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9"'
        ' onload="alert(1)"><script>alert(1)</script><foreignObject/><a href="https://x"/>'
        '<image xlink:href="https://x/y.png"/><rect onclick="alert(1)" width="2" style="fill: red; behavior: x"/></svg>'
    )
    text = inline_svg(document, "p", "x")
    body = re.sub(r"^<svg[^>]*>", "", text)
    assert body == '<image/><rect width="2" fill="red"/></svg>'
    assert "onload" not in text
