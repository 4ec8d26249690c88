"""Explicit tables of components: one line adds one, an unknown name says what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from simsnn.errors import ConfigError, nearest

T = TypeVar("T")


class Registry(Generic[T]):
    """Named components of one role, in the order they were added.

    Parameters
    ----------
    role : str
        What the entries are (``"engine"``, ``"neuron"``), for messages.
    """

    def __init__(self, role: str) -> None:
        self.role = role
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> T:
        """Add an entry; a second one of the same name is a bug of ours."""
        if name in self._entries:
            raise ValueError(f"{self.role} {name!r} is registered twice")
        self._entries[name] = entry
        return entry

    def get(self, name: str) -> T:
        """Entry of that name; ``ConfigError`` with the nearest match otherwise."""
        if name not in self._entries:
            raise ConfigError(
                f"unknown {self.role} {name!r}", value=name, allowed=self.names(), nearest=nearest(name, self._entries)
            )
        return self._entries[name]

    def names(self) -> tuple[str, ...]:
        """Names in registration order."""
        return tuple(self._entries)

    def values(self) -> tuple[T, ...]:
        """Entries in registration order."""
        return tuple(self._entries.values())

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter(self._entries.items())

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries
