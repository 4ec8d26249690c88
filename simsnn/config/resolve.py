"""From files and overrides to one strict, frozen object, or one clear message.

The strict models validate; this module turns a validation failure into a ``ConfigError`` with
file, line, dotted path, value, what is allowed, the nearest match and a remedy.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from simsnn.config.loader import Document, compose, dotted, override, preset_folder, preset_names, read_yaml
from simsnn.errors import ConfigError, Where, nearest

Model = TypeVar("Model", bound=BaseModel)


def load_document(source: str | Path, overrides: tuple[str, ...] = ()) -> Document:
    """Read an experiment file (or the name of a shipped one), compose it, apply the overrides.

    Parameters
    ----------
    source : str or Path
        A YAML file, or the name of a preset experiment such as ``quickstart``.
    overrides : tuple of str
        ``PATH=VALUE``, applied in order to the composed document.
    """
    path = Path(source)
    if not path.exists() and path.suffix == "" and len(path.parts) == 1:
        path = _preset_experiment(str(source))
    document = compose(read_yaml(path), path.parent)
    for assignment in overrides:
        override(document, assignment)
    if any("." not in o.split("=")[0] or o.split("=")[0].endswith((".file", ".preset", ".nir")) for o in overrides):
        compose(document, Path.cwd())
    return document


def _preset_experiment(name: str) -> Path:
    names = preset_names("experiments")
    if name not in names:
        close = nearest(name, names)
        raise ConfigError(f"no file and no preset experiment {name!r}", value=name, allowed=names, nearest=close)
    return preset_folder() / "experiments" / f"{name}.yaml"


def build(model: type[Model], document: Document, root: tuple[str | int, ...] = ()) -> Model:
    """Validate the document (or the part of it at ``root``) strictly.

    Raises
    ------
    ConfigError
        The first thing that is wrong, with its place.
    """
    part = document.tree
    for step in root:
        part = part[step]
    _require_kind(model, document, root, part)
    try:
        return model.model_validate_json(json.dumps(part))
    except ValidationError as error:
        raise _explain(error, document, root) from None


def _require_kind(model: type[BaseModel], document: Document, root: tuple[str | int, ...], part: Any) -> None:
    """A file of another kind is refused as such: to its own schema every key would look wrong."""
    field = model.model_fields.get("schema_")
    stated = part.get("schema") if isinstance(part, dict) else None
    if field is None or not isinstance(stated, str):
        return
    allowed = tuple(str(kind) for kind in get_args(field.annotation))
    if stated not in allowed:
        raise ConfigError(
            f"this is a {stated} file",
            where=document.where((*root, "schema")),
            value=stated,
            allowed=allowed,
            nearest=nearest(stated, allowed),
        )


def canonical(model: BaseModel) -> str:
    """Sorted, compact JSON of a resolved model: the pre-image of its hash."""
    return json.dumps(
        model.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=True, separators=(",", ":")
    )


def content_hash(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


_RANK = {"unknown_key": 0, "quantity": 1, "refused": 1, "union_tag_invalid": 1, "union_tag_not_found": 1, "missing": 3}


def _explain(error: ValidationError, document: Document, root: tuple[str | int, ...]) -> ConfigError:
    """The first problem; unknown keys before the missing keys they usually cause."""
    problems = sorted(error.errors(include_url=False), key=lambda e: (_RANK.get(e["type"], 2), -len(e["loc"])))
    first = problems[0]
    path = root + _real_path(document, root, first["loc"])
    context = first.get("ctx", {})
    kind = first["type"]
    if kind == "missing":
        key = str(first["loc"][-1])
        return ConfigError(
            f"missing key {key!r}",
            where=document.where((*path, key) if path[-1:] != (key,) else path),
            remedy=f"add {key}: ... here; `simsnn schema` shows what it takes",
        )
    if kind == "unknown_key":
        message, remedy = _unknown(document, path, str(context["key"]))
        return ConfigError(
            message,
            where=document.where((*path, context["key"])),
            value=context["key"],
            allowed=tuple(context["allowed"]),
            nearest=context["nearest"],
            remedy=remedy,
        )
    if kind == "union_tag_invalid" and isinstance(_value_at(document, path), dict):
        path = (*path, "kind")
    if "at" in context:  # a section as a whole is wrong, for one of its keys
        path = (*path, context["at"])
    value = _value_at(document, path)
    message, allowed, close = _wording(kind, first, context, value)
    remedy = str(context.get("remedy", ""))
    where = document.where(_written(document, path)) if "at" in context else document.where(path)
    where = Where(dotted(path), where.file, where.line)
    return ConfigError(message, where=where, value=value, allowed=allowed, nearest=close, remedy=remedy)


def _written(document: Document, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The path, or the first one below it: an override of something below makes what is above it."""
    if path in document.places:
        return path
    return next((below for below in document.places if below[: len(path)] == path), path)


def _unknown(document: Document, path: tuple[str | int, ...], key: str) -> tuple[str, str]:
    """What to say of an unknown key; where the section has a kind, that is what decides about its keys."""
    section = _value_at(document, path)
    kind = section.get("kind") if isinstance(section, dict) else None
    if not isinstance(kind, str):
        return f"unknown key {key!r}", ""
    place = dotted((*path, "kind"))
    if document.where((*path, "kind")).file != "--set" or document.where((*path, key)).file == "--set":
        return f"unknown key {key!r}: {place} {kind} has no such key", ""
    remedy = f"it was there for another kind; to leave it out set the whole: --set '{dotted(path)}={{kind: {kind}}}'"
    return f"unknown key {key!r}: {place} {kind}, given by --set, has no such key", remedy


def _wording(kind: str, problem: Any, context: Any, value: Any) -> tuple[str, tuple[str, ...], str | None]:
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        allowed = _quoted(str(context.get("expected_tags", "")))
        if kind == "union_tag_not_found":
            return ("missing key 'kind'", allowed, None)
        return (f"unknown kind {value!r}", allowed, nearest(str(value), allowed))
    if kind in ("literal_error", "enum"):
        allowed = _quoted(str(context.get("expected", "")))
        return (f"{value!r} is not allowed here", allowed, nearest(str(value), allowed))
    allowed = tuple(context.get("allowed", ()))
    message = str(problem["msg"])
    if kind in ("quantity", "refused"):
        return (message, allowed, context.get("nearest"))
    if kind in _RANGES and context.get(_RANGES[kind][0]) is not None:
        bound, word = _RANGES[kind]
        limit = context[bound]
        allowed = (f"{word} {int(limit) if limit == int(limit) else limit}",)
    least, most = context.get("min_length"), context.get("max_length")
    words = {
        "greater_than": f"{value!r} must be greater than {context.get('gt')}",
        "greater_than_equal": f"{value!r} must be at least {context.get('ge')}",
        "less_than": f"{value!r} must be less than {context.get('lt')}",
        "less_than_equal": f"{value!r} must be at most {context.get('le')}",
        "int_type": f"{value!r} is not a whole number",
        "int_from_float": f"{value!r} is not a whole number",
        "bool_type": f"{value!r} is not true or false",
        "string_type": f"{value!r} is not a text",
        "float_type": f"{value!r} is not a number",
        "tuple_type": f"{_short(value)} is not a list",
        "too_short": "the list is empty" if not value else f"the list has {context.get('actual_length')} entries",
        "too_long": f"the list has {context.get('actual_length')} entries",
    }
    if kind in ("too_short", "too_long"):
        allowed = (f"at least {least}" if kind == "too_short" else f"at most {most}",)
    message = message.removeprefix("Value error, ")
    whole = isinstance(value, dict)  # the message speaks of several keys of this section
    found = "" if whole else f" (found {_short(value)})"
    return (words.get(kind, f"{message[:1].lower()}{message[1:]}{found}"), allowed, None)


_RANGES = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
"""Per kind of problem: the bound that it names, and its words."""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _quoted(text: str) -> tuple[str, ...]:
    if "'" not in text:  # numbers: "1", "1 or 2", "1, 2 or 3"
        return tuple(part for part in text.replace(" or ", ", ").split(", ") if part)
    return tuple(part for part in text.split("'")[1::2] if part)


def _real_path(document: Document, root: tuple[str | int, ...], loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Drop the union tags that pydantic puts between the keys of the document."""
    node = document.tree
    for step in root:
        node = node[step]
    path: list[str | int] = []
    for step in loc:
        if isinstance(node, dict) and str(step) in node:
            node = node[str(step)]
            path.append(str(step))
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
            path.append(step)
    return tuple(path)


def _value_at(document: Document, path: tuple[str | int, ...]) -> Any:
    node = document.tree
    for step in path:
        node = node[step]
    return node
