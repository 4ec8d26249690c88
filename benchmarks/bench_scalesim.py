"""The same layer, the same cycle count: closed form against SCALE-Sim 3.0.0, both after their imports."""

from __future__ import annotations

from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from benchmarks.scalesim_peer import Convolution, run_scalesim
from benchmarks.timing import median_seconds
from benchmarks.vgg import forget_lowering, vgg16_products, ws32_array
from simsnn.engines.base import Dataflow
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_config import Compatibility

ROWS, COLUMNS = 16, 64
LAYER = Convolution("conv2_2", padded_pixels=18, kernel=3, channels=128, filters=128, stride=1)


def scalesim_ratio() -> Measurement:
    """How many times faster one layer's cycles are there: VGG conv2_2 of 32 x 32 images on 16 x 64, ws."""
    scalesim = Compatibility.SCALESIM
    array = ws32_array().model_copy(update={"rows": ROWS, "columns": COLUMNS, "compatibility": scalesim})
    engine = SystolicEngine(array)
    operation = next(product for product in vgg16_products(32, 10) if product.layer == LAYER.name)

    def cycles() -> int:
        forget_lowering()
        plan = engine.plan(operation, Dataflow.WS)
        return plan.parts(plan.closed_form()).accounted

    theirs = run_scalesim(LAYER, ROWS, COLUMNS, Dataflow.WS.value)
    if cycles() != theirs.cycles:
        raise NotMeasured(f"{cycles():,} cycles here, {theirs.cycles:,} in SCALE-Sim")
    ours = median_seconds(cycles, 51, 5)
    note = f"{theirs.cycles:,} cycles in both; {theirs.seconds:.2f} s there, {ours * 1e6:.0f} us here"
    return Measurement(theirs.seconds / ours, Yardstick("SCALE-Sim 3.0.0", 1.0), note)
