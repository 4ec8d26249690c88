"""Synapse products of VGG-16, forward, one sample and one time step."""

from __future__ import annotations

from benchmarks.measurement import NotMeasured
from simsnn.config.hardware import HardwareConfig
from simsnn.config.loader import Document, preset_folder, read_yaml
from simsnn.config.resolve import build
from simsnn.engines.systolic_config import SystolicConfig
from simsnn.workload.encoding import Encoding
from simsnn.workload.lowering import gathers
from simsnn.workload.network import Format, NetworkConfig, build_network
from simsnn.workload.operation import GemmOperation, Pass
from simsnn.workload.presets import GENERATORS
from simsnn.workload.step_tensors import StepScope, Widths
from simsnn.workload.training_step import layer_by_layer

WIDTHS = Widths(input=8, weight=8, membrane=16, gradient=16, partial_sum=32, optimizer_state=32)


def vgg16_products(pixels: int, classes: int) -> tuple[GemmOperation, ...]:
    """The 13 convolutions and 3 linear layers for square RGB images."""
    document = Document(GENERATORS.get("vgg16")((3, pixels, pixels), classes, False))
    network = build_network(build(NetworkConfig, document), Format.real(WIDTHS.input), WIDTHS.partial_sum)
    scope = StepScope(1, 1, frozenset({Pass.F}), Encoding.DIRECT)
    operations = layer_by_layer(network, scope, WIDTHS, None)
    return tuple(operation for operation in operations if isinstance(operation, GemmOperation))


def ws32_array() -> SystolicConfig:
    """The array of the shipped machine ``ws32``."""
    array = build(HardwareConfig, read_yaml(preset_folder() / "hardware" / "ws32.yaml")).arrays[0]
    if not isinstance(array, SystolicConfig):
        raise NotMeasured(f"the array of ws32 is no systolic array but {array.kind}")
    return array


def forget_lowering() -> None:
    """Drop what is kept of convolutions lowered before, so that a repeat does all of the work."""
    gathers.cache_clear()
