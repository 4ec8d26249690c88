"""What the reversible neurons declare, what a file may say about them, and what they keep when values are rounded."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
import pytest

from simsnn.commands.listing import catalogue, json_schema
from simsnn.costs import OperationCounts
from simsnn.errors import ConfigError
from simsnn.kernels import pairs, reversible
from simsnn.neurons import NEURONS
from simsnn.neurons.lif import LifNeuron
from simsnn.neurons.surrogate import ArctanSurrogate, RectangleSurrogate, TriangleSurrogate
from simsnn.training.quantise import fixed_point
from simsnn.workload.network import Format, NetworkConfig, build_network
from tests.experiments import synthetic
from tests.reversible import every_neuron, lei, name, nothing, word_lif, word_pair

NEEDS = {
    "reversible_lei": {"threshold": 1.0, "reset": "soft", "detach_reset": True},
    "reversible_integer": {"threshold": 1.0, "detach_reset": True},
    "lif_integer": {"threshold": 1.0, "detach_reset": True},
}


def refusal(neuron: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        synthetic(f"network.neuron={neuron}")
    return caught.value


class Counted:
    """A number that counts what is done with it; a product with 1 is a wire."""

    def __init__(self, value: float, log: list[str]) -> None:
        self.value, self.log = value, log

    def _do(self, what: str, result: float) -> Counted:
        self.log.append(what)
        return Counted(result, self.log)

    def __add__(self, other: Any) -> Counted:
        return self._do("add", self.value + _value(other))

    def __radd__(self, other: Any) -> Counted:
        return self + other

    def __sub__(self, other: Any) -> Counted:
        return self._do("add", self.value - _value(other))

    def __rsub__(self, other: Any) -> Counted:
        return self._do("add", _value(other) - self.value)

    def __mul__(self, other: Any) -> Counted:
        if 1 in (self.value, _value(other)):
            return Counted(self.value * _value(other), self.log)
        return self._do("multiply", self.value * _value(other))

    def __rmul__(self, other: Any) -> Counted:
        return self * other

    def __truediv__(self, other: Any) -> Counted:
        if _value(other) == 1:
            return Counted(self.value, self.log)
        return self._do("divide", self.value / _value(other))

    def __ge__(self, other: Any) -> bool:
        self.log.append("compare")
        return bool(self.value >= _value(other))


def _value(number: Any) -> float:
    return number.value if isinstance(number, Counted) else number


def _counted(values: list[float], log: list[str]) -> np.ndarray:
    return np.array([Counted(value, log) for value in values], object)


def _tally(log: list[str]) -> tuple[int, ...]:
    """Adds, multiplies, divisions, compares per neuron of one pair."""
    counts = [log.count(what) for what in ("add", "multiply", "divide", "compare")]
    assert all(count % 2 == 0 for count in counts)  # both halves do the same: nothing is split
    return tuple(count // 2 for count in counts)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.5, 1.0), (0.5, 0.25), (0.3, 0.5), (0.3, 0.7)])
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_counts_of_the_pair_are_what_its_kernels_do(alpha: float, beta: float, reset: str) -> None:
    """The rows of the kernels run on numbers that count, in a pair of which both halves fire.

    Selects cannot be seen this way; a hard reset is one, and a soft one is a subtraction where it fired. A division
    by a power of two is counted as the multiplication that it is.
    """
    neuron, log = lei(alpha, beta, reset, tau=4.0, threshold=0.5), list[str]()
    x, v1, v2 = (_counted(values, log) for values in ([9.0, 8.0], [3.0], [2.0]))
    y, m = np.empty((2, 2), object)
    node = (0.25, alpha, beta, 0.5, reset == "hard")
    reversible._forward_row.py_func(x, v1, v2, *node, y, m)
    taken = 0 if reset == "soft" else 1  # m - m in place of the select
    add, multiply, divide, compare = _tally(log)
    found = neuron.forward_counts
    assert (found.add + taken, found.multiply, found.divide, found.compare) == (add, multiply, divide, compare)
    assert neuron.run_counts == found

    log.clear()
    reversible._inverse_row.py_func(y, v1, v2, *node, x, m)
    np.testing.assert_allclose([_value(number) for number in (*x, *v1, *v2)], [9, 8, 3, 2])
    add, multiply, divide, compare = _tally(log)
    found = neuron.inverse_counts
    shifts = sum(value in (0.5, 0.25) for value in (alpha, beta))
    assert (found.add + taken, found.multiply - shifts, found.divide + shifts, found.compare) == (
        add, multiply, divide, compare)  # fmt: skip


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.3, 0.7)])
def test_counts_of_the_gradient_are_what_its_rows_do(alpha: float, beta: float, detach: bool) -> None:
    log = list[str]()
    h, dy, g1, g2 = (_counted(values, log) for values in ([0.3, 0.4], [2.0, 3.0], [0.6], [0.7]))
    a, dx = 0.25, np.empty(2, object)
    pairs.soft_gradient_row.py_func(h, dy, g1, g2, a, alpha, beta, 1.0, 1.0, 0.5, dx)
    through_reset = np.array([1, 1, 0, 0])  # with detach a product with 0 and its difference fall away
    found = np.array(_tally(log)) - through_reset * detach
    declared = lei(alpha, beta, "soft", detach, surrogate=TriangleSurrogate()).backward_counts
    own = [declared.add, declared.multiply, declared.divide, declared.compare]
    surrogate = TriangleSurrogate.counts
    assert found.tolist() == (np.array(own) - [surrogate.add, surrogate.multiply, 0, surrogate.compare]).tolist()

    log.clear()
    pairs.soft_gradient_row.py_func(h, dy, g1, g2, a, 1.0, 1.0, 0.5, 0.75, 0.75, dx)
    found = np.array(_tally(log)) - through_reset * detach
    declared = word_pair(detach).backward_counts
    assert found.tolist() == [declared.add - surrogate.add, declared.multiply - surrogate.multiply, 0, 0]


def test_counts_beside_the_reference_count() -> None:
    """18 operations per pair and step forward and inverse with hard reset; a soft reset subtracts as well."""
    for reset, expected in (("hard", 18), ("soft", 20)):
        node = lei(0.3, 0.7, reset)
        assert (2 * node.forward_counts.total, 2 * node.inverse_counts.total) == (expected, expected)
    for surrogate in (RectangleSurrogate(), TriangleSurrogate(), ArctanSurrogate()):
        node = lei(0.3, 0.7, "soft", surrogate=surrogate)
        assert 2 * node.backward_counts.total == 20 + 2 * surrogate.counts.total
    assert word_pair().forward_counts == word_pair().inverse_counts == OperationCounts(add=5, compare=1, select=1)


@pytest.mark.parametrize("neuron", every_neuron(), ids=name)
def test_one_pass_saves_only_a_second_forward(neuron: Any) -> None:
    both = neuron.inverse_counts + neuron.backward_counts
    again = 1 if neuron.kind == "reversible_lei" and neuron.reset == "hard" else 0  # the inverse knows who fired
    assert neuron.streamlined_counts + OperationCounts(compare=again) == both
    assert neuron.node_pass_latency_chains == (1 if neuron.kind == "lif_integer" else 2)
    assert neuron.binary_output == neuron.needs_current == (neuron.kind == "lif_integer")


def test_integer_lif_costs_what_lif_costs_without_its_multiply() -> None:
    """The leak is wires; subtract: an add, and a compare for the side bit."""
    lif = LifNeuron(leak=0.5, threshold=0.75, reset="soft", detach_reset=False)
    divide, subtract, free = word_lif("divide", 1), word_lif("subtract", 2), word_lif("divide", 0)
    assert divide.forward_counts + OperationCounts(multiply=1) == lif.forward_counts
    assert divide.backward_counts == lif.backward_counts
    assert subtract.forward_counts == divide.forward_counts + OperationCounts(add=1)
    assert subtract.run_counts == subtract.forward_counts + OperationCounts(compare=1)
    assert free.backward_counts + OperationCounts(multiply=1) == divide.backward_counts
    assert [word_lif(*leak).side_bits for leak in (("divide", 0), ("divide", 5), ("subtract", 5))] == [0, 5, 1]
    assert [word_lif("subtract", k).inverse_counts.divide for k in (1, 2)] == [0, 1]
    assert [word_lif(*leak).leak for leak in (("divide", 0), ("divide", 2), ("subtract", 2))] == [1.0, 0.25, 0.75]


def test_who_needs_no_more_than_a_mask() -> None:
    window, triangle = RectangleSurrogate(), TriangleSurrogate()
    assert lei(reset="soft", surrogate=window).stashes_mask_only
    assert not lei(reset="hard", surrogate=window).stashes_mask_only
    assert not lei(reset="soft", surrogate=triangle).stashes_mask_only
    assert word_pair(surrogate=window).stashes_mask_only
    assert word_lif(surrogate=window).stashes_mask_only
    assert not word_lif(surrogate=triangle).stashes_mask_only


@pytest.mark.parametrize(("kind", "changes", "path", "words"), [
    ("reversible_lei", {"alpha": "0"}, "alpha", "divides by it"),
    ("reversible_lei", {"beta": "0.0"}, "beta", "divides by it"),
    ("reversible_lei", {"beta": "1.0e-320"}, "beta", "divides by it"),
    ("reversible_lei", {"alpha": ".inf"}, "alpha", "finite"),
    ("reversible_lei", {"alpha": ".nan"}, "alpha", "finite"),
    ("reversible_lei", {"tau": "1"}, "tau", "greater than 1"),
    ("reversible_lei", {"reset": "none"}, "reset", "'none' is not allowed"),
    ("reversible_lie", {}, "kind", "reversible_lei"),
    ("reversible_integer", {"threshold": "0.3"}, "threshold", "nearest one is 0.300781"),
    ("reversible_integer", {"threshold": "200"}, "threshold", "largest value is 127.996"),
    ("reversible_integer", {"threshold": "0.001"}, "threshold", "nearest one is 0.00390625"),
    ("reversible_integer", {"threshold": "-1"}, "threshold", "greater than 0"),
    ("reversible_integer", {"word_bits": "8"}, "word_bits", "16"),
    ("reversible_integer", {"fraction_bits": "16"}, "fraction_bits", "15"),
    ("reversible_integer", {"charge_shift": "0"}, "charge_shift", "1"),
    ("lif_integer", {"leak_form": "subtract", "leak_shift": "0"}, "leak_shift", "takes away all"),
    ("lif_integer", {"leak_shift": "9"}, "leak_shift", "8"),
    ("lif_integer", {"leak_form": "halve"}, "leak_form", "divide"),
    ("lif_integer", {"leak": "0.5"}, "leak", "unknown key"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(kind: str, changes: dict[str, str], path: str, words: str) -> None:
    fields = {"threshold": "1", "detach_reset": "true", **changes}
    if kind == "reversible_lei":
        fields = {"reset": "soft", **fields}
    error = refusal(f"{{kind: {kind}, {', '.join(f'{key}: {value}' for key, value in fields.items())}}}")
    assert error.where.path == f"network.neuron.{path}"
    assert words in f"{error.message} {error.allowed} {error.nearest} {error.remedy}"


def test_a_missing_switch_is_named() -> None:
    assert refusal("{kind: reversible_lei, threshold: 1, reset: soft}").where.path == "network.neuron.detach_reset"


@pytest.mark.parametrize("neuron", [lei(), word_pair()], ids=name)
def test_an_odd_number_of_channels_is_refused(neuron: Any) -> None:
    assert neuron.channels_refusal(4) == ""
    assert "3 is an odd number" in neuron.channels_refusal(3)
    layers = [{"name": "a", "kind": "linear", "features": 3}, {"name": "b", "kind": "linear", "features": 2}]
    document = {"input": [4], "layers": layers, "neuron": neuron.model_dump(mode="json")}
    with pytest.raises(ConfigError, match="layer 'a' with 3 channels") as caught:
        build_network(NetworkConfig.model_validate_json(json.dumps(document)), Format.real(8), 32)
    assert caught.value.where.path == "network.layers.0"
    x, y, v = np.zeros((3, 2, 5))
    state, side = np.zeros((1, 5)), np.empty((2, 0), np.uint8)
    for call in (
        partial(neuron.forward, x, nothing(x), y, v, state),
        partial(neuron.run, x, state, y, side),
        partial(neuron.invert, y, side, state, x, v),
        partial(neuron.invert_backward, x, y, side, state, state, x, v),
        partial(neuron.forward_smooth, x, nothing(x), x[:0], y, v),
        partial(neuron.backward, x, x, nothing(x), v, y, state, x, nothing(x)),
        partial(neuron.potential_without_firing, x, nothing(x)),
    ):
        with pytest.raises(ConfigError, match="odd number"):
            call()
    assert word_lif().channels_refusal(3) == ""


@pytest.mark.parametrize("kind", list(NEEDS))
def test_listed_and_in_the_schema(kind: str) -> None:
    assert kind in catalogue("neurons")["neurons"]
    model = NEURONS.get(kind)
    document = {"input": [4], "layers": [], "neuron": {"kind": kind, **NEEDS[kind]}}
    assert isinstance(NetworkConfig.model_validate_json(json.dumps(document)).neuron, model)
    for what in ("network", "experiment"):
        schema = json_schema(what)["$defs"][model.__name__]
        assert set(schema["properties"]) == set(model.model_fields)


def test_the_schema_says_reconstruction() -> None:
    schema = json_schema("network")["$defs"]["ReversibleLeiNeuron"]
    assert "reconstruction" in schema["description"]
    assert "reconstruction" in schema["properties"]["kind"]["description"]


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_rounding_what_a_step_keeps(reset: str) -> None:
    """With a fine grid as without one, bit for bit without one, and on the grid with a coarse one."""
    neuron = lei(0.5, 0.25, reset)
    x = np.random.default_rng(0).normal(0.4, 0.9, (6, 40))
    y, m, y2, m2 = np.empty((4, 6, 40))
    neuron.forward(x, nothing(x), y, m, np.zeros((1, 40)))
    neuron.forward_stored(x, nothing(x), lambda values: values, y2, m2)
    np.testing.assert_array_equal(y2, y)
    np.testing.assert_array_equal(m2, m)
    step = 16 * neuron.threshold / 2**6
    neuron.forward_stored(x[:1], nothing(x), partial(fixed_point, bits=6, threshold=neuron.threshold), y2, m2)
    for values in (y2, m2):
        np.testing.assert_allclose(np.rint(values / step) * step, values)
    assert np.abs(m2 - m).max() > step / 4


@pytest.mark.parametrize("neuron", [word_pair(), word_lif()], ids=name)
def test_words_are_not_rounded_again(neuron: Any) -> None:
    x = np.random.default_rng(0).normal(0.4, 0.9, (6, 40)).astype(np.float32)
    y, m, y2, m2 = np.empty((4, 6, 40), np.float32)
    neuron.forward(x, nothing(x), y, m, np.zeros((1, 40), np.float32))
    neuron.forward_stored(x, nothing(x), np.zeros_like, y2, m2)
    np.testing.assert_array_equal(y2, y)
    np.testing.assert_array_equal(m2, m)


@pytest.mark.parametrize("neuron", [
    lei(0.5, 0.25, "soft"), lei(1, 1, "hard"), word_lif("subtract", 2, word_bits=32, fraction_bits=15),
    word_pair(word_bits=32, fraction_bits=15),
    word_pair(charge_shift=2, keep_shift=0, word_bits=32, fraction_bits=15),
], ids=name)  # fmt: skip
def test_potential_without_firing(neuron: Any) -> None:
    """The forward pass under a threshold out of reach ends at it, up to the grid."""
    silent = neuron.model_copy(update={"threshold": 2.0**15})
    x = np.random.default_rng(1).normal(0.4, 0.9, (5, 8))
    y, m = np.empty((2, 5, 8))
    silent.forward(x, nothing(x), y, m, np.zeros((1, 8)))
    grid = 1e-12 if neuron.kind == "reversible_lei" else 1e-3
    np.testing.assert_allclose(neuron.potential_without_firing(x, nothing(x)), m[-1], atol=grid)
