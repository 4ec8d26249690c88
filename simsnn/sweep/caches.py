"""Bounded memories of what points have in common; each belongs to the object that holds it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, MutableMapping
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Bounded(MutableMapping[Key, Value], Generic[Key, Value]):
    """A dictionary of at most so many entries; the one that was not asked for the longest goes first.

    Parameters
    ----------
    most : int
        Entries, or the sum of their weights.
    weigh : callable or None
        Weight of a value; all weigh 1 without it.
    """

    def __init__(self, most: int, weigh: Callable[[Value], int] | None = None) -> None:
        self._most, self._weight = most, 0
        self._weigh: Callable[[Value], int] = weigh or (lambda _: 1)
        self._entries: OrderedDict[Key, Value] = OrderedDict()

    def __getitem__(self, key: Key) -> Value:
        self._entries.move_to_end(key)
        return self._entries[key]

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __setitem__(self, key: Key, value: Value) -> None:
        if key in self._entries:
            del self[key]
        self._entries[key] = value
        self._weight += self._weigh(value)
        while self._weight > self._most and len(self._entries) > 1:
            self._weight -= self._weigh(self._entries.popitem(last=False)[1])

    def __delitem__(self, key: Key) -> None:
        self._weight -= self._weigh(self._entries.pop(key))

    def __iter__(self) -> Iterator[Key]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Key) -> Value | None:
        """The entry of a key, or None."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def made(self, key: Key, make: Callable[[], Value]) -> Value:
        """The entry of a key, made where there is none."""
        try:
            value = self._entries[key]
        except KeyError:
            pass
        else:
            self._entries.move_to_end(key)
            return value
        value = self[key] = make()
        return value


class Recent(Generic[Value]):
    """What was made of the last few different inputs, which need not be hashable: they are compared.

    Parameters
    ----------
    most : int
        Inputs remembered.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: list[tuple[tuple[object, ...], Value]] = []

    def made(self, inputs: tuple[object, ...], make: Callable[[], Value]) -> Value:
        """What was made of equal inputs, or is made now; what raises is not remembered."""
        for place, (known, value) in enumerate(self._entries):
            if _equal(known, inputs):
                if place:
                    self._entries.insert(0, self._entries.pop(place))
                return value
        value = make()
        self._entries.insert(0, (inputs, value))
        del self._entries[self._most :]
        return value


def _equal(known: tuple[object, ...], inputs: tuple[object, ...]) -> bool:
    """Most often they are the same objects."""
    return len(known) == len(inputs) and all(
        a is b or (type(a) is type(b) and a == b) for a, b in zip(known, inputs, strict=True)
    )
