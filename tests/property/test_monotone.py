"""More bandwidth or more buffer never makes an operation slower, by the cost that the mapper uses."""

from __future__ import annotations

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from simsnn.errors import CapacityError
from simsnn.mapping.blocking import Shares, choose
from simsnn.mapping.build import placed, sram_users
from simsnn.mapping.machine import Machine
from simsnn.preparation import build_experiment_network, step_operations
from tests.experiments import layers, synthetic

NETWORKS = (
    layers("{name: a, kind: conv2d, channels: 40, kernel: 3, padding: 1}", "{name: f, kind: flatten}",
           "{name: o, kind: linear, features: 5}"),
    layers("{name: a, kind: conv2d, channels: 4, kernel: 3, stride: 2}", "{name: f, kind: flatten}",
           "{name: o, kind: linear, features: 70}"),
)  # fmt: skip


def costs(network: str, *overrides: str) -> list[int | None]:
    """Cost of every operation alone on the machine, None where it does not fit."""
    experiment = synthetic(network, *overrides)
    machine = Machine.build(experiment.hardware)
    pairs = placed(step_operations(experiment, build_experiment_network(experiment)), experiment.mapping, machine)
    users = sram_users(pairs, machine)
    found: list[int | None] = []
    for item in pairs:
        engine = machine.engines[item.placement.engine]
        shares = Shares.of(machine, users, item.placement.engine)
        try:
            choice = choose(item.operation, engine.candidates(item.operation, item.placement.dataflow), machine, shares)
        except CapacityError:
            found.append(None)
        else:
            found.append(choice.cycles)
    return found


@settings(max_examples=8, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(network=st.sampled_from(NETWORKS), sram=st.integers(0, 2), small=st.integers(3, 6), larger=st.integers(1, 3))
def test_a_larger_buffer_never_makes_an_operation_slower(network: str, sram: int, small: int, larger: int) -> None:
    sizes = [f"hardware.srams.{sram}.size={2**exponent} KiB" for exponent in (small, small + larger)]
    for before, after in zip(*(costs(network, size) for size in sizes), strict=True):
        assert before is None or (after is not None and after <= before)


@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(network=st.sampled_from(NETWORKS), rate=st.integers(1, 64), more=st.integers(1, 64))
def test_more_bandwidth_never_makes_an_operation_slower(network: str, rate: int, more: int) -> None:
    rates = [f"hardware.dram.bandwidth={value} B/cycle" for value in (rate, rate + more)]
    for before, after in zip(*(costs(network, value) for value in rates), strict=True):
        assert before is not None
        assert after is not None
        assert after <= before
