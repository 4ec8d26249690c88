"""SVG paths in fewer characters: relative, in hundredths of a point, circles as arcs.

Positions are rounded before they are subtracted, so no error adds up along a path. Proof:
``tests/unit/test_html_svg.py``, against absolute positions.
"""

from __future__ import annotations

import re

SCALE = 100
"""Steps of a point."""

_TOKEN = re.compile(r"[MLHVCQZz]|-?\d+(?:\.\d+)?(?:e-?\d+)?")
_POINTS = {"M": 1, "L": 1, "Q": 2, "C": 3}
_CIRCLE_CURVES = 8
"""Curves of which matplotlib makes a circle."""

Point = tuple[int, int]
Step = tuple[str, tuple[Point, ...]]


def compact(path: str) -> str:
    """A path of the commands M, L, Q, C and z, as matplotlib writes them; any other is given back as it is."""
    steps = _parsed(path)
    if steps is None:
        return path
    return "".join(_subpath(part) for part in _subpaths(steps))


def _parsed(path: str) -> list[Step] | None:
    tokens, place = _TOKEN.findall(path), 0
    steps: list[Step] = []
    while place < len(tokens):
        command = tokens[place].upper()
        if command == "Z":
            steps.append((command, ()))
            place += 1
            continue
        if command not in _POINTS:
            return None
        size = 2 * _POINTS[command]
        numbers = [round(float(token) * SCALE) for token in tokens[place + 1 : place + 1 + size]]
        points = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        steps.append((command, points))
        place += 1 + size
    return steps


def _subpaths(steps: list[Step]) -> list[list[Step]]:
    found: list[list[Step]] = []
    for step in steps:
        if step[0] == "M" or not found:
            found.append([])
        found[-1].append(step)
    return found


def _subpath(steps: list[Step]) -> str:
    if [command for command, _ in steps if command != "Z"] == ["M"] + ["C"] * _CIRCLE_CURVES:
        return _circle(steps)
    start, at = (0, 0), (0, 0)
    words: list[str] = []
    for command, points in steps:
        if command == "M":
            start = at = points[0]
            words.append(f"M{_number(at[0])} {_number(at[1])}")
        elif command == "Z":
            at = start
            words.append("z")
        elif command == "L":
            words.append(_line(at, points[0]))
            at = points[0]
        else:
            words.append(command.lower() + " ".join(f"{_number(x - at[0])} {_number(y - at[1])}" for x, y in points))
            at = points[-1]
    return "".join(words)


def _line(at: Point, to: Point) -> str:
    """A line, short where it is level or upright; nothing where it does not move."""
    across, down = to[0] - at[0], to[1] - at[1]
    if not across:
        return f"v{_number(down)}" if down else ""
    return f"h{_number(across)}" if not down else f"l{_number(across)} {_number(down)}"


def _circle(steps: list[Step]) -> str:
    """Two half circles through the ends of the curves."""
    ends = [points[-1] for command, points in steps if points]
    left, right = min(x for x, _ in ends), max(x for x, _ in ends)
    middle = (min(y for _, y in ends) + max(y for _, y in ends)) // 2
    radius, across = _number((right - left) / 2), _number(right - left)
    half = f"a{radius} {radius} 0 1 0 "
    return f"M{_number(left)} {_number(middle)}{half}{across} 0{half}-{across} 0z"


def _number(steps: float) -> str:
    """Hundredths as a number without needless characters."""
    text = f"{steps / SCALE:.3f}".rstrip("0").rstrip(".")
    text = text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
    return text if text not in ("", "-0", "-") else "0"
