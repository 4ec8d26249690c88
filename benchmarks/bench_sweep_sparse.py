"""Five hundred sizes of the dual-sparsity engine on one recorded activity, closed form, on two cores."""

from __future__ import annotations

from itertools import product

from benchmarks.measurement import Measurement, Yardstick
from benchmarks.sweep_points import WORKERS, Keys, evaluate_in_processes, ordinary_seconds
from simsnn.api import activity_of, load, prepare_any
from simsnn.config.experiment import ExperimentConfig
from simsnn.engines.dual_sparse_plan import DualSparsePlan

ARRAY = "be0"
_GROUPS, _LANES = (16, 32, 64, 128, 256), (4, 8, 16, 32, 64)
_VALUES, _SCAN_BITS = (1, 2, 4, 8), (16, 32, 64, 128, 256)
_KEYS = (
    "simulation={level: closed_form, trace: false}",
    "schedule={kind: layer_by_layer}",
    "baselines=null",
)


def base() -> ExperimentConfig:
    """A training step of the small CIFAR net on assumption set A0; activity of a real training on digits."""
    return load("h2learn_cifar_small", _KEYS)[0]


def sizes() -> list[Keys]:
    """Groups x lanes x values per cycle x scanned bits."""
    keys = ("groups", "lanes", "values_per_cycle", "scan_bits")
    points = product(_GROUPS, _LANES, _VALUES, _SCAN_BITS)
    return [(*zip(keys, point, strict=True), ("banks", min(16, point[1]))) for point in points]


def sweep_sparse() -> Measurement:
    """Seconds for all points, start of both processes included; the network was trained before."""
    prepared = prepare_any(base())
    activity_of(prepared, None)  # trained and stored, where it was not
    plans = (item.choice.plan for item in prepared.mapped)  # type: ignore[union-attr]
    pixels = sum(plan.pixel_work.pixels for plan in plans if isinstance(plan, DualSparsePlan))
    points = sizes()
    found = evaluate_in_processes(base, ARRAY, points)
    ordinary = ordinary_seconds(base, ARRAY, points, found)
    note = f"{found.note(ordinary)}; a training step, {pixels:,} pixels of recorded activity"
    return Measurement(
        found.seconds, Yardstick(f"api.simulate in {WORKERS} processes", ordinary * len(points) / WORKERS), note
    )
