"""Draw one steady period of every pipelined schedule for the experiment of docs/pipelines.md: ``make figures``."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from simsnn import api
from simsnn.results.report import Report
from simsnn.viz.figures import save
from simsnn.viz.gantt import pipeline_figure

PAGE = Path(__file__).parent / "pipelines.md"
CHARTS = {
    "sequential": ("schedule.kind=sequential",),
    "gpipe": ("schedule.kind=gpipe",),
    "one_f_one_b": ("schedule.kind=one_f_one_b",),
    "pipedream": ("schedule.kind=pipedream",),
    "layerpipe": ("schedule.kind=layerpipe", "schedule.iterations=40"),
    "spikepipe": ("schedule.kind=spikepipe",),
}
"""Name of each figure and what the experiment has different for it; layerpipe takes longer to become periodic."""


def experiment() -> str:
    """The experiment as it stands on the page: its first YAML block."""
    found = re.search(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert found is not None
    return found[1]


def report_of(name: str) -> Report:
    """Run the experiment under one schedule."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small_pipeline.yaml"
        path.write_text(experiment(), encoding="utf-8")
        return api.simulate(path, (*CHARTS[name], "simulation.trace=false")).report


def draw(folder: Path) -> tuple[Path, ...]:
    """Write the charts and return their files."""
    written = []
    for name in CHARTS:
        path = folder / f"gantt_{name}.png"
        save(pipeline_figure(report_of(name)), path)
        written.append(path)
    return tuple(written)


if __name__ == "__main__":
    draw(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/figures"))
