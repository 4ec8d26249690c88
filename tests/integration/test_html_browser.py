"""Pages in a real browser: no errors, tables sort and filter, charts zoom, pan and tell values, phone and paper fit."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simsnn.commands.report import write_report
from tests.naive.pipeline_reports import SPIKEPIPE, make_pipeline
from tests.naive.reports import make_report
from tests.run_folders import write_run_folder
from tests.sweeps import made_info, made_table, write_sweep

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

DESKTOP, PHONE = {"width": 1200, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of a step, of a pipelined run and of a sweep."""
    root = tmp_path_factory.mktemp("pages")
    quick = make_report(synthetic=True, warnings=("the accuracy is low",), approximations=("nothing is late",))
    run = make_pipeline(SPIKEPIPE)
    totals = quick.totals.model_copy(update={"total_cycles": run.makespan_cycles})
    piped = quick.model_copy(
        update={"name": "a_long_name_of_an_experiment_without_spaces", "pipeline": run, "totals": totals}
    )
    folders = {
        "run": write_run_folder(root / "run", quick, "quickstart", chunks=20),
        "pipeline": write_run_folder(root / "pipeline", piped, "spikepipe_vgg9", traced=False),
        "sweep": write_sweep(root / "sweep", made_info(), made_table()),
    }
    return {name: write_report(str(folder), root, root, None).file for name, folder in folders.items()}


class Tab:
    """A page with everything that it complained about and asked for."""

    def __init__(self, browser: Any, file: Path, viewport: dict[str, int], **options: Any) -> None:
        self.context = browser.new_context(viewport=viewport, reduced_motion="reduce", **options)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def close(self) -> None:
        """Nothing was complained about; nothing but the file, and what lies inside it, was asked for."""
        asked = [url for url in self.requests if not url.startswith("data:")]
        self.context.close()
        assert self.complaints == []
        assert len(asked) == 1

    def settle(self) -> None:
        """Two frames later, what was asked for is drawn."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def window(self) -> tuple[int, int]:
        """Cycles that the timeline shows."""
        self.settle()
        box = self.page.locator(".timeline")
        return int(box.get_attribute("data-from")), int(box.get_attribute("data-to"))


@pytest.fixture
def tab(browser: Any, pages: dict[str, Path], request: pytest.FixtureRequest) -> Iterator[Tab]:
    name, viewport = request.param
    opened = Tab(browser, pages[name], viewport)
    yield opened
    opened.close()


def on(name: str, viewport: dict[str, int] = DESKTOP) -> Any:
    return pytest.mark.parametrize("tab", [(name, viewport)], indirect=True)


def column(tab: Tab, table: str, place: int) -> list[str]:
    found: list[str] = tab.page.eval_on_selector_all(
        f"#{table} tbody tr:not([hidden])", f"rows => rows.map(row => row.cells[{place}].textContent)"
    )
    return found


def headings(tab: Tab, table: str) -> list[str]:
    found: list[str] = tab.page.eval_on_selector_all(f"#{table} th", "all => all.map(th => th.textContent)")
    return found


@on("run")
def test_tables_sort_up_and_down_by_mouse_and_key(tab: Tab) -> None:
    place = tab.page.eval_on_selector_all("#operations-table th", "all => all.map(th => th.textContent)").index(
        "cycles"
    )
    before = column(tab, "operations-table", place)
    heading = tab.page.locator("#operations-table th").nth(place)
    heading.locator("button").click()
    numbers = [int(text.replace(",", "")) for text in column(tab, "operations-table", place)]
    assert numbers == sorted(int(text.replace(",", "")) for text in before)
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").focus()
    tab.page.keyboard.press("Enter")
    assert [int(text.replace(",", "")) for text in column(tab, "operations-table", place)] == numbers[::-1]
    assert heading.get_attribute("aria-sort") == "descending"
    tab.page.locator("#operations-table th button").first.click()
    names = column(tab, "operations-table", 0)
    assert names == sorted(names)
    assert (
        tab.page.locator('#operations-table th[aria-sort="none"]').count()
        == tab.page.locator("#operations-table th").count() - 1
    )


@on("sweep")
def test_units_sort_by_size_and_unknown_values_stay_last(tab: Tab) -> None:
    place = headings(tab, "points-table").index("time")
    button = tab.page.locator("#points-table th button").nth(place)
    values = f"rows => rows.map(row => Number(row.cells[{place}].dataset.value))"
    for wanted in (False, True):
        button.click()
        assert column(tab, "points-table", place)[-2:] == ["-", "-"]
        found = tab.page.eval_on_selector_all("#points-table tbody tr", values)[:-2]
        assert found == sorted(found, reverse=wanted)


@on("run")
def test_a_filter_keeps_the_rows_with_all_words(tab: Tab) -> None:
    everything = column(tab, "operations-table", 0)
    box = tab.page.locator('input[data-table="operations-table"]')
    box.fill("conv2 synapse")
    assert set(column(tab, "operations-table", 0)) == {"conv2"}
    assert set(column(tab, "operations-table", 2)) == {"synapse"}
    assert tab.page.locator('output[data-table="operations-table"]').text_content() == f"3 of {len(everything)} rows"
    box.fill("nothing has this")
    assert column(tab, "operations-table", 0) == []
    box.fill("")
    assert column(tab, "operations-table", 0) == everything


@on("run")
def test_the_timeline_zooms_and_pans(tab: Tab) -> None:
    _, cycles = tab.window()
    plot = tab.page.locator(".timeline svg")
    plot.scroll_into_view_if_needed()
    tab.page.get_by_role("button", name="zoom in").click()
    low, high = tab.window()
    assert high - low == pytest.approx(cycles / 2, abs=2)
    tab.page.get_by_role("button", name="later").click()
    assert tab.window()[0] > low
    tab.page.get_by_role("button", name="show the whole run").click()
    assert tab.window() == (0, cycles)
    box = plot.bounding_box()
    tab.page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 15)
    tab.page.mouse.wheel(0, -300)
    low, high = tab.window()
    assert 0 < low < high <= cycles
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 15, steps=4)
    tab.page.mouse.up()
    moved = tab.window()
    assert moved[0] > low or moved[1] == cycles
    assert moved[1] - moved[0] == pytest.approx(high - low, abs=2)
    plot.focus()
    tab.page.keyboard.press("0")
    assert tab.window() == (0, cycles)
    tab.page.keyboard.press("+")
    tab.page.keyboard.press("+")
    low, high = tab.window()
    assert high - low == pytest.approx(cycles / 4, abs=2)
    tab.page.keyboard.press("Shift+ArrowLeft")
    assert tab.window()[0] < low
    tab.page.keyboard.press("-")
    assert tab.window()[1] - tab.window()[0] == pytest.approx(cycles / 2, abs=2)


@on("run")
def test_zooming_in_stops_and_the_page_scrolls_where_nothing_is_left_to_zoom(tab: Tab) -> None:
    _, cycles = tab.window()
    for _ in range(40):
        tab.page.get_by_role("button", name="zoom in").click()
    low, high = tab.window()
    assert 0 < high - low <= 20
    tab.page.get_by_role("button", name="show the whole run").click()
    assert tab.window() == (0, cycles)
    box = tab.page.locator(".timeline svg").bounding_box()
    tab.page.mouse.move(box["x"] + 300, box["y"] + 15)
    before = tab.page.evaluate("scrollY")
    tab.page.mouse.wheel(0, 200)
    for _ in range(100):  # the page's policy forbids wait_for_function
        if tab.page.evaluate("scrollY") > before:
            break
        tab.settle()
    assert tab.page.evaluate("scrollY") > before
    assert tab.window() == (0, cycles)


@on("run")
def test_bars_tell_their_values_to_mouse_and_keys(tab: Tab) -> None:
    hover = tab.page.locator("#hover")
    plot = tab.page.locator(".timeline svg")
    plot.focus()
    tab.page.keyboard.press("ArrowRight")
    first = hover.text_content()
    assert first.startswith("conv1 F synapse")
    assert "cycles 0 to " in first
    assert "stalled" in first
    assert "utilisation" in first
    tab.page.keyboard.press("ArrowRight")
    assert hover.text_content() != first
    tab.page.keyboard.press("ArrowDown")
    assert hover.text_content().startswith("waits: ")
    tab.page.keyboard.press("Escape")
    assert hover.is_hidden()
    bar = tab.page.locator(".timeline .bar.k-F").first.bounding_box()
    tab.page.mouse.move(bar["x"] + bar["width"] / 2, bar["y"] + 3)
    assert hover.text_content() == first
    tab.page.mouse.move(2, 2)
    assert hover.is_hidden()


@on("pipeline")
def test_jobs_of_processors_tell_their_iteration(tab: Tab) -> None:
    tab.page.locator(".timeline svg").focus()
    tab.page.keyboard.press("ArrowRight")
    assert "of iteration" in tab.page.locator("#hover").text_content()
    assert tab.page.locator(".timeline .period").count() > 1


@on("sweep")
def test_the_scatter_shows_chosen_columns_and_tells_values(tab: Tab) -> None:
    points = tab.page.locator(".scatter .point")
    assert points.count() == 28
    assert tab.page.locator(".scatter .point.front").count() == 14
    where = "all => all.map(c => [c.dataset.point, c.getAttribute('cx')]).sort().join()"
    before = points.evaluate_all(where)
    tab.page.locator('.scatter select[name="x"]').select_option(label="dataflow")
    assert points.evaluate_all(where) != before
    assert "os" in tab.page.locator(".scatter svg").text_content()
    tab.page.locator('.scatter select[name="colour"]').select_option(label="dataflow")
    assert tab.page.locator(".scatter .legend").text_content() == "wsos"
    tab.page.locator(".scatter svg").focus()
    tab.page.keyboard.press("ArrowRight")
    first = tab.page.locator("#hover").text_content()
    assert first.startswith("point ")
    assert "rows: " in first
    tab.page.keyboard.press("ArrowRight")
    assert tab.page.locator("#hover").text_content() != first


@pytest.mark.parametrize("tab", [(name, PHONE) for name in ("run", "pipeline", "sweep")], indirect=True)
def test_pages_fit_a_phone(tab: Tab) -> None:
    assert tab.page.evaluate("document.documentElement.scrollWidth") == 360
    wide = tab.page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll') && !e.closest('svg')"
        " && e.getBoundingClientRect().right > 361).map(e => e.tagName + '.' + e.className)"
    )
    assert wide == []
    tab.page.evaluate("scrollTo(9999, 0)")
    assert tab.page.evaluate("scrollX") == 0


@pytest.mark.parametrize("tab", [(name, DESKTOP) for name in ("run", "sweep")], indirect=True)
def test_paper_shows_everything(tab: Tab) -> None:
    cycles = tab.window()[1] if tab.page.locator(".timeline").count() else 0
    if cycles:
        tab.page.get_by_role("button", name="zoom in").click()
    tab.page.locator('input[type="search"]').first.fill("nothing has this")
    tab.page.emulate_media(media="print")
    tab.settle()
    if cycles:
        assert tab.window() == (0, cycles)
    hidden = tab.page.evaluate(
        "[...document.querySelectorAll('section, tr, svg, figure, pre, h2, h3')]"
        ".filter(e => e.getClientRects().length === 0).length"
    )
    assert hidden == 0
    clipped = tab.page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollHeight > e.clientHeight + 1"
        " && getComputedStyle(e).overflowY !== 'visible').length"
    )
    assert clipped == 0
    assert tab.page.locator("nav").is_hidden()
    assert tab.page.locator('input[type="search"]').first.is_hidden()
    sheets = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", tab.page.pdf(format="A4"))
    on_its_side = [float(width) > float(height) for width, height in sheets]
    assert not all(on_its_side)
    assert any(on_its_side) == (tab.page.locator(".broad").count() > 0), "a table of many columns lies on its side"


def test_dark_mode_is_dark(browser: Any, pages: dict[str, Path]) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        tab = Tab(browser, pages["run"], DESKTOP, color_scheme=scheme)
        shades[scheme] = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert tab.page.locator(".synthetic").is_visible()
        tab.close()
    assert shades == {"light": "rgb(251, 251, 250)", "dark": "rgb(20, 23, 26)"}


def test_without_scripts_the_page_still_reads(browser: Any, pages: dict[str, Path]) -> None:
    tab = Tab(browser, pages["run"], DESKTOP, java_script_enabled=False)
    assert tab.page.locator("#operations-table tbody tr").count() > 10
    assert tab.page.locator("svg.figure").count() >= 4
    assert tab.page.locator(".tools").first.is_hidden()
    tab.close()
