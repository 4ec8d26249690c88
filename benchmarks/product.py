"""A bare matrix product on an array, cut into many chunks."""

from __future__ import annotations

from benchmarks.vgg import WIDTHS, ws32_array
from simsnn.config.loader import Document
from simsnn.config.resolve import build
from simsnn.engines.base import Dataflow
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_blocking import Blocking
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, NetworkConfig, build_network
from simsnn.workload.operation import Pass
from simsnn.workload.step_tensors import StepScope
from simsnn.workload.training_step import layer_by_layer


def chunked_product(chunks: int, rows_per_chunk: int) -> SystolicPlan:
    """Weight-stationary product of the ws32 array whose streamed rows are cut into ``chunks`` M-tiles."""
    array = ws32_array()
    gemm = {"name": "g0", "kind": "gemm", "m": chunks * rows_per_chunk, "k": array.rows, "n": array.columns}
    config = build(NetworkConfig, Document({"schema": "simsnn/network/1", "name": "product", "layers": [gemm]}))
    network = build_network(config, Format.real(WIDTHS.input), WIDTHS.partial_sum)
    scope = StepScope(1, 1, frozenset({Pass.F}), Encoding.DIRECT)
    operation = layer_by_layer(network, scope, WIDTHS, None)[0]
    return SystolicEngine(array).plan(operation, Dataflow.WS, Blocking(row_blocks=chunks))
