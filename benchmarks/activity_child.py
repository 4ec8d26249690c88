"""Makes the activity of an experiment and writes it as a trace file; started in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from simsnn.activities import resolve_activity
from simsnn.api import load
from simsnn.importers.npz import write_trace
from simsnn.preparation import build_experiment_network

experiment, _ = load(sys.argv[1])
resolved = resolve_activity(experiment, build_experiment_network(experiment), None)
assert resolved.activity is not None
neuron = experiment.network.neuron
names = ("none", "none") if neuron is None else (neuron.kind, neuron.surrogate.kind)
write_trace(Path(sys.argv[2]), resolved.activity, *names)
