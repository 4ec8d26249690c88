"""Real values of a reversible node: tables refuse them, output sparsity is told why it is off, gated adders refuse."""

from __future__ import annotations

import pytest

from simsnn.api import load
from simsnn.errors import UnsupportedOperation
from simsnn.simulation import prepare
from simsnn.workload.operation import GemmOperation, Pass

NODE = "network={preset: combined_vgg_reversible}"


def test_a_table_is_addressed_by_bits() -> None:
    experiment, _ = load("combined_h2learn", (NODE,))
    with pytest.raises(
        UnsupportedOperation, match=r"conv2 F synapse: a LUT is addressed by bits, conv1\.values"
    ) as caught:
        prepare(experiment)
    assert "a neuron that delivers them" in str(caught.value.remedy)


def test_output_sparsity_is_off_and_says_why() -> None:
    experiment, _ = load("combined_systolic", (NODE,))
    products = [item.operation for item in prepare(experiment).mapped if isinstance(item.operation, GemmOperation)]
    backward = [op for op in products if op.pass_ is Pass.B]
    assert backward
    for op in backward:
        assert op.sparsity is not None
        assert op.sparsity.needed is None
    assert "carry its input along" in next(op for op in backward if op.layer == "conv2").sparsity.refusal  # type: ignore[union-attr]


def test_gated_adders_refuse_real_inputs() -> None:
    experiment, _ = load("combined_systolic", (NODE, "hardware.arrays.0.pe=gated_add"))
    with pytest.raises(UnsupportedOperation, match="conv2 F"):
        prepare(experiment)
