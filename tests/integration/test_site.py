"""The documentation site: it builds without a warning, loads nothing from elsewhere, and its examples are right."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer

import simsnn
from simsnn.config.loader import read_yaml
from simsnn.config.sweep import FORMS, AxisConfig, SweepConfig
from simsnn.results.sweep_table import METRICS
from simsnn.sweep.expression import FUNCTIONS
from simsnn.sweep.plan import load_plan

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = tuple(sorted(DOCS.glob("*.md")))
SWEEPS = DOCS / "sweeps.md"
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
"""Attributes that make a browser fetch something; of links between pages (``a``) people choose."""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.M | re.S)


class Links(HTMLParser):
    """What a built page has of anchors, links and things that it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in LOADS and found.get(LOADS[tag]):
            self.loads.append(found[LOADS[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("material") is None:
        pytest.skip("the extra docs is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "WARNING" not in found.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    found = {}
    for path in site.rglob("*.html"):
        found[path] = Links()
        found[path].feed(path.read_text(encoding="utf-8"))
    return found


def test_every_page_of_the_documentation_is_on_the_site(site: Path) -> None:
    assert {page.stem for page in PAGES} | {"examples"} <= {path.stem for path in site.glob("*.html")}


def test_no_page_loads_anything_from_another_server(site: Path, pages: dict[Path, Links]) -> None:
    for path, links in pages.items():
        outside = [target for target in links.loads if re.match(r"(https?:)?//", target)]
        assert not outside, f"{path.name} loads {outside}"
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//|@import", path.read_text(encoding="utf-8")), path.name
    # scripts of the theme know addresses only for diagrams, which no page has
    assert not [path.name for path in pages if 'class="mermaid"' in path.read_text(encoding="utf-8")]


def test_every_link_and_picture_of_the_built_site_leads_somewhere(site: Path, pages: dict[Path, Links]) -> None:
    checked = 0
    for path, links in pages.items():
        for target in (*links.links, *links.loads):
            if re.match(r"(https?|mailto|data):", target) or path.name == "404.html":
                continue
            name, _, anchor = unquote(target).partition("#")
            place = (path.parent / name).resolve() if name else path
            place = place / "index.html" if place.is_dir() else place
            assert place.is_relative_to(site.resolve()), f"{path.name} links to {target}"
            assert place.is_file(), f"{path.name} links to {target}"
            if anchor and place in pages:
                assert anchor in pages[place].ids | {"__codelineno", "__toc"}, f"{path.name} links to {target}"
            checked += 1
    assert checked > 1000


def test_formulas_and_lists_come_out_as_in_the_repository(site: Path) -> None:
    """What the site's Markdown reads otherwise: code in list items, and products written with stars."""
    machines = (site / "machines.html").read_text(encoding="utf-8")
    assert re.search(r"<code>L = max\(Lmin, L' \+ r', ready of the tile\)\na = max\(", machines)
    assert "B*T*Eo" in machines
    assert "<em>T</em>" not in machines
    assert re.search(r"<li>\s*<p><code>drain: overlapped</code>", machines)


def commands() -> Iterator[tuple[str, str]]:
    """Page and command line of every call of the tool in the pages' blocks."""
    for page in PAGES:
        for block in (*blocks(page, "bash"), *blocks(page, "sh"), *blocks(page, "console")):
            for line in block.splitlines():
                words = line.strip().removeprefix("$ ").removeprefix(".venv/bin/")
                if words.startswith("simsnn "):
                    yield page.name, words


def test_commands_are_found() -> None:
    assert len(list(commands())) > 20


@pytest.mark.parametrize(("page", "line"), list(commands()))
def test_every_command_shown_parses(page: str, line: str) -> None:
    from simsnn.cli import app

    _, name, *words = shlex.split(line, comments=True)
    known = getattr(typer.main.get_command(app), "commands", {})
    assert name in known, f"{page}: there is no command {name!r}"
    known[name].make_context(name, words)


def test_a_command_that_does_not_parse_is_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        test_every_command_shown_parses("sweeps.md", "simsnn sweep array_size --wrong")
    with pytest.raises(AssertionError, match="no command 'sweeep'"):
        test_every_command_shown_parses("sweeps.md", "simsnn sweeep array_size")


@pytest.fixture
def sweeps_folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path / "configs" / "sweeps"


@pytest.mark.parametrize("number", range(len(blocks(SWEEPS, "yaml"))))
def test_every_sweep_of_the_page_loads(number: int, sweeps_folder: Path) -> None:
    text = blocks(SWEEPS, "yaml")[number]
    if not text.startswith("schema:"):
        text = f"schema: simsnn/sweep/1\nname: example\nbase: quickstart\n{text}"
    path = sweeps_folder / "of_the_page.yaml"
    path.write_text(text, encoding="utf-8")
    plan = load_plan(path)
    assert plan.points or plan.config.sampling.kind == "nsga2"
    assert len({axis.name for axis in plan.axes}) == len(plan.axes)


def test_the_shipped_sweep_on_the_page_is_the_file() -> None:
    shipped = (ROOT / "configs" / "sweeps" / "array_size.yaml").read_text(encoding="utf-8")
    assert blocks(SWEEPS, "yaml")[0] == "".join(line for line in shipped.splitlines(True) if line[0] != "#")


def test_the_sweeps_page_explains_every_key_form_metric_and_function(tmp_path: Path) -> None:
    text = SWEEPS.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", text, re.M)
    assert {field.alias or name for name, field in SweepConfig.model_fields.items()} <= set(rows)
    for name in {*AxisConfig.model_fields, *FORMS}:
        assert f"`{name}`" in text, name
    used = "\n".join(blocks(SWEEPS, "yaml"))
    for form in (*FORMS, "paths", "zip", "labels"):
        assert f"{form}:" in used, f"no example of {form}"
    for name in METRICS:
        assert f"`{name}`" in text, name
    assert f"`{' '.join(FUNCTIONS)}`" in text
    path = tmp_path / "page.yaml"
    path.write_text(used.split("axes:")[0], encoding="utf-8")
    assert read_yaml(path).tree["schema"] == "simsnn/sweep/1"


def test_the_network_and_machine_of_the_configuring_page_run(tmp_path: Path) -> None:
    network, hardware = blocks(DOCS / "configuring.md", "yaml")
    (tmp_path / "network.yaml").write_text(network, encoding="utf-8")
    (tmp_path / "hardware.yaml").write_text(hardware, encoding="utf-8")
    files = (f"network.file={tmp_path / 'network.yaml'}", f"hardware.file={tmp_path / 'hardware.yaml'}")
    report = simsnn.simulate("quickstart", ("activity=null", "simulation.level=closed_form", *files)).report
    assert {task.layer for task in report.tasks} == {"conv1", "pool1", "hidden", "readout"}
    assert report.totals.total_cycles > 0


def test_the_lines_shown_of_a_run_are_those_of_the_readme() -> None:
    """The README's output is made again by a test of its own; the page shows lines of it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    for page in ("reading.md", "configuring.md"):
        shown = [line for block in blocks(DOCS / page, "text") for line in block.splitlines()]
        assert shown
        assert not [line for line in shown if line not in readme], page


def test_make_docs_builds_as_the_test_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "mkdocs build --strict --quiet -d build/site" in makefile
    assert "build/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
