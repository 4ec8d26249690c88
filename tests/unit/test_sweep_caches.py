"""What points have in common is remembered, never for ever, and never mistaken for something else."""

from __future__ import annotations

import pytest

from simsnn.config.quantities import StrictModel
from simsnn.sweep.caches import Bounded, Recent
from simsnn.sweep.step_mapping import _hashable


def test_the_entry_that_was_not_asked_for_the_longest_goes_first() -> None:
    cache: Bounded[str, int] = Bounded(2)
    cache["a"], cache["b"] = 1, 2
    assert cache["a"] == 1
    cache["c"] = 3
    assert set(cache) == {"a", "c"}
    assert "b" not in cache
    assert len(cache) == 2
    with pytest.raises(KeyError):
        cache["b"]


def test_weights_count_and_leave_with_their_entries() -> None:
    cache: Bounded[str, tuple[int, ...]] = Bounded(4, len)
    cache["a"], cache["b"] = (1, 2), (3, 4)
    cache["a"] = (1,)  # replaced, not added
    cache["c"] = (5,)
    assert set(cache) == {"a", "b", "c"}
    del cache["b"]
    cache["d"] = (6, 7)
    assert set(cache) == {"a", "c", "d"}
    cache["large"] = tuple(range(9))
    assert set(cache) == {"large"}  # one entry stays, however heavy


def test_something_is_made_once_and_errors_are_not_kept() -> None:
    cache: Bounded[str, int] = Bounded(4)
    made: list[int] = []

    def make() -> int:
        made.append(1)
        if len(made) == 1:
            raise ValueError("refused")
        return 7

    with pytest.raises(ValueError, match="refused"):
        cache.made("a", make)
    assert [cache.made("a", make), cache.made("a", make)] == [7, 7]
    assert len(made) == 2


def test_equal_inputs_find_what_was_made_of_them_and_types_are_told_apart() -> None:
    recent: Recent[str] = Recent(2)
    assert recent.made(([1],), lambda: "list") == "list"
    assert recent.made(([1],), lambda: "again") == "list"
    assert recent.made((1,), lambda: "whole") == "whole"
    assert recent.made((True,), lambda: "truth") == "truth"  # equal to 1, and something else
    assert recent.made((1,), lambda: "anew") == "whole"
    assert recent.made(([1],), lambda: "anew") == "anew"  # forgotten
    assert recent.made(([1], 2), lambda: "longer") == "longer"


class Tabled(StrictModel):
    """A configuration that cannot be hashed."""

    sizes: dict[str, int]


def test_a_configuration_with_a_table_is_told_apart_by_its_text() -> None:
    one, same, other = (_hashable(Tabled(sizes=sizes)) for sizes in ({"a": 1}, {"a": 1}, {"a": 2}))
    assert one == same != other
    assert hash(one) == hash(same)
