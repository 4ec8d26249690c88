"""The published numbers of SpikePipe beside the simulator's: all *assumed*, because the networks are ours.

Nothing is fitted. Why the caps: a contiguous program is no faster than its largest F + B + W + U; unsplit
tasks are no faster than the largest of F, B and W + U. Where one inner layer dominates, its three passes take about
the same, so the gain is at most about 3; the first layer has no product in B, so at most about 2.
"""

from __future__ import annotations

from statistics import fmean, median

from simsnn.reproduction.outcome import Claim, Standing
from simsnn.reproduction.spikepipe_accuracy import AccuracyStudy, largest_loss_points
from simsnn.reproduction.spikepipe_cells import Cell
from simsnn.reproduction.spikepipe_communication import CONNECTED, CONVOLUTIONS, Communication
from simsnn.schedule.program import Weights
from simsnn.training.delayed import DelayConvention

MEAN_LOW, MEAN_HIGH = 1.4, 1.9
BEST_LOW, BEST_HIGH = 1.8, 2.6
OVERHEAD, OVERHEAD_BATCH = 0.005, 64
SMALL_POINTS, LARGE_POINTS = 1.0, 10.0
OURS = "networks, array sizes and B = 1 are ours"


def published_claims(
    cells: tuple[Cell, ...], communication: tuple[Communication, ...], study: AccuracyStudy
) -> tuple[Claim, ...]:
    """All checks against the publication."""
    return (*_speedups(cells), *_overheads(communication), *_accuracies(study))


def _assumed(id_: str, value: float | None, low: float | None, high: float | None, note: str) -> Claim:
    return Claim(id_, value, low, high, Standing.ASSUMED, note)


def _speedups(cells: tuple[Cell, ...]) -> tuple[Claim, ...]:
    speedups = sorted(point.speedup for cell in cells for point in cell.points)
    best = max(cells, key=lambda cell: cell.mean)
    peak = max(cells, key=lambda cell: cell.best.speedup)
    where = f"{best.workload} on {best.size} x {best.size}"
    quartiles = (speedups[len(speedups) // 4], median(speedups), speedups[3 * len(speedups) // 4])
    spread = ", ".join(f"{value:.2f}" for value in quartiles)
    return (
        _assumed(
            "speedup.mean",
            fmean(speedups),
            MEAN_LOW,
            MEAN_HIGH,
            f"published 1.6 to 1.7; mean over {len(speedups)} points against PipeDream, quartiles {spread}; {OURS}",
        ),
        _assumed(
            "speedup.best_cell",
            best.mean,
            BEST_LOW,
            BEST_HIGH,
            f"published about 2 at best; {where}, mean over P = 2 to 10",
        ),
        _assumed(
            "speedup.single_point",
            peak.best.speedup,
            None,
            None,
            f"largest point, not checked: {peak.workload} on {peak.size} x {peak.size}, P = {peak.best.processors}",
        ),
        _assumed(
            "speedup.points_without_gain",
            float(sum(speedup < 1.005 for speedup in speedups)),
            None,
            None,
            f"points of {len(speedups)} where the contiguous program is as fast, not checked",
        ),
    )


def _overheads(found: tuple[Communication, ...]) -> tuple[Claim, ...]:
    chosen = {(each.workload, each.batch): each for each in found}
    convolutions = chosen[CONVOLUTIONS.name, OVERHEAD_BATCH]
    connected = chosen[CONNECTED.name, OVERHEAD_BATCH]
    said = "published below 0.5 %, for networks with convolutions; weights and weight gradients over the rest"
    return (
        _assumed("overhead.convolutions", convolutions.share, None, OVERHEAD, f"{said}; B = {OVERHEAD_BATCH}"),
        _assumed(
            "overhead.convolutions_split",
            convolutions.split_share,
            None,
            OVERHEAD,
            f"the same with every layer split over three processors; B = {OVERHEAD_BATCH}",
        ),
        _assumed(
            "overhead.connected",
            connected.share,
            OVERHEAD,
            None,
            f"the fully connected network fails the bound, as the journal's restriction suggests; B = {OVERHEAD_BATCH}",
        ),
    )


def _accuracies(study: AccuracyStudy) -> tuple[Claim, ...]:
    missing = "; ".join(study.left_out)
    seeds = len({record.seed for record in study.records})
    note = f"largest mean loss over {seeds} seeds, points of accuracy, all conventions and weights"
    note = f"{note}; not run: {missing}" if missing else note
    small, large = (largest_loss_points(study.records, large=large) for large in (False, True))
    found = [
        _assumed("accuracy.small", small, None, SMALL_POINTS, f"published no loss on small networks; {note}"),
        _assumed("accuracy.large", large, None, LARGE_POINTS, f"published below 10 % on large ones; {note}"),
    ]
    for convention in DelayConvention:
        for weights in Weights:
            chosen = tuple(
                r for r in study.records if r.setting.convention is None or r.setting.belongs(convention, weights)
            )
            value = largest_loss_points(chosen, large=True)
            id_ = f"accuracy.large.{convention.value}.{weights.value}"
            note = f"the same with delays {convention.value} and {weights.value} weights alone"
            found.append(_assumed(id_, value, None, LARGE_POINTS, note))
    return tuple(found)
