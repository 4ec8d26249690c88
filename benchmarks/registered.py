"""Every benchmark by the id that ``goals.yaml`` and ``latest.json`` use."""

from __future__ import annotations

from benchmarks.bench_advance import advance_uncontended
from benchmarks.bench_closed_form import closed_form_vgg16
from benchmarks.bench_combined import combined_grid
from benchmarks.bench_counting import dual_sparse_counting, lut_counting
from benchmarks.bench_engine_twins import reference_dual_sparse, reference_lut
from benchmarks.bench_epoch import epoch_steady
from benchmarks.bench_event_engine import event_engine_contended
from benchmarks.bench_h2learn import h2learn_memory, h2learn_step
from benchmarks.bench_help import help_start
from benchmarks.bench_lif import lif_forward_backward
from benchmarks.bench_packets import packets_contended, packets_uncontended
from benchmarks.bench_parallel import learned_units, psu_forward_backward
from benchmarks.bench_pipeline import pipeline_deep
from benchmarks.bench_quickstart import quickstart_cold_activity, quickstart_memory, quickstart_stored
from benchmarks.bench_reference import reference_systolic
from benchmarks.bench_reversible import (
    lif_integer_inverse_gradient,
    reversible_integer_inverse_gradient,
    reversible_inverse_gradient,
)
from benchmarks.bench_scalesim import scalesim_ratio
from benchmarks.bench_spike_gemm import spike_gemm
from benchmarks.bench_spikepipe_scheduler import spikepipe_scheduler
from benchmarks.bench_sweep_shapes import sweep_shapes
from benchmarks.bench_sweep_sparse import sweep_sparse
from benchmarks.measurement import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    "closed_form_vgg16": closed_form_vgg16,
    "scalesim_ratio": scalesim_ratio,
    "lif_forward_backward": lif_forward_backward,
    "reversible_inverse_gradient": reversible_inverse_gradient,
    "reversible_integer_inverse_gradient": reversible_integer_inverse_gradient,
    "lif_integer_inverse_gradient": lif_integer_inverse_gradient,
    "spike_gemm": spike_gemm,
    "reference_systolic": reference_systolic,
    "event_engine_contended": event_engine_contended,
    "advance_uncontended": advance_uncontended,
    "help_start": help_start,
    "quickstart_cold_activity": quickstart_cold_activity,
    "quickstart_stored": quickstart_stored,
    "quickstart_memory": quickstart_memory,
    "reference_lut": reference_lut,
    "reference_dual_sparse": reference_dual_sparse,
    "lut_counting": lut_counting,
    "dual_sparse_counting": dual_sparse_counting,
    "h2learn_step": h2learn_step,
    "h2learn_memory": h2learn_memory,
    "spikepipe_scheduler": spikepipe_scheduler,
    "pipeline_deep": pipeline_deep,
    "epoch_steady": epoch_steady,
    "packets_contended": packets_contended,
    "packets_uncontended": packets_uncontended,
    "psu_forward_backward": psu_forward_backward,
    "learned_units": learned_units,
    "combined_grid": combined_grid,
    "sweep_shapes": sweep_shapes,
    "sweep_sparse": sweep_sparse,
}
