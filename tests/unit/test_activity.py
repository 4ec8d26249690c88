"""Spike tensors, layer activity and its digest and warnings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from simsnn.workload.activity import (
    Activity,
    ActivityKind,
    ChainMask,
    ChainPoint,
    DenseInput,
    LayerActivity,
    SpikeTensor,
)

SHAPE = (2, 3, 5, 4, 7)


def _dense(shape: tuple[int, ...] = SHAPE, rate: float = 0.3, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < rate).astype(np.uint8)


def _zeros() -> SpikeTensor:
    return SpikeTensor.from_dense(np.zeros(SHAPE, bool))


def _layer(name: str = "conv1") -> LayerActivity:
    spikes, mask = (SpikeTensor.from_dense(_dense(seed=seed)) for seed in (1, 2))
    return LayerActivity(name, spikes, spikes, mask, (ChainMask(ChainPoint.SYNAPSE, mask),))


def _activity(layer: LayerActivity) -> Activity:
    return Activity(2, 3, (layer,), ActivityKind.TRAIN, 0.9)


@pytest.mark.parametrize("shape", [SHAPE, (2, 3, 64), (1, 1, 65), (3, 2, 1, 1, 1), (4, 2, 130)])
def test_round_trip_and_counts(shape: tuple[int, ...]) -> None:
    dense = _dense(shape)
    spikes = SpikeTensor.from_dense(dense)
    np.testing.assert_array_equal(spikes.to_dense(), dense)
    assert spikes.packed.shape == (*shape[:2], -(-dense[0, 0].size // 64))
    assert spikes.nonzeros == dense.sum()
    assert spikes.rate == dense.mean()
    flat = dense.reshape(*shape[:2], -1)
    np.testing.assert_array_equal(spikes.slot_counts(), flat.sum(-1))
    np.testing.assert_array_equal(spikes.element_counts(), dense.sum((0, 1)))


def test_slot_major_rows_are_in_lowering_order() -> None:
    spikes = SpikeTensor.from_dense(_dense())
    for sample in range(3):
        for step in range(2):
            np.testing.assert_array_equal(spikes.slot_major_rows[sample * 2 + step], spikes.packed[step, sample])
            np.testing.assert_array_equal(spikes.rows[step * 3 + sample], spikes.packed[step, sample])


def test_element_order_is_channel_row_column() -> None:
    dense = np.zeros((1, 1, 2, 3, 5), np.uint8)
    dense[0, 0, 1, 2, 3] = 1
    assert SpikeTensor.from_dense(dense).packed.tolist() == [[[1 << (1 * 15 + 2 * 5 + 3)]]]


def test_is_read_only_and_independent_of_its_source() -> None:
    words = np.zeros((1, 1, 1), np.uint64)
    spikes = SpikeTensor(words, (1, 1, 40))
    words[:] = 1
    assert spikes.nonzeros == 0
    with pytest.raises(ValueError, match="read-only"):
        spikes.packed[0, 0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        spikes.shape = (1, 1, 1)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("words", "shape", "message"),
    [
        (np.zeros((1, 1, 2), np.uint64), (1, 1, 64), "needs uint64 words"),
        (np.zeros((1, 1, 1), np.int64), (1, 1, 64), "needs uint64 words"),
        (np.full((1, 1, 1), 1 << 40, np.uint64), (1, 1, 40), "bits beyond element 40"),
        (np.zeros((1, 1, 1), np.uint64), (1, 1, 4, 4), "shape must be"),
    ],
)
def test_refuses_words_that_do_not_fit(words: np.ndarray, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpikeTensor(words, shape)


def test_densities_and_chain_points() -> None:
    layer = _layer()
    assert layer.binary_input
    assert layer.input_density == layer.inputs.rate
    assert layer.gradient_mask(ChainPoint.SYNAPSE) is layer.synapse_gradient
    assert layer.gradient_mask(ChainPoint.POOL) is None
    dense = dataclasses.replace(layer, inputs=DenseInput(SHAPE, 8, 0.7))
    assert not dense.binary_input
    assert dense.input_density == 0.7


def test_chain_order_is_enforced() -> None:
    mask = _layer().surrogate
    wrong = (ChainMask(ChainPoint.SYNAPSE, mask), ChainMask(ChainPoint.POOL, mask))
    with pytest.raises(ValueError, match="chain order"):
        dataclasses.replace(_layer(), gradients=wrong)
    twice = (ChainMask(ChainPoint.POOL, mask), ChainMask(ChainPoint.POOL, mask))
    with pytest.raises(ValueError, match="unique"):
        dataclasses.replace(_layer(), gradients=twice)
    right = tuple(ChainMask(point, mask) for point in ChainPoint)
    assert dataclasses.replace(_layer(), gradients=right).synapse_gradient is mask


def test_disagreeing_batches_and_names_are_refused() -> None:
    other = SpikeTensor.from_dense(_dense((2, 4, 5)))
    with pytest.raises(ValueError, match="disagree"):
        dataclasses.replace(_layer(), outputs=other)
    with pytest.raises(ValueError, match="unique"):
        Activity(2, 3, (_layer(), _layer()), ActivityKind.FILE)
    with pytest.raises(ValueError, match="holds"):
        Activity(1, 3, (_layer(),), ActivityKind.FILE)
    with pytest.raises(KeyError, match="known: conv1"):
        _activity(_layer()).layer("conv2")


def test_digest_depends_on_content_alone() -> None:
    layer = _layer()
    reference = _activity(layer).digest
    assert _activity(_layer()).digest == reference
    assert dataclasses.replace(_activity(layer), kind=ActivityKind.FILE).digest == reference
    changed = [
        dataclasses.replace(layer, layer="conv2"),
        dataclasses.replace(layer, inputs=SpikeTensor.from_dense(_dense(seed=9))),
        dataclasses.replace(layer, inputs=DenseInput(SHAPE, 8, 0.7)),
        dataclasses.replace(layer, surrogate=None),
        dataclasses.replace(layer, outputs=None, surrogate=layer.outputs),
        dataclasses.replace(layer, gradients=(ChainMask(ChainPoint.POOL, layer.synapse_gradient),)),
        dataclasses.replace(layer, input_needed=layer.surrogate),
        dataclasses.replace(layer, currents=np.zeros(3, np.float32)),
        dataclasses.replace(layer, gradient=np.zeros(3, np.float32)),
    ]
    digests = {_activity(entry).digest for entry in changed}
    digests.add(dataclasses.replace(_activity(layer), accuracy=0.8).digest)
    digests.add(dataclasses.replace(_activity(layer), kind=ActivityKind.SYNTHETIC).digest)
    assert len(digests | {reference}) == len(changed) + 3


def test_silent_network_is_named() -> None:
    layer = _layer()
    assert _activity(layer).silent_layers() == ()
    assert _activity(layer).warnings() == ()
    fake = dataclasses.replace(layer, gradients=(ChainMask(ChainPoint.SYNAPSE, _zeros()),))
    assert _activity(fake).silent_layers() == ("conv1",)
    assert "100 % sparsity is fake" in _activity(fake).warnings()[0]
    assert "no neuron fires" in _activity(dataclasses.replace(layer, outputs=_zeros())).warnings()[0]
    assert "nothing can be learned" in _activity(dataclasses.replace(layer, surrogate=_zeros())).warnings()[0]


def test_synthetic_is_always_said() -> None:
    activity = Activity(2, 3, (_layer(),), ActivityKind.SYNTHETIC)
    assert activity.synthetic
    assert activity.warnings() == (
        "the activity is synthetic: its rates and correlations were chosen or fitted, not recorded in training",
    )
