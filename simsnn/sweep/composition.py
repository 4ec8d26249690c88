"""The experiment of a point: the base document with the point's values in it, validated.

A sweep changes little from point to point, so sections that did not change are neither copied nor validated again:
an experiment has no rule across its sections (``tests/unit/test_sweep_composition.py`` holds that, and that the result
equals the one built from the whole document).
"""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from simsnn.config.experiment import ExperimentConfig
from simsnn.config.loader import PRESET_FOLDERS, Document, compose
from simsnn.config.resolve import build
from simsnn.errors import ConfigError, Where, nearest
from simsnn.sweep.axes import Assignment, Axis, Step
from simsnn.sweep.points import Choice

KEPT_SECTIONS = 512
"""Validated sections that a worker remembers."""
_NAMED_BY_FILE = (*PRESET_FOLDERS, "activity")


class Composer:
    """Composes points; remembers the sections it has validated.

    Parameters
    ----------
    base : Document
        The base experiment, composed, with everything that holds for all points.
    axes : tuple of Axis
        What changes.
    """

    def __init__(self, base: Document, axes: tuple[Axis, ...]) -> None:
        self.base = base
        self.axes = axes
        self._known: OrderedDict[str, Any] = OrderedDict()
        self._texts: dict[str, str] = {}
        self._files: dict[str, Document] = {}
        self._fields = {field.alias or name: (name, field) for name, field in ExperimentConfig.model_fields.items()}
        self._checks: dict[str, TypeAdapter[Any]] = {}

    def tree(self, choice: Choice) -> dict[str, Any]:
        """Plain tree of a choice; shares with the base what did not change.

        Raises
        ------
        ConfigError
            If a path leads nowhere, or a file is not there.
        """
        tree = dict(self.base.tree)
        for assignment, where in self._moved(choice):
            loaded = self._loaded(assignment, where)
            assign(tree, assignment if loaded is None else Assignment(assignment.path, loaded.tree), where)
        return tree

    def text(self, tree: dict[str, Any]) -> str:
        """Canonical JSON of a tree; sections of the base are written once."""
        return "{" + ",".join(f"{json.dumps(key)}:{self._text(key, tree[key])}" for key in sorted(tree)) + "}"

    def _text(self, key: str, part: Any) -> str:
        if part is not self.base.tree.get(key):
            return canonical(part)
        if key not in self._texts:
            self._texts[key] = canonical(part)
        return self._texts[key]

    def compose(self, choice: Choice) -> ExperimentConfig:
        """Experiment of a choice.

        Raises
        ------
        ConfigError
            With the place in the sweep file if a value of an axis is wrong, else in the base.
        """
        values: dict[str, Any] = {}
        for key, part in self.tree(choice).items():
            if key not in self._fields:
                return self._whole(choice)
            name, _ = self._fields[key]
            values[name] = self._section(key, part)
            if values[name] is None and part is not None:
                return self._whole(choice)
        if any(field.is_required() and name not in values for name, field in self._fields.values()):
            return self._whole(choice)
        return ExperimentConfig.model_construct(**values)

    def _whole(self, choice: Choice) -> ExperimentConfig:
        """The plain way, which also says what is wrong."""
        return build(ExperimentConfig, self.document(choice))

    def document(self, choice: Choice) -> Document:
        """The composed document of a choice, with the place of every value; the base stays as it is."""
        document = Document(dict(self.base.tree), dict(self.base.places), set(self.base.found))
        for assignment, where in self._moved(choice):
            loaded = self._loaded(assignment, where)
            if loaded is None:
                set_value(document, assignment, where)
            else:
                document.graft(assignment.path, loaded)
        return document

    def _moved(self, choice: Choice) -> list[tuple[Assignment, Where]]:
        """Everything that a choice sets, sections before what lies in them."""
        moved = [
            (assignment, axis.where)
            for axis, index in zip(self.axes, choice, strict=True)
            for assignment in axis.assignments[index]
        ]
        return sorted(moved, key=lambda entry: len(entry[0].path))

    def _loaded(self, assignment: Assignment, where: Where) -> Document | None:
        """Content of the file or preset that stands for a whole section; None for any other value."""
        path, value = assignment.path, assignment.value
        if len(path) > 1 or path[0] not in _NAMED_BY_FILE or not isinstance(value, dict):
            return None
        known = f"{where.file}:{path[0]}:{canonical(value)}"
        if known not in self._files:
            document = Document({str(path[0]): value})
            _place(document, path, where)
            composed = compose(document, Path.cwd())
            places = {at[1:]: place for at, place in composed.places.items() if at}
            self._files[known] = Document(composed.tree[path[0]], places)
        return self._files[known]

    def _section(self, key: str, part: Any) -> Any:
        """A section, validated; None where it is not valid."""
        text = self._text(key, part)
        known = f"{key}:{text}"
        if known in self._known:
            self._known.move_to_end(known)
            return self._known[known]
        section = self._known[known] = self._validated(key, text)
        if len(self._known) > KEPT_SECTIONS:
            self._known.popitem(last=False)
        return section

    def _validated(self, key: str, text: str) -> Any:
        if key not in self._checks:
            self._checks[key] = TypeAdapter(_annotated(self._fields[key][1]))
        try:
            return self._checks[key].validate_json(text, strict=True)
        except ValidationError:
            return None


def _annotated(field: FieldInfo) -> Any:
    """Type of a field with its constraints; its name and alias belong to the model."""
    rules = [*field.metadata, *([Field(discriminator=field.discriminator)] if field.discriminator else [])]
    found: Any = field.annotation
    for rule in rules:
        found = Annotated[found, rule]
    return found


def assign(tree: dict[str, Any], assignment: Assignment, where: Where) -> None:
    """Set one value in a tree, copying what lies on the way and nothing else.

    Raises
    ------
    ConfigError
        If there is nothing at the path.
    """
    path = assignment.path
    node: Any = tree
    for depth, step in enumerate(path[:-1]):
        child = _child(node, step, path[: depth + 1], where)
        child = {} if child is None else list(child) if isinstance(child, list) else dict(child)
        node[step if isinstance(node, list) else str(step)] = child
        node = child
    if isinstance(node, list):
        _index(node, path[-1], path, where)
        node[int(path[-1])] = assignment.value
    else:
        node[str(path[-1])] = assignment.value


def set_value(document: Document, assignment: Assignment, where: Where) -> None:
    """Set one value in a document, and remember its place.

    Raises
    ------
    ConfigError
        If there is nothing at the path.
    """
    assign(document.tree, assignment, where)
    _place(document, assignment.path, where)


def _place(document: Document, path: tuple[Step, ...], where: Where) -> None:
    document.forget(path)
    for depth in range(1, len(path) + 1):  # what is above it may be new as well
        document.places.setdefault(path[:depth], Where("", where.file, where.line))


def _child(node: Any, step: Step, path: tuple[Step, ...], where: Where) -> Any:
    """What lies one step down: None where a mapping has no such key yet."""
    if isinstance(node, list):
        _index(node, step, path, where)
    child = node[int(step)] if isinstance(node, list) else node.get(str(step))
    if child is None or isinstance(child, dict | list):
        return child
    raise _nothing(path, where, step, ())


def _index(node: list[Any], step: Step, path: tuple[Step, ...], where: Where) -> None:
    if not isinstance(step, int) or step >= len(node):
        raise _nothing(path, where, step, tuple(str(index) for index in range(len(node))))


def _nothing(path: tuple[Step, ...], where: Where, step: Step, allowed: tuple[str, ...]) -> ConfigError:
    dotted = ".".join(map(str, path))
    return ConfigError(
        f"there is nothing at {dotted}" if allowed else f"there is nothing below {dotted}",
        where=Where(dotted, where.file, where.line),
        value=str(step),
        allowed=allowed,
        nearest=nearest(str(step), allowed),
    )


def canonical(part: Any) -> str:
    """Sorted, compact JSON of a plain tree."""
    return json.dumps(part, sort_keys=True, separators=(",", ":"))
