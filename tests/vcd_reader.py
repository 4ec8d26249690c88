"""A strict reader of value change dumps, written from the format alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15}
Value = int | None


@dataclass
class Dump:
    """What a dump holds: variables by ``scope.name`` with their changes; a value of None has unknown bits."""

    units_per_second: int = 0
    comments: list[str] = field(default_factory=list)
    changes: dict[str, list[tuple[int, Value]]] = field(default_factory=dict)
    end: int = 0

    def at(self, name: str, time: int) -> Value:
        """Value at a time."""
        return [value for when, value in self.changes[name] if when <= time][-1]


def parse(text: str) -> Dump:
    """Read a dump; anything that is not as the format says fails an assertion."""
    assert text.isascii()
    assert text.endswith("\n")
    dump, words = Dump(), iter(text.split())
    scopes: list[str] = []
    names: dict[str, tuple[str, int]] = {}
    for word in words:
        body: list[str] = []
        for part in words:
            if part == "$end":
                break
            assert not part.startswith("$") or word == "$comment", f"{part} within {word}"
            body.append(part)
        else:
            raise AssertionError(f"{word} has no end")
        if word == "$comment":
            dump.comments.append(" ".join(body))
        elif word == "$timescale":
            match = re.fullmatch(r"(1|10|100) ?(s|ms|us|ns|ps|fs)", " ".join(body))
            assert match is not None
            assert dump.units_per_second == 0
            dump.units_per_second = UNITS[match[2]] // int(match[1])
        elif word == "$scope":
            assert body[0] in ("module", "task", "function", "begin", "fork")
            assert re.fullmatch(r"[A-Za-z_]\w*", body[1])
            assert len(body) == 2
            scopes.append(body[1])
        elif word == "$upscope":
            assert not body
            scopes.pop()
        elif word == "$var":
            kind, size, code, name = body
            assert kind in ("reg", "wire", "integer")
            assert int(size) > 0
            assert all(33 <= ord(letter) <= 126 for letter in code)
            assert code not in names, f"identifier {code} twice"
            assert re.fullmatch(r"[A-Za-z_]\w*", name)
            full = ".".join((*scopes, name))
            assert full not in dump.changes, f"{full} twice"
            names[code] = (full, int(size))
            dump.changes[full] = []
        elif word == "$enddefinitions":
            assert not body
            break
        else:
            assert word == "$version", word
    assert not scopes
    assert dump.units_per_second
    _read_changes(list(words), names, dump)
    return dump


def _read_changes(words: list[str], names: dict[str, tuple[str, int]], dump: Dump) -> None:
    time, position, dumping = -1, 0, False
    while position < len(words):
        word = words[position]
        position += 1
        if word.startswith("#"):
            assert int(word[1:]) > time, "times must increase"
            assert not dumping
            time = int(word[1:])
        elif word == "$dumpvars":
            assert time == 0
            dumping = True
        elif word == "$end":
            assert dumping
            assert all(dump.changes.values()), "dumpvars gives every variable a value"
            dumping = False
        else:
            assert word[0] == "b", word
            full, size = names[words[position]]
            position += 1
            bits = word[1:]
            assert re.fullmatch(r"[01]+|x", bits)
            assert len(bits) <= size, f"{bits} in {size} bits"
            assert bits in ("0", "x") or bits[0] == "1", "no leading zeros"
            value = None if bits == "x" else int(bits, 2)
            assert time >= 0
            changes = dump.changes[full]
            assert not changes or changes[-1][0] < time, f"{full} changes twice at {time}"
            assert not changes or changes[-1][1] != value, f"{full} changes to what it is at {time}"
            changes.append((time, value))
    dump.end = time
