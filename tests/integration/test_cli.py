"""The command line: exit codes, JSON on stdout, errors on stderr, nothing half-written."""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path
from typing import Any

import pytest

from simsnn.cli import app, main
from simsnn.results import store
from tests.experiments import SYNTHETIC

SMALL = ("--set", SYNTHETIC, "--set", "workload.batch=8")
COMMANDS = tuple(command.name or command.callback.__name__ for command in app.registered_commands)  # type: ignore[union-attr]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_help_of_every_command_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    top = capsys.readouterr().out
    assert {"run", "sweep", "query", "plot", "compare"} <= set(COMMANDS)
    for command in COMMANDS:
        assert command in top
        assert main([command, "--help"]) == 0
        assert f"Example: simsnn {command}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from simsnn import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"simsnn {__version__}\n"


def test_run_writes_a_whole_folder_and_prints_its_report(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "quickstart", *SMALL, "--json", "-o", "out"]) == 0
    report = document(capsys)
    (folder,) = (here / "out").iterdir()
    assert folder.name == f"quickstart-{report['id']}"
    names = {store.CONFIG, store.REPORT, store.LAYERS, store.TIMING, store.TRACE}
    names |= {store.CYCLES, store.ENERGY, store.TIMELINE, store.DENSITY, store.MEMORY, store.LIVE_BYTES}
    assert {p.name for p in folder.iterdir()} == names
    assert json.loads((folder / store.REPORT).read_text()) == report
    assert report["schema"] == "simsnn/report/1"


def test_two_identical_runs_differ_in_nothing_but_wall_times(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in ("a", "b"):
        assert main(["run", "quickstart", *SMALL, "-q", "-o", place]) == 0
    capsys.readouterr()
    (first,), (second,) = (here / "a").iterdir(), (here / "b").iterdir()
    assert first.name == second.name
    for path in first.iterdir():
        same = path.read_bytes() == (second / path.name).read_bytes()
        assert same or path.name == store.TIMING, path.name


def test_the_resolved_configuration_runs_again_to_the_same_id(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "quickstart", *SMALL, "--json", "-o", "a"]) == 0
    first = document(capsys)
    (folder,) = (here / "a").iterdir()
    assert main(["run", str(folder / store.CONFIG), "--json", "-o", "b"]) == 0
    assert document(capsys)["id"] == first["id"]


def test_the_table_fits_a_screen(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "quickstart", *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 45
    assert any("SYNTHETIC" in line.upper() for line in lines)
    assert here.joinpath("results", "runs").is_dir()


def test_runs_plot_and_reprice_find_what_was_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "quickstart", *SMALL, "--json"]) == 0
    report = document(capsys)
    assert main(["runs", "--json"]) == 0
    assert [row["id"] for row in document(capsys)] == [report["id"]]
    assert main(["runs"]) == 0
    assert re.search(r"\d [pnum]J\s*$", capsys.readouterr().out), "energies have a unit"
    assert main(["plot", "latest", "-o", "figures", "--format", "svg"]) == 0
    assert sorted(p.name for p in (here / "figures").iterdir()) == [
        "cycles.svg",
        "density.svg",
        "energy.svg",
        "layers.svg",
        "memory.svg",
        "passes.svg",
        "roofline.svg",
        "timeline.svg",
        "utilisation.svg",
    ]
    capsys.readouterr()
    assert main(["reprice", report["id"][:6], "--json"]) == 0
    again = document(capsys)
    assert again["total_energy_pj"] == pytest.approx(report["totals"]["total_energy_pj"], rel=1e-12)
    assert main(["reprice", "latest", "--set", "energy.arithmetic=aladdin_45nm", "--json"]) == 0
    assert document(capsys)["total_energy_pj"] > again["total_energy_pj"]


def test_init_writes_an_experiment_that_loads(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "mine"]) == 0
    assert sorted(p.name for p in (here / "mine").iterdir()) == ["experiment.yaml", "hardware.yaml", "network.yaml"]
    assert main(["explain", "mine/experiment.yaml"]) == 0
    assert "conv1 F synapse on array0 ws" in capsys.readouterr().out
    assert main(["init", "mine"]) == 2


def test_explain_names_what_is_given_and_how_the_schedule_is_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "h2learn_cifar", "--set", "workload.batch=1", "--set", "workload.timesteps=1"]) == 0
    text = capsys.readouterr().out
    assert "schedule engine_pipeline (group_samples 8, groups_in_flight 2, pipeline engines)" in text
    assert "fe0: lut, address_bits 4" in text
    assert "None" not in text


@pytest.mark.parametrize("what", ["experiment", "hardware", "network", "nir", "report"])
def test_schemas_are_json_schemas(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", what]) == 0
    assert document(capsys)["type"] == "object"


def test_the_schema_of_an_experiment_has_every_way_to_name_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "experiment"]) == 0
    schema = document(capsys)
    references = set(re.findall(r'"\$ref": "#/\$defs/([^"]+)"', json.dumps(schema)))
    assert references <= set(schema["$defs"])
    ways = schema["properties"]["network"]["anyOf"]
    assert ways[0] == {"$ref": "#/$defs/NetworkConfig"}
    assert {key for way in ways[1:3] for key in way["required"]} == {"file", "preset"}
    assert ways[3] == {"$ref": "#/$defs/NirSource"}
    assert {"nir", "dt", "surrogate", "reset"} <= set(schema["$defs"]["NirSource"]["properties"])
    assert schema["$defs"]["NirSource"]["required"] == ["nir"]


def test_list_shows_what_is_built_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    entries = document(capsys)
    assert {"systolic", "vector_unit"} <= set(entries["engines"])
    assert "vgg16" in entries["networks"]
    assert "quickstart" in entries["experiments"]
    assert main(["list", "enginess"]) == 2
    assert "did you mean 'engines'?" in capsys.readouterr().err


def test_energy_tables_show_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["energy", "horowitz_45nm", "--json"]) == 0
    rows = document(capsys)
    assert rows
    assert all(row["source"] and row["status"] for row in rows)
    assert main(["energy"]) == 0
    assert main(["energy", "horowitz"]) == 2


def test_validate_counts_cases_and_mismatches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--cases", "1", "--json"]) == 0
    outcome = document(capsys)
    assert outcome["name"] == "validate"
    machines = outcome["machines"]
    names = {"systolic", "vector_unit", "lut_forward", "lut_update", "dual_sparse", "link", "mixing", "scan"}
    assert {row["machine"] for row in machines} == names
    assert {row["level"] for row in machines} == {"reference", "scalesim"}
    assert sum(row["cases"] for row in machines if row["level"] == "scalesim") == 282
    assert all(row["mismatches"] == 0 and row["status"] == "exact" for row in machines)


def test_a_mismatch_is_a_failed_check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from simsnn.commands import validate
    from simsnn.validation.outcome import Row

    bad = Row("systolic", "ws", "reference", 5, 1, 3)
    monkeypatch.setattr(validate, "_run_all", lambda *_: iter([bad]))
    assert main(["validate"]) == 1
    assert "5 cases, 1 mismatches" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["run", "quikstart"],
        ["run", "nowhere/at/all.yaml"],
        ["run", "quickstart", "--set", "hardware.arrays.0.rows=0"],
        ["run", "quickstart", "--set", "network={layers: [{name: g, kind: gemm, m: 0, k: 1, n: 1}]}"],
        ["run", "quickstart", "--set", "network={layers: []}"],
        ["run", "quickstart", "--set", "hardware.srams.0.size=1 KiB"],
        ["run", "quickstart", "--set", "hardware.arrays.0.pe=gated_add"],
        ["run"],
        ["rum"],
        ["run", "quickstart", "--bogus"],
        ["plot", "latest"],
        ["plot", "latest", "--format", "bmp"],
        ["reprice", "latest", "--set", "workload.batch=3"],
        ["schema", "machine"],
        ["validate", "--full"],
    ],
)
def test_bad_input_exits_2_says_why_and_writes_nothing(
    words: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert len(captured.err.splitlines()) <= 2
    assert "Traceback" not in captured.err
    assert main([*words, "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    error = json.loads(captured.err)["error"]
    assert {"kind", "file", "line", "path", "value", "allowed", "nearest", "remedy"} <= set(error)
    assert list(here.iterdir()) == []


def test_an_error_in_a_file_names_its_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "mine"]) == 0
    path = here / "mine" / "hardware.yaml"
    text = path.read_text().replace("rows: 32", "rows: -32")
    path.write_text(text)
    capsys.readouterr()
    assert main(["run", "mine/experiment.yaml", "--json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["path"] == "hardware.arrays.0.rows"
    assert error["file"].endswith("hardware.yaml")
    assert "rows: -32" in text.splitlines()[error["line"] - 1]


def test_a_full_disk_leaves_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from simsnn.results import write

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(write, "write_perfetto", full)
    assert main(["run", "quickstart", *SMALL, "-o", "out"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list((here / "out").iterdir()) == []


def test_an_interrupt_leaves_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from simsnn.results import write

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "write_perfetto", stop)
    assert main(["run", "quickstart", *SMALL, "-o", "out"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert list((here / "out").iterdir()) == []


def test_a_bug_of_ours_exits_70_without_a_traceback(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from simsnn.results import write

    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(write, "write_perfetto", bug)
    assert main(["run", "quickstart", *SMALL, "-o", "out"]) == 70
    error = capsys.readouterr().err
    assert "ZeroDivisionError" in error
    assert "Traceback" not in error
    assert list((here / "out").iterdir()) == []


def test_the_log_goes_to_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "quickstart", *SMALL, "-q", "--log-file", "run.log"]) == 0
    assert "synthetic" in (here / "run.log").read_text()
    assert main(["run", "quickstart", "--log-file", "no/such/folder/run.log"]) == 2
    assert "cannot write the log file" in capsys.readouterr().err


def test_train_stores_by_digest(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIMSNN_CACHE", str(here / "cache"))
    words = ["train", "quickstart", "--json", "--set", "activity.epochs=1", "-o", "traces"]
    assert main(words) == 0
    first = document(capsys)
    assert main([*words, "--set", "hardware.arrays.0.rows=16"]) == 0
    second = document(capsys)
    assert (first["from_cache"], second["from_cache"]) == (False, True)
    assert first["activity_sha256"] == second["activity_sha256"]
    trace = here / "traces" / "quickstart-activity" / "activity.npz"
    assert trace.exists()
    file_activity = f"activity={{kind: file, file: {trace}}}"
    assert main(["run", "quickstart", "--set", file_activity, "--json"]) == 0
    assert document(capsys)["activity"]["kind"] == "file"
    assert main(["run", "quickstart", "--set", file_activity, "--set", "workload.timesteps=3"]) == 2
    assert main(["train", "quickstart", "--set", file_activity]) == 2


def test_silent_networks_are_called_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silent = SYNTHETIC.replace("rate: 0.2", "rate: 0").replace("gradient_density: 0.3", "gradient_density: 0")
    assert main(["run", "quickstart", "--set", silent, "--json", "-o", str(here)]) == 0
    warnings = document(capsys)["activity"]["warnings"]
    assert any("100 % sparsity is fake" in warning for warning in warnings)


@pytest.mark.parametrize(
    "assignment",
    [
        "network.layers.0.channels=1000000000",
        "workload.batch=99999999999999999999",
        "workload.timesteps=60000",
        "activity.optimizer.learning_rate=1e400",
        "network={layers: [{name: g, kind: gemm, m: 10000000, k: 10000000, n: 10000000}]}",
    ],
)
def test_what_no_simulation_would_finish_is_refused_at_once(
    assignment: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = ["--set", "activity=null", "--set", "workload={passes: [F]}"] if "gemm" in assignment else []
    assert main(["run", "quickstart", "--set", assignment, *bare]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert list(here.iterdir()) == []


@pytest.mark.usefixtures("here")
def test_a_run_is_found_by_the_name_that_it_alone_has(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["name=one"], ["name=two"], ["name=two", "--set", "hardware.arrays.0.rows=16"]):
        assert main(["run", "quickstart", *SMALL, "-q", "--set", *words]) == 0
    assert main(["compare", "one", "latest", "--json"]) == 0
    capsys.readouterr()
    assert main(["compare", "one", "two"]) == 2
    assert "2 runs fit 'two'" in capsys.readouterr().err
