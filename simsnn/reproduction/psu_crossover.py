"""Cycles of one layer of parallel units over T in every form, and T*, on machines of several shapes.

Closed forms of :mod:`simsnn.mapping.unit_forms`: nothing late, no memory. The machines are
``configs/hardware/ws32_scan.yaml`` with other numbers of rows, columns, lanes and operations per lane and cycle; none
is a publication's. ``bare`` is the account of the formulas RC/P and 2 RC/P: the best of one causal product, on
one side, a LIF of one operation per neuron and step on the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from simsnn.api import load
from simsnn.config.experiment import ExperimentConfig
from simsnn.costs import OperationCounts
from simsnn.engines.base import Dataflow
from simsnn.engines.mixing_check import mixing_operation
from simsnn.engines.scan_check import scan_operation
from simsnn.engines.systolic import SystolicEngine
from simsnn.mapping.machine import Machine
from simsnn.mapping.unit_forms import UnitForms, closed_form_cycles, last_crossing, one_after_another, side_by_side
from simsnn.preparation import build_experiment_network, step_scope, step_widths
from simsnn.workload.mixing import Mixing
from simsnn.workload.operation import Pass
from simsnn.workload.parallel_forms import ParallelForm

EXPERIMENT = "psu_crossover"
STEPS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
NEURONS = (64, 8192)


@dataclass(frozen=True, slots=True)
class Shape:
    """A machine: R = C rows and columns, P lanes of so many operations per cycle."""

    size: int
    lanes: int
    operations: int = 4

    @property
    def name(self) -> str:
        """``32 x 32, 32 lanes of 4``."""
        return f"{self.size} x {self.size}, {self.lanes} lanes of {self.operations}"

    @property
    def formula(self) -> float:
        """RC/P."""
        return self.size * self.size / self.lanes


SHAPES = (Shape(32, 32), Shape(128, 32))
"""Those whose cycles are followed over T."""
MORE_SHAPES = (*SHAPES, Shape(16, 64), Shape(64, 32), Shape(32, 32, 1), Shape(32, 8, 1), Shape(128, 32, 1))
"""Those whose T* is looked for."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Closed-form cycles of one form at one T; of products the best dataflow and number of copies."""

    shape: Shape
    neurons: int
    pass_: str
    form: str
    timesteps: int
    cycles: int
    overlapped: int
    option: str


@dataclass(frozen=True, slots=True)
class Crossing:
    """T* of a layer on a machine, forward or backward; None where products are not slower up to 4,096.

    Parameters
    ----------
    shape : Shape
        Machine.
    neurons : int
        N.
    pass_ : str
        F or B.
    one_after_another, overlapped : int or None
        T* of the whole unit, its operations one after another, or arrays and vector units side by side.
    bare : int or None
        T* of one causal product against one operation per neuron and step.
    """

    shape: Shape
    neurons: int
    pass_: str
    one_after_another: int | None
    overlapped: int | None
    bare: int | None


def crossover_experiment(shape: Shape, neurons: int) -> ExperimentConfig:
    """The shipped experiment on another machine and with another layer."""
    overrides = (
        f"hardware.arrays.0.rows={shape.size}",
        f"hardware.arrays.0.columns={shape.size}",
        f"hardware.vector_units.0.lanes={shape.lanes}",
        f"hardware.vector_units.0.ops_per_cycle={shape.operations}",
        f"network.layers.0.features={neurons}",
    )
    return load(EXPERIMENT, overrides)[0]


def forms_of_layer(shape: Shape, neurons: int) -> UnitForms:
    """Every form of the layer on the machine."""
    experiment = crossover_experiment(shape, neurons)
    network, scope = build_experiment_network(experiment), step_scope(experiment, frozenset(experiment.workload.passes))
    machine = Machine.build(experiment.hardware)
    return UnitForms(network, scope, step_widths(experiment), experiment.mapping, machine)


def curves(
    shapes: tuple[Shape, ...] = SHAPES, neurons: tuple[int, ...] = NEURONS, steps: tuple[int, ...] = STEPS
) -> tuple[CurvePoint, ...]:
    """Points of every machine, layer, pass, form and T."""
    found = []
    for shape in shapes:
        for count in neurons:
            forms = forms_of_layer(shape, count)
            for pass_ in forms.passes:
                for timesteps in steps:
                    found += _points(forms, shape, count, pass_, timesteps)
    return tuple(found)


def _points(forms: UnitForms, shape: Shape, neurons: int, pass_: Pass, timesteps: int) -> list[CurvePoint]:
    (layer,) = forms.layers
    running = [option for option in forms.options(layer, pass_, timesteps) if not option.reason]
    found = []
    for form in ParallelForm:
        best = min((option for option in running if option.form is form), key=one_after_another)
        text = f"{best.dataflow} x{best.copies}" if form is ParallelForm.PRODUCT else ""
        place = (shape, neurons, pass_.value, form.value, timesteps)
        found.append(CurvePoint(*place, best.cycles, best.overlapped_cycles, text))
    return found


def crossings(shapes: tuple[Shape, ...] = MORE_SHAPES, neurons: tuple[int, ...] = NEURONS) -> tuple[Crossing, ...]:
    """T* of every machine, layer and pass."""
    found = []
    for shape in shapes:
        for count in neurons:
            forms = forms_of_layer(shape, count)
            (layer,) = forms.layers
            bare = bare_crossover(shape, count)
            for pass_ in forms.passes:
                after = forms.crossover(layer, pass_)
                beside = forms.crossover(layer, pass_, side_by_side)
                found.append(Crossing(shape, count, pass_.value, after, beside, bare))
    return tuple(found)


def bare_crossover(shape: Shape, neurons: int) -> int | None:
    """T* of one causal product, in its best dataflow without copies, against one operation per neuron and step."""
    return last_crossing(partial(_bare_slower, Machine.build(crossover_experiment(shape, neurons).hardware), neurons))


def _bare_slower(machine: Machine, neurons: int, timesteps: int) -> bool:
    array, vector = machine.engines
    once = replace(scan_operation(1, neurons, timesteps, OperationCounts(compare=1), 1), scan=0)
    limit = closed_form_cycles(vector, once, None)
    mixing = Mixing(timesteps, neurons, "lower")
    assert isinstance(array, SystolicEngine)
    if mixing.useful_macs(1) > limit * array.config.rows * array.config.columns:
        return True
    product = mixing_operation(mixing, 1)
    return all(closed_form_cycles(array, product, flow) > limit for flow in Dataflow)
