"""Accuracy against delay as a figure: one panel per network, one curve per convention and kind of weights."""

from __future__ import annotations

from simsnn.reproduction.spikepipe_accuracy import AccuracyCell, AccuracyRecord, accuracy_cells
from simsnn.schedule.program import Weights
from simsnn.training.delayed import DelayConvention
from simsnn.viz.delay import DelayContent, DelayCurve, DelayPanel, DelayPoint

SMALL_POINTS, LARGE_POINTS = 1.0, 10.0
"""Points below no delay that still count as no loss on a small network, and as under 10 % on a large one."""
_NAMES = {DelayConvention.ONE_F_ONE_B: "1F1B", DelayConvention.RETIMED: "retimed"}


def accuracy_against_delay(records: tuple[AccuracyRecord, ...]) -> DelayContent:
    """Panels of all networks of a study, in its order."""
    cells = accuracy_cells(records)
    seeds = max(cell.seeds for cell in cells)
    networks = dict.fromkeys(cell.record.network for cell in cells)
    panels = tuple(_panel(tuple(cell for cell in cells if cell.record.network == name)) for name in networks)
    return DelayContent(
        "SpikePipe: accuracy with delayed gradients",
        f"mean, lowest and highest of {seeds} seeds; learning rate chosen without delay, the same for all",
        "networks, data and hyper-parameters are assumed; the delay is that of the first layer, later layers have less",
        panels,
    )


def _panel(cells: tuple[AccuracyCell, ...]) -> DelayPanel:
    plain = next(cell for cell in cells if cell.record.setting.convention is None)
    record = plain.record
    data = f"{record.dataset} (synthetic)" if record.synthetic else record.dataset
    curves = []
    for convention in DelayConvention:
        for weights in Weights:
            chosen = [
                c for c in cells if (c.record.setting.convention, c.record.setting.weights) == (convention, weights)
            ]
            chosen.sort(key=lambda cell: cell.record.largest_delay)
            label = f"{_NAMES[convention]}, {weights.value} weights"
            curves.append(DelayCurve(label, tuple(map(_point, chosen))))
    allowed = LARGE_POINTS if record.large else SMALL_POINTS
    return DelayPanel(f"{record.network}: {record.depth} layers, {data}", _point(plain), allowed, tuple(curves))


def _point(cell: AccuracyCell) -> DelayPoint:
    return DelayPoint(cell.record.largest_delay, 100 * cell.mean, 100 * cell.low, 100 * cell.high)
