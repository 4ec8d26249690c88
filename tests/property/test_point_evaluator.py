"""A point evaluator finds what the ordinary path finds, bit for bit, and refuses what it refuses in the same words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simsnn.activities import ResolvedActivity, resolve_activity
from simsnn.api import load, simulate
from simsnn.config.experiment import ExperimentConfig
from simsnn.errors import CapacityError, ConfigError, SimsnnError, UnsupportedOperation
from simsnn.importers.npz import write_trace
from simsnn.results.sweep_table import PointMetrics
from simsnn.simulation import prepare
from simsnn.sweep import operation_cost, step_mapping
from simsnn.sweep.evaluator import PointEvaluator
from simsnn.training.delayed import Delays
from simsnn.workload.network import Network
from tests.experiments import SYNTHETIC, bare, layers, synthetic

NETWORKS = (
    layers(
        "{name: c1, kind: conv2d, channels: 6, kernel: 3, padding: 1}",
        "{name: p1, kind: max_pool, kernel: 2}",
        "{name: c2, kind: conv2d, channels: 8, kernel: 3, padding: 1, stride: 2}",
        "{name: c3, kind: conv2d, channels: 8, kernel: 3, padding: 1}",
        "{name: c4, kind: conv2d, channels: 8, kernel: 3, padding: 1}",
        "{name: flat, kind: flatten}",
        "{name: f1, kind: linear, features: 10}",
    ),
    layers(
        "{name: flat, kind: flatten}", "{name: f1, kind: linear, features: 32}", "{name: f2, kind: linear, features: 9}"
    ),
)
CLOSED = "simulation={level: closed_form, trace: false}"
H2LEARN = ("schedule={kind: layer_by_layer}", CLOSED, "workload.batch=4")
SHARED = settings(
    max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=True
)


def outcome(found: object, experiment: ExperimentConfig) -> object:
    """Metrics, or class and message of the refusal."""
    try:
        return found(experiment)  # type: ignore[operator]
    except SimsnnError as error:
        return type(error), str(error)


def ordinary(experiment: ExperimentConfig) -> PointMetrics:
    return PointMetrics.of(simulate(experiment).report)


@pytest.fixture(scope="module")
def evaluator() -> PointEvaluator:
    """One for all points of this module: what it remembers of one point must not change another."""
    return PointEvaluator()


def check(evaluator: PointEvaluator, experiment: ExperimentConfig) -> object:
    found = outcome(evaluator.evaluate, experiment)
    assert found == outcome(ordinary, experiment)
    return found


@st.composite
def systolic_points(draw: st.DrawFn) -> tuple[str, ...]:
    pick = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    array = {
        "rows": pick(4, 8, 12, 32),
        "columns": pick(4, 8, 20, 32),
        "pe": pick("mac", "mac", "gated_add"),
        "psum": pick("accumulate", "spill"),
        "partial_folds": pick("full", "trimmed"),
        "b_lowering": pick("phases", "zeros", "col2im"),
        "fold_order": pick("k_inner", "n_inner"),
        "stationary_buffering": pick("single", "double"),
        "im2col": pick("line_buffer", "explicit"),
        "acc_rows": pick(16, 64, 1024),
    }
    keys = [f"hardware.arrays.0.{key}={value}" for key, value in array.items()]
    keys += [f"mapping.{pass_}.dataflow={pick('ws', 'is', 'os')}" for pass_ in "FBW"]
    level = pick("closed_form", "closed_form", "closed_form", "critical_path", "event")
    keys += [
        pick(*NETWORKS),
        f"workload={{timesteps: {pick(1, 2, 4)}, batch: {pick(1, 4)}, passes: [{pick('F', 'F, B', 'F, B, W, U')}]}}",
        f"mapping.most_chunks={pick(1, 4, 256)}",
        f"hardware.dram.bandwidth={pick(1, 16, 200)} GB/s",
        f"hardware.srams.0.size={pick(8, 32)} KiB",
        f"hardware.srams.2.size={pick(16, 128)} KiB",
        f"hardware.srams.2.buffering={pick('single', 'double')}",
        f"hardware.srams.0.port_shortage={pick('slow', 'slow', 'refuse')}",
        f"simulation={{level: {level}, trace: false}}",
        f"energy.arithmetic={pick('horowitz_45nm', 'horowitz_45nm', 'aladdin_45nm', 'horowitz_28nm', 'nothing')}",
        f"schedule.kind={pick('layer_by_layer', 'step_by_step')}",
        f"hardware.vector_units.0.order={pick('t_inner', 't_outer')}",
        f"seed={pick(0, 1)}",
    ]
    return tuple(keys)


@given(systolic_points())
@settings(SHARED, max_examples=40)
def test_systolic_points(evaluator: PointEvaluator, keys: tuple[str, ...]) -> None:
    check(evaluator, synthetic("workload.batch=4", *keys))


@given(
    groups=st.sampled_from([4, 16, 64]),
    lanes=st.sampled_from([2, 4, 16]),
    values=st.sampled_from([1, 2]),
    scan_bits=st.sampled_from([8, 64]),
    lane_map=st.sampled_from(["modulo", "compact"]),
    balance=st.sampled_from(["static", "dynamic"]),
    sparsity=st.sampled_from(["dual", "input", "output", "none"]),
    words=st.sampled_from([18, 288, 18432]),
    chunks=st.sampled_from([1, 16]),
)
@SHARED
def test_points_of_the_dual_sparsity_engine(
    evaluator: PointEvaluator,
    groups: int,
    lanes: int,
    values: int,
    scan_bits: int,
    lane_map: str,
    balance: str,
    sparsity: str,
    words: int,
    chunks: int,
) -> None:
    engine = {"groups": groups, "lanes": lanes, "values_per_cycle": values, "scan_bits": scan_bits, "banks": "null"}
    engine |= {"lane_map": lane_map, "balance": balance, "sparsity": sparsity, "weight_words": words}  # type: ignore[dict-item]
    keys = [f"hardware.arrays.2.{key}={value}" for key, value in engine.items()]
    check(
        evaluator,
        load("h2learn_cifar_small", (*H2LEARN, SYNTHETIC, "baselines=null", f"mapping.most_chunks={chunks}", *keys))[0],
    )


MODES = (
    "{kind: bptt}",
    "{kind: layer_checkpoint}",
    "{kind: time_checkpoint, segment: 3}",
    "{kind: time_checkpoint, segment: 4, currents: keep}",
    "{kind: sltt}",
    "{kind: ottt}",
    "{kind: reversible}",
    "{kind: block_reversible}",
    "{kind: temporal_reversible}",
)


@pytest.mark.parametrize("mode", MODES)
def test_backward_modes_and_what_they_refuse(evaluator: PointEvaluator, mode: str) -> None:
    for flow in ("ws", "os"):
        keys = (SYNTHETIC, f"workload.backward={mode}", f"mapping.F.dataflow={flow}", CLOSED, "workload.batch=4")
        check(evaluator, load("reversible_modes", keys)[0])


def test_a_reversible_network_in_its_own_mode(evaluator: PointEvaluator) -> None:
    keys = (SYNTHETIC, "network={file: configs/networks/combined_vgg_reversible.yaml}", CLOSED, "workload.batch=2")
    for mode in ("{kind: reversible}", "{kind: block_reversible}", "{kind: bptt}"):
        check(evaluator, load("combined_systolic", (*keys, f"workload.backward={mode}"))[0])


SMALL = (
    *("combined_systolic", "combined_h2learn", "h2learn_cifar_small", "h2learn_resnet_small", "psu_digits"),
    *("psu_crossover", "quickstart", "reversible_modes", "spikepipe_cell"),
)


@pytest.mark.parametrize("name", SMALL)
def test_shipped_experiments(evaluator: PointEvaluator, name: str) -> None:
    for level in ("closed_form", "event"):
        keys = (SYNTHETIC, "workload.batch=4", f"simulation={{level: {level}, trace: false}}", "baselines=null")
        found = check(evaluator, load(name, keys)[0])
        assert isinstance(found, PointMetrics)


def test_bare_products_and_trained_activity(evaluator: PointEvaluator) -> None:
    for flow in ("ws", "is", "os"):
        check(evaluator, bare(24, 70, 33, CLOSED, f"mapping.F.dataflow={flow}"))
    trained = load("quickstart", ("activity.epochs=1", "workload.batch=8", CLOSED))[0]
    metrics = check(evaluator, trained)
    assert isinstance(metrics, PointMetrics)
    assert metrics.accuracy is not None


REFUSED = (
    (
        "hardware.srams.1={name: w, size: 256 B, banks: 1, ports: 1, word: 64 bit, buffering: double,"
        " port_shortage: slow,"
        " holds: [weights, weight_gradients, optimizer_state]}",
        CapacityError,
    ),
    ("hardware.clock=5 GHz", CapacityError),
    ("energy.sram=nothing", ConfigError),
    ("mapping.F.engine=nobody", ConfigError),
    ("mapping.layers={nolayer: {F: {engine: array0}}}", ConfigError),
    ("mapping.W=null", ConfigError),
    ("hardware.arrays.0.pe=gated_add", UnsupportedOperation),
    ("schedule.kind=step_by_step", UnsupportedOperation),
    ("energy.dram=lpddr4", SimsnnError),
    ("hardware.technology.node=28 nm", ConfigError),
)


@pytest.mark.parametrize(("key", "kind"), REFUSED)
def test_refusals_are_those_of_the_ordinary_path(evaluator: PointEvaluator, key: str, kind: type[SimsnnError]) -> None:
    try:
        experiment = synthetic(CLOSED, key)
    except SimsnnError:
        pytest.fail("the experiment itself is refused: nothing is left to evaluate")
    found = check(evaluator, experiment)
    assert isinstance(found, tuple), found
    assert issubclass(found[0], kind), found
    assert isinstance(check(evaluator, synthetic(CLOSED)), PointMetrics)  # nothing of a refusal stays


def test_refusals_come_before_any_training(evaluator: PointEvaluator) -> None:
    def never(*_needs: object) -> ResolvedActivity:
        raise AssertionError("asked for the activity of a point that is refused")

    with pytest.raises(CapacityError):
        evaluator.evaluate(synthetic(CLOSED, "hardware.clock=5 GHz"), never)
    with pytest.raises(CapacityError):
        evaluator.evaluate(synthetic("hardware.clock=5 GHz"), never)


def test_an_activity_is_asked_for_once_and_told_apart() -> None:
    asked: list[int] = []

    def source(
        experiment: ExperimentConfig, network: Network, progress: None, delays: Delays | None
    ) -> ResolvedActivity:
        asked.append(experiment.seed)
        return resolve_activity(experiment, network, progress, delays)

    evaluator = PointEvaluator()
    gated = ("hardware.arrays.0.pe=gated_add", "workload.passes=[F]", "network.preset=digits_mlp", CLOSED)
    for rows in (8, 16):
        for seed in (0, 1):
            point = synthetic("workload.encoding=poisson", *gated, f"hardware.arrays.0.rows={rows}", f"seed={seed}")
            assert evaluator.evaluate(point, source) == ordinary(point)
    assert asked == [0, 1]


def test_an_activity_file_that_was_written_again_is_read_again(tmp_path: Path) -> None:
    file, evaluator = tmp_path / "activity.npz", PointEvaluator()
    for seed in (0, 1):
        made = synthetic("workload.encoding=poisson", f"seed={seed}", CLOSED)
        resolved = resolve_activity(made, prepare(made).network, None)
        assert resolved.activity is not None
        write_trace(file, resolved.activity, "lif", "triangle")
        keys = ("workload.encoding=poisson", f"activity={{kind: file, file: {file}}}", CLOSED)
        check(evaluator, synthetic(*keys))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOST_CHUNKS", "MOST_SHAPES", "MOST_PROGRAMS"):
        monkeypatch.setattr(step_mapping, name, 3)
    monkeypatch.setattr(operation_cost, "MOST_COSTS", 2)
    evaluator = PointEvaluator()
    for rows in (8, 16, 8):
        point = synthetic(CLOSED, NETWORKS[1], f"hardware.arrays.0.rows={rows}")
        assert evaluator.evaluate(point) == ordinary(point)
