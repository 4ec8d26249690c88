"""The documentation says what is so: links, figures, commands, snippets, tables of names.

Where README shows the output of a command, this output is made again and compared; after a change
that moves numbers, paste the new output.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Literal, get_origin

import pytest
from pydantic import BaseModel

from simsnn.cli import main
from simsnn.config.hardware import HardwareConfig
from simsnn.config.loader import read_yaml
from simsnn.config.resolve import build
from simsnn.costs import Observed
from simsnn.engines import ENGINES
from simsnn.results.compare import RunComparison
from simsnn.results.report import Report
from simsnn.schedule.pipelined import PipelinedModel
from simsnn.schedule.registry import SCHEDULES
from simsnn.training.delayed import DelayConvention, delays_of_stages
from simsnn.units import Dimension
from tests.architecture.test_imports import FLOORS

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = ROOT / "docs" / "pipelines.md"
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
TOOL = ".venv/bin/simsnn "
VARYING = ("quickstart  ", "activity: ", "written to ")
"""Lines of a run's output that depend on the trained activity or on the folder."""
ID = re.compile(r"\b[0-9a-f]{16}\b")
LEFT_OUT = "[...]"
"""Stands on a page for lines of an output that the page does not show."""


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(page), re.M | re.S)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        assert place.exists(), f"{page.name} links to {target}"
        assert place.is_relative_to(ROOT), f"{page.name} links out of the project: {target}"
        assert not anchor or anchor in anchors(place), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_test_and_module_named_exists(page: Path) -> None:
    for path in re.findall(r"`((?:tests|simsnn|configs)/[\w/*.]+?)`", text_of(page)):
        if "NAME" in path or path.endswith(("/mac_unit.py", "/round_robin.py", "/1")):
            continue
        assert any(ROOT.glob(path.rstrip("/"))), f"{page.name} names {path}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_yaml_snippet_parses(page: Path, tmp_path: Path) -> None:
    for number, snippet in enumerate(blocks(page, "yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(snippet, encoding="utf-8")
        assert read_yaml(path).tree


def test_excerpts_are_the_files() -> None:
    excerpts = blocks(ROOT / "README.md", "yaml")
    files = ("experiments/quickstart.yaml", "sweeps/array_size.yaml")
    for excerpt, name in zip(excerpts, files, strict=True):
        kept = [re.sub(r"\s+#.*", "", line) for line in text_of(ROOT / "configs" / name).splitlines()]
        for line in excerpt.splitlines():
            assert line in kept, line


def commands(page: Path) -> Iterator[tuple[list[str], list[str]]]:
    """(words after the tool's name, output shown) of every command in a console block."""
    for block in blocks(page, "console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            first, *shown = part.splitlines()
            assert first.startswith(TOOL), f"{page.name} shows {first!r}"
            yield shlex.split(first.removeprefix(TOOL)), shown


def short(words: list[str]) -> list[str]:
    """What takes minutes and is what other tests do: here only the command line, or one sample without events."""
    if words[0] in ("validate", "reproduce"):
        return [*words, "--help"]
    if words[0] == "run" and "h2learn" in words[1]:
        return [*words, "--set", "workload.batch=1", "--set", "simulation.level=closed_form"]
    if words[0] == "run" and "spikepipe" in words[1] and "--set" in words:
        return [*words, "--set", "schedule.iterations=2", "--set", "simulation.level=closed_form"]
    return words


def assert_shown(shown: list[str], printed: list[str]) -> None:
    """What a page shows is what was printed, in one piece or, where it leaves lines out, in several in order."""
    wanted = [line.rstrip() for line in shown if not line.startswith(VARYING)]
    found = [line.rstrip() for line in printed if not line.startswith(VARYING)]
    if LEFT_OUT not in wanted:
        assert found == wanted
        return
    pieces = [piece.strip("\n") for piece in "\n".join(wanted).split(LEFT_OUT)]
    rest = "\n".join(found)
    for piece in pieces:
        assert piece in rest, f"not printed, or not in this order:\n{piece}\n\nin\n\n{rest}"
        rest = rest[rest.index(piece) + len(piece) :]


def test_readme_commands_run_and_print_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")
    found = list(commands(ROOT / "README.md"))
    assert {words[0] for words, _ in found} >= {"run", "sweep", "query", "plot", "report", "compare", "init"}
    for words, shown in found:
        capsys.readouterr()
        assert main(short(words)) == 0, words
        if not shown:
            continue
        assert_shown(shown, capsys.readouterr().out.splitlines())
    script = tmp_path / "script.py"  # the sweep is stored by now, so this takes seconds
    script.write_text(blocks(ROOT / "README.md", "python")[1], encoding="utf-8")
    found = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert "'total_cycles': 495486" in found.stdout


def test_commands_of_the_pipelines_page_print_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small_pipeline.yaml").write_text(blocks(PIPELINES, "yaml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")
    found = list(commands(PIPELINES))
    assert [words[0] for words, _ in found] == ["run", "run", "compare"]
    runs: list[str] = []
    for words, shown in found:
        capsys.readouterr()
        # ids change with every key that experiments gain: those of the page stand for the runs of this test
        assert main([words[0], *runs[::-1]] if words[0] == "compare" else words) == 0, words
        printed = capsys.readouterr().out.splitlines()
        runs += [printed[0].split()[1]] if words[0] == "run" else []
        if shown:
            assert_shown([ID.sub("ID", line) for line in shown], [ID.sub("ID", line) for line in printed])


def test_the_versions_told_are_those_of_the_conventions() -> None:
    rows = re.findall(r"^\| `(one_f_one_b|retimed)` \| (\d) \| (\d) \| (.+) \|$", text_of(PIPELINES), re.M)
    told = [(name, int(stage), int(delay), [int(v) for v in read.split("|")]) for name, stage, delay, read in rows]
    wanted = []
    for convention in DelayConvention:
        for stage, delay in enumerate(delays_of_stages((0, 1, 2), convention)):
            wanted.append((convention.value, stage, delay, [max(0, n - delay) for n in range(6)]))
    assert told == wanted


def test_the_pipelines_page_has_every_schedule_with_its_keys_and_a_chart() -> None:
    text = text_of(PIPELINES).partition("\n## The schedules\n")[2]
    kinds = [(kind, model) for kind, model in SCHEDULES if model.pipelined]
    assert {"sequential", "spikepipe"} <= {kind for kind, _ in kinds}
    for kind, model in kinds:
        assert re.search(rf"^!\[[^\]]+\]\(figures/gantt_{kind}\.png\)", text, re.M), kind
        row = re.search(rf"^\| `{kind}` \| (.+?) \|", text, re.M)
        assert row, kind
        keys = {name for name, field in model.model_fields.items() if get_origin(field.annotation) is not Literal}
        keys |= {"convention"} & set(model.model_fields)
        inherited = set(PipelinedModel.model_fields)
        assert set(re.findall(r"`(\w+)`", row[1])) == keys - inherited, kind


def test_the_charts_of_the_pipelines_page_are_drawn_from_its_experiment() -> None:
    charts = drawing("draw_gantt")
    assert charts.experiment() == blocks(PIPELINES, "yaml")[0]
    assert list(charts.CHARTS) == [kind for kind, model in SCHEDULES if model.pipelined]


def test_readme_refusal_is_the_real_message(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = blocks(ROOT / "README.md", "text")
    first, *shown = block.splitlines()
    assert main(shlex.split(first.removeprefix(f"$ {TOOL}"))) == 2
    assert capsys.readouterr().err.splitlines() == shown


def test_readme_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(blocks(ROOT / "README.md", "python")[0], {})
    assert "cycles" in capsys.readouterr().out


def field_names(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    """Names, as a file writes them, of a model and of the models inside it."""
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        yield field.alias or name
        for inner in inner_models(field.annotation):
            yield from field_names(inner, seen)


def inner_models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()) + getattr(annotation, "__metadata__", ()):
        yield from inner_models(argument)


def contract_words() -> set[str]:
    words = re.findall(r"`([^`]+)`", text_of(ROOT / "docs" / "contracts.md"))
    return {name for word in words for name in re.findall(r"\w+", word)}


def test_contracts_name_every_field_of_a_report() -> None:
    names = set(field_names(Report, set()))
    assert {"total_cycles", "sram_bank", "read_bytes", "config_sha256"} <= names
    assert {"instances", "pipeline", "lower_cycles", "extra_bytes", "stash_copies", "kept", "micro_batch"} <= names
    assert names <= contract_words(), sorted(names - contract_words())


def test_contracts_name_every_field_of_a_comparison() -> None:
    names = set(field_names(RunComparison, set()))
    assert {"runs", "ratios", "differences", "link_bytes", "period_is_exact"} <= names
    assert names <= contract_words(), sorted(names - contract_words())


def test_contracts_name_every_key_of_an_experiment() -> None:
    from simsnn.config.experiment import ExperimentConfig

    seen: set[type[BaseModel]] = set()
    names = set(field_names(ExperimentConfig, seen))
    for _, engine in ENGINES:
        names |= set(field_names(engine.config_type, seen))
    assert {"acc_rows", "temporal_correlation", "detach_reset", "beta1", "port_shortage"} <= names
    assert {"processors", "count", "most_chunks", "pj_per_bit", "order_trials", "convention", "gradients"} <= names
    assert {"feedforward", "reset_coefficient", "shrink"} <= names
    assert names <= contract_words(), sorted(names - contract_words())


def test_contracts_name_every_unit_and_command() -> None:
    page = text_of(ROOT / "docs" / "contracts.md")
    words = set(re.findall(r"[\w/]+", page))
    in_files = set(Dimension) - {Dimension.ENERGY, Dimension.AREA}
    assert {unit for dimension in in_files for unit in dimension.accepted} - {"cycle"} <= words
    from simsnn.cli import app

    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__
        assert re.search(rf"^\| `{name}\b", page, re.M), name


def test_architecture_lists_the_floors_as_the_test_enforces_them() -> None:
    rows = re.findall(r"^\| \d+ \| (.+) \|$", text_of(ROOT / "docs" / "architecture.md"), re.M)
    shown = [tuple(re.findall(r"`([^`]+)`", row)) for row in rows]
    assert shown == [tuple(name for name in floor if name != "__init__") for floor in FLOORS]


def test_architecture_gives_a_reason_for_every_dependency() -> None:
    project = text_of(ROOT / "pyproject.toml")
    listed = re.search(r"^dependencies = \[(.*?)^\].*?optional-dependencies\]\n(.*?)^dev =", project, re.M | re.S)
    assert listed
    assert "ortools" in listed[2]
    reasons = text_of(ROOT / "docs" / "architecture.md")
    for name in re.findall(r'"([\w.-]+)[><=]', listed[1] + listed[2]):
        assert re.search(rf"^\| [^|]*\b{re.escape(name)}\b", reasons, re.M), name


def test_machines_keep_their_section_numbers() -> None:
    numbers = re.findall(r"^## (\d+)\. ", text_of(ROOT / "docs" / "machines.md"), re.M)
    assert numbers == [str(number) for number in range(1, 11)]


ENGINE_PAGES = {
    "lut": ("lut_engine.md", ("lut_forward_timing.png", "lut_update_timing.png")),
    "dual_sparse": ("dual_sparse_engine.md", ("dual_sparse_timing.png",)),
}
"""Page and timing diagrams of every engine that has a page of its own; the others are in machines.md alone."""


def table_keys(page: Path) -> set[str]:
    """Names in the first column of the page's tables."""
    rows = re.findall(r"^\| (`[^|]+) \|", text_of(page), re.M)
    return {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}


@pytest.mark.parametrize("kind", [kind for kind, _ in ENGINES])
def test_every_engine_has_a_page_with_every_key_and_its_figures(kind: str) -> None:
    if kind not in ENGINE_PAGES:
        assert kind in ("systolic", "vector_unit"), f"{kind} has no page"
        return
    name, figures = ENGINE_PAGES[kind]
    page = ROOT / "docs" / name
    (config,) = [engine.config_type for found, engine in ENGINES if found == kind]
    missing = set(config.model_fields) - table_keys(page)
    assert not missing, f"{name} explains no {sorted(missing)}"
    for figure in figures:
        assert re.search(rf"^!\[[^\]]+\]\(figures/{figure}\)", text_of(page), re.M), f"{name} shows no {figure}"
    assert f"({name}#configuration)" in text_of(ROOT / "docs" / "contracts.md")
    assert f"(docs/{name})" in text_of(ROOT / "README.md")


def test_pages_of_schedule_and_baseline_explain_their_keys() -> None:
    from simsnn.engines.gpu_config import BaselineConfig
    from simsnn.schedule.engine_pipeline import EnginePipeline

    pipeline, gpu = ROOT / "docs" / "engine_pipeline.md", ROOT / "docs" / "gpu_baseline.md"
    wanted = {f"schedule.{name}" for name in EnginePipeline.model_fields} - {"schedule.kind"}
    assert wanted | {"mapping.neuron_backward", "workload.stash"} <= table_keys(pipeline)
    assert {f"baselines.{name}" for name in BaselineConfig.model_fields} <= table_keys(gpu)


def drawing(name: str = "draw_timing") -> ModuleType:
    """A script behind ``make figures``."""
    spec = spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_edges_told_of_the_figures_are_those_drawn() -> None:
    """Totals and parts in the texts below the timing diagrams are those of the register-level runs."""
    figures = drawing()
    lut, dual = text_of(ROOT / "docs" / "lut_engine.md"), text_of(ROOT / "docs" / "dual_sparse_engine.md")
    forward, update, backward = figures.forward_run(), figures.update_run(), figures.backward_run()
    fill, stream, build, _, scan, _, drain, stall = forward.parts.tolist()
    assert f"{fill} + {stream} + {build} + {scan} + {drain} + {stall} = {forward.cycles} edges" in lut
    fill, stream, _, reload, scan, _, drain, _ = update.parts.tolist()
    told = f"fill {fill} + stream {stream} + reload {reload} + scan {scan} + drain {drain} = {update.cycles}."
    assert told in lut
    fill, stream, _, _, scan, idle, drain, _ = backward.parts.tolist()
    total = 3 * backward.total_cycles
    assert f"{fill} + {stream} + {scan} + {idle} + {drain} = {total} = 3 x {backward.total_cycles}" in dual
    assert f"{backward.useful_lane_cycles} are used and\n{backward.losses.lane_rounding} lost" in dual


def test_contracts_name_every_observation() -> None:
    assert {observed.value for observed in Observed} <= contract_words()


def test_validation_states_the_comparisons_that_run() -> None:
    from simsnn.commands.validate import CASES
    from simsnn.validation.checks import checks
    from simsnn.validation.scalesim import oracle_rows

    against = [check for check in checks() if "scalesim" not in check.switches]
    total = len(against) * CASES + len(oracle_rows())
    systolic = sum(check.machine == "systolic" for check in against)
    page, readme = text_of(ROOT / "docs" / "validation.md"), text_of(ROOT / "README.md")
    assert f"Together {total:,} cases" in page
    assert f"{systolic} settings x {CASES}" in page
    assert f"{systolic} combinations of switches | {systolic * CASES:,} |" in readme
    for machine in ("lut_forward", "lut_update", "dual_sparse", "link"):
        settings = sum(check.machine == machine for check in against)
        row = re.search(rf"^\|[^|]*\(`{machine}`\) .*$", page, re.M)
        assert row, machine
        assert f"{settings} settings x {CASES} = {settings * CASES:,}" in row[0]
        assert f"| {settings} | {settings * CASES:,} | 0 |" in readme
    assert f"| {len(oracle_rows())} |" in readme


@pytest.mark.parametrize(("name", "kinds"), [("ws32", ["systolic"]), ("h2learn_a0", ["lut", "lut", "dual_sparse"])])
def test_the_shipped_hardware_reads_as_documented(name: str, kinds: list[str]) -> None:
    document = read_yaml(ROOT / "configs" / "hardware" / f"{name}.yaml")
    assert [array.kind for array in build(HardwareConfig, document).arrays] == kinds
    assert f"`{name}`" in text_of(ROOT / "docs" / "papers.md")


@pytest.mark.parametrize(("name", "count"), [("ws32x8", 8), ("spikepipe_ideal", 4)])
def test_the_shipped_machines_with_processors_read_as_documented(name: str, count: int) -> None:
    machine = build(HardwareConfig, read_yaml(ROOT / "configs" / "hardware" / f"{name}.yaml"))
    assert len(machine.processor_names) == count
    assert machine.links
    assert f"`{name}`" in text_of(ROOT / "docs" / "papers.md")
