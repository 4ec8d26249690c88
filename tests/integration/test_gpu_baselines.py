"""GPU baselines of a run: rows of the report, their ratios, the terminal, and what is refused."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from simsnn.api import Result, load, simulate
from simsnn.engines.gpu_table import gpu_spec
from simsnn.errors import ConfigError
from simsnn.results.report import Report
from simsnn.results.terminal import print_report
from tests.experiments import bare, synthetic

COLUMNS = ("eager", "fused", "roofline")


@pytest.fixture(scope="module")
def compared() -> Result:
    return simulate(synthetic("baselines={gpus: [v100, h100]}"))


def printed(report: Report, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, no_color=True, color_system=None)
    print_report(report, console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_every_gpu_has_all_three_columns_and_ratios_to_the_run(compared: Result) -> None:
    report = compared.report
    rows, totals = report.gpu_baselines, report.totals
    assert [(row.gpu, row.column) for row in rows] == [(gpu, c) for gpu in ("v100", "h100") for c in COLUMNS]
    assert report.die_area_um2 is not None
    for row in rows:
        assert row.speedup == pytest.approx(row.time_ns / totals.time_ns)
        assert row.energy_ratio == pytest.approx(row.energy_pj / totals.total_energy_pj)
        assert row.area_ratio == pytest.approx(row.die_mm2 / (report.die_area_um2 / 1e6))
        assert row.energy_pj == pytest.approx(row.average_power_w * row.time_ns * 1000)
        assert (row.die_mm2, row.node) == (gpu_spec(row.gpu).die_mm2, gpu_spec(row.gpu).node)
        assert row.precision == "fp32"
    assert any("not TDP" in note for note in report.approximations)
    assert any("not normalised" in note for note in report.approximations)


def test_a_report_with_baselines_reads_back(compared: Result) -> None:
    text = compared.report.to_json()
    assert Report.from_json(text) == compared.report
    assert Report.from_json(text).to_json() == text


def test_a_run_without_baselines_says_nothing_of_gpus(compared: Result) -> None:
    plain = simulate(synthetic()).report
    assert plain.gpu_baselines == ()
    assert "GPU" not in printed(plain)
    assert plain.totals == compared.report.totals
    assert plain.id != compared.report.id


@pytest.mark.parametrize("width", [80, 100])
def test_the_terminal_prints_every_gpu_with_powers_and_areas(compared: Result, width: int) -> None:
    text = printed(compared.report, width)
    assert max(map(len, text.splitlines())) <= width
    for word in ("eager", "fused", "roofline", "W on average", "815 mm2 TSMC 12FFN", "814 mm2 TSMC 4N"):
        assert word in " ".join(text.split())
    (line,) = [line for line in text.splitlines() if line.startswith("v100 ") and "average" not in line]
    times = [cell for cell in line.split() if cell.endswith("x")]
    rows = compared.report.gpu_baselines[:3]
    assert [float(cell[:-1]) for cell in times] == pytest.approx(
        [ratio for row in rows for ratio in (row.speedup, row.energy_ratio)], rel=0.05
    )


@pytest.mark.parametrize("how", ["schedule.kind=step_by_step", "workload.stash=recompute"])
def test_the_gpu_does_not_follow_how_the_machine_goes_about_it(how: str) -> None:
    recompute = "mapping.R={engine: array0, dataflow: ws}"
    common = ("baselines={gpus: [a100]}", "hardware.vector_units.0.order=t_outer", recompute)
    first, second = (
        [(row.column, row.kernels, row.time_ns, row.energy_pj) for row in simulate(run).report.gpu_baselines]
        for run in (synthetic(*common), synthetic(*common, how))
    )
    assert first == second


def test_a_bare_product_has_one_kernel() -> None:
    rows = simulate(bare(64, 64, 64, "baselines={gpus: [v100], precision: fp16}")).report.gpu_baselines
    assert [(row.column, row.kernels, row.precision) for row in rows] == [
        ("eager", 1, "fp16"),
        ("fused", 1, "fp16"),
        ("roofline", 0, "fp16"),
    ]


def test_a_sustained_fraction_slows_all_but_the_roofline_and_is_said(compared: Result) -> None:
    slow = simulate(synthetic("baselines={gpus: [v100], sustained_fraction: 0.01}")).report
    pairs = list(zip(slow.gpu_baselines, compared.report.gpu_baselines[:3], strict=True))
    assert all(a.time_ns > b.time_ns for a, b in pairs[:2])
    assert pairs[2][0] == pairs[2][1]
    assert any("sustain 0.01 of both roofs" in note for note in slow.approximations)


@pytest.mark.parametrize(
    ("written", "path", "allowed"),
    [
        ("{gpus: [v10]}", "baselines.gpus.0", ("v100", "a100", "h100")),
        ("{precision: fp8}", "baselines.precision", ("fp32", "fp16")),
        ("{gpu: [v100]}", "baselines.gpu", ("gpus", "precision", "sustained_fraction")),
        ("{gpus: []}", "baselines.gpus", ()),
        ("{gpus: [v100, v100]}", "baselines.gpus", ()),
        ("{sustained_fraction: 1.5}", "baselines.sustained_fraction", ("at most 1",)),
        ("{sustained_fraction: 0}", "baselines.sustained_fraction", ("more than 0",)),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(written: str, path: str, allowed: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        load("quickstart", (f"baselines={written}",))
    assert caught.value.where.path == path
    assert caught.value.allowed == allowed
    if path == "baselines.gpus.0":
        assert caught.value.nearest == "v100"
