"""``simsnn train``: train once, store by digest, say what was recorded, write it as a trace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsnn.activities import ResolvedActivity, require_activity
from simsnn.api import Progress, activity_of, load, located, prepare_any
from simsnn.results.store import writing

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """A training and the batch it recorded."""

    resolved: ResolvedActivity
    trace: Path | None

    def to_json(self) -> dict[str, Any]:
        """Accuracy, digest and rates."""
        summary = self.resolved.summary
        return {
            "accuracy": summary.accuracy,
            "activity_sha256": self.resolved.digest,
            "from_cache": self.resolved.from_cache,
            "rates": summary.rates,
            "steps_per_epoch": self.resolved.steps_per_epoch,
            "trace": str(self.trace) if self.trace is not None else None,
            "warnings": list(summary.warnings),
        }

    def print(self, console: Console) -> None:
        """The same for people."""
        from rich.table import Table

        summary = self.resolved.summary
        how = "fetched from the cache" if self.resolved.from_cache else "trained now"
        console.print(
            f"test accuracy {summary.accuracy:.4f}, {how}, activity {str(self.resolved.digest)[:16]}", highlight=False
        )
        table = Table("recorded batch", "share of non-zeros", box=None, header_style="bold")
        for name, rate in summary.rates.items():
            table.add_row(name, f"{rate:.4f}")
        console.print(table)
        for warning in summary.warnings:
            console.print(f"warning: {warning}", style="yellow", highlight=False)
        if self.trace is not None:
            console.print(f"trace written to {self.trace}", highlight=False, soft_wrap=True)


def train_experiment(
    source: str, overrides: tuple[str, ...], progress: Progress | None, output: Path | None
) -> TrainSummary:
    """Train the network of an experiment; with ``output`` also write ``<output>/<name>.npz``."""
    experiment, document = load(source, overrides)
    with located(document):
        require_activity(experiment)
        prepared = prepare_any(experiment)
        resolved = activity_of(prepared, progress)
    if output is None:
        return TrainSummary(resolved, None)
    from simsnn.importers.npz import write_trace

    assert resolved.activity is not None
    neuron = next((layer.neuron for layer in prepared.network.layers if layer.neuron is not None), None)
    folder = output / f"{experiment.name}-activity"
    with writing(folder) as place:
        names = (neuron.kind, neuron.surrogate.kind) if neuron is not None else ("none", "none")
        write_trace(place / "activity.npz", resolved.activity, *names)
    return TrainSummary(resolved, folder / "activity.npz")
