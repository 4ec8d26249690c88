"""A thousand shapes of a systolic array in three dataflows, closed form, on two cores."""

from __future__ import annotations

from itertools import product

from benchmarks.measurement import Measurement, Yardstick
from benchmarks.sweep_points import WORKERS, Keys, evaluate_in_processes, ordinary_seconds
from simsnn.api import load
from simsnn.config.experiment import ExperimentConfig

ARRAY = "array0"
_ROWS, _COLUMNS, _DATAFLOWS = range(4, 404, 4), (4, 8, 16, 24, 32, 48, 64, 96, 128, 256), ("ws", "is", "os")
_KEYS = (
    "network={preset: vgg16, input: [3, 32, 32], classes: 10}",
    "workload={timesteps: 4, batch: 1, passes: [F]}",
    "activity={kind: synthetic, rate: 0.2, temporal_correlation: 0.2, spatial_correlation: 0.1, mask_density: 0.5,"
    " gradient_density: 0.3}",
    "simulation={level: closed_form, trace: false}",
    "mapping.most_chunks=1",
    *(f"hardware.srams.{sram}.{key}" for sram in range(3) for key in ("size=32 MiB", "banks=1024")),
)


def base() -> ExperimentConfig:
    """VGG-16 on 32 x 32 images, T = 4, one sample, forward; every operation fits the SRAMs in one piece."""
    return load("quickstart", _KEYS)[0]


def shapes() -> list[Keys]:
    """100 numbers of rows times 10 of columns times three dataflows."""
    keys = ("rows", "columns", "dataflow")
    return [tuple(zip(keys, point, strict=True)) for point in product(_ROWS, _COLUMNS, _DATAFLOWS)]


def sweep_shapes() -> Measurement:
    """Seconds for all points, start of both processes included."""
    points = shapes()
    found = evaluate_in_processes(base, ARRAY, points)
    ordinary = ordinary_seconds(base, ARRAY, points, found)
    note = f"{found.note(ordinary)}; synthetic activity, most_chunks 1"
    return Measurement(
        found.seconds, Yardstick(f"api.simulate in {WORKERS} processes", ordinary * len(points) / WORKERS), note
    )
