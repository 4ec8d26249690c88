"""Every product sees exactly its samples and time steps of the recorded activity, and only legal masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simsnn.costs import OperandClass
from simsnn.workload.activity import Activity, ActivityKind, ChainMask, ChainPoint, DenseInput, LayerActivity
from simsnn.workload.operation import ConvGeometry, Extent, GemmOperation, Operand, Pass, Sparsity
from simsnn.workload.product_activity import ProductActivity
from simsnn.workload.spike_tensor import SpikeTensor

GEOMETRY = ConvGeometry(3, 4, 4, 2, 3, 3, padding_h=1, padding_w=1)
RNG = np.random.default_rng(5)
INPUTS = RNG.integers(0, 2, (4, 6, 3, 4, 4), dtype=np.uint8)
GRADIENT = RNG.integers(0, 2, (4, 6, 2, 4, 4), dtype=np.uint8)
NEEDED = RNG.integers(0, 2, INPUTS.shape, dtype=np.uint8)
ACTIVITY = Activity(
    4,
    6,
    (
        LayerActivity(
            "layer",
            SpikeTensor.from_dense(INPUTS),
            gradients=(ChainMask(ChainPoint.SYNAPSE, SpikeTensor.from_dense(GRADIENT)),),
            input_needed=SpikeTensor.from_dense(NEEDED),
        ),
    ),
    ActivityKind.TRAIN,
)


def operand(role: OperandClass) -> Operand:
    return Operand(role.value, role, 1, 1)


def operation(
    pass_: Pass, samples: tuple[int, int], steps: tuple[int, int], sparsity: Sparsity | None
) -> GemmOperation:
    slots = (samples[1] - samples[0]) * (steps[1] - steps[0])
    tensors = (operand(OperandClass.SPIKES), operand(OperandClass.WEIGHTS), operand(OperandClass.CURRENTS))
    return GemmOperation(
        "layer", pass_, slots, GEOMETRY, None, *tensors, extent=Extent(samples, steps), sparsity=sparsity
    )


def test_the_part_is_cut_out_of_every_tensor() -> None:
    legal = Sparsity(operand(OperandClass.MASKS), operand(OperandClass.MASKS))
    part = ProductActivity.of(operation(Pass.B, (2, 5), (1, 3), legal), ACTIVITY)
    assert part is not None
    assert isinstance(part.inputs, SpikeTensor)
    assert part.gradient is not None
    assert part.needed is not None
    assert np.array_equal(part.inputs.to_dense(), INPUTS[1:3, 2:5])
    assert np.array_equal(part.gradient.to_dense(), GRADIENT[1:3, 2:5])
    assert np.array_equal(part.needed.to_dense(), NEEDED[1:3, 2:5])


def test_an_output_mask_is_given_only_where_skipping_is_legal() -> None:
    refused = Sparsity(operand(OperandClass.MASKS), None, "", "an identity branch")
    part = ProductActivity.of(operation(Pass.B, (0, 6), (0, 4), refused), ACTIVITY)
    assert part is not None
    assert part.needed is None
    assert part.gradient is not None


def test_parts_of_the_batch_add_up_to_the_nonzeros_of_all() -> None:
    whole = ProductActivity.of(operation(Pass.F, (0, 6), (0, 4), None), ACTIVITY)
    parts = [
        ProductActivity.of(operation(Pass.F, (a, b), steps, None), ACTIVITY)
        for a, b in ((0, 1), (1, 4), (4, 6))
        for steps in ((0, 3), (3, 4))
    ]
    assert whole is not None
    assert whole.nonzeros == sum(part.nonzeros or 0 for part in parts if part is not None)
    assert whole.nonzeros > 0


def test_an_analog_input_has_no_nonzeros_to_count() -> None:
    analog = replace(ACTIVITY.layers[0], inputs=DenseInput(INPUTS.shape, 8))
    part = ProductActivity.of(operation(Pass.F, (0, 6), (0, 4), None), replace(ACTIVITY, layers=(analog,)))
    assert part is not None
    assert part.nonzeros is None


def test_a_bare_product_has_no_activity() -> None:
    bare = replace(operation(Pass.F, (0, 6), (0, 4), None), geometry=None, extent=None)
    assert ProductActivity.of(bare, ACTIVITY) is None
