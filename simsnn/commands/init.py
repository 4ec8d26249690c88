"""``simsnn init``: a first experiment, with its machine and network beside it, ready to edit."""

from __future__ import annotations

import re
from pathlib import Path

from simsnn.config.loader import preset_folder, preset_names, read_yaml
from simsnn.errors import ConfigError, nearest
from simsnn.results.store import writing


def write_starter(folder: Path, preset: str) -> tuple[Path, ...]:
    """Copy a shipped experiment with the files it names into a new folder.

    Raises
    ------
    ConfigError
        If the folder exists, or there is no such preset.
    """
    names = preset_names("experiments")
    if preset not in names:
        raise ConfigError(
            f"no preset experiment {preset!r}", value=preset, allowed=names, nearest=nearest(preset, names)
        )
    if folder.exists():
        raise ConfigError(f"{folder} exists already", value=str(folder), remedy="name a new folder")
    source = preset_folder() / "experiments" / f"{preset}.yaml"
    text = source.read_text(encoding="utf-8")
    tree = read_yaml(source).tree
    parts = {section: _part(tree.get(section), section, source) for section in ("hardware", "network")}
    with writing(folder.resolve()) as place:
        for section, part in parts.items():
            if part is not None:
                (place / f"{section}.yaml").write_text(part.read_text(encoding="utf-8"), encoding="utf-8")
                text = re.sub(rf"^{section}: \{{[^}}]*\}}", f"{section}: {{file: {section}.yaml}}", text, flags=re.M)
        (place / "experiment.yaml").write_text(text, encoding="utf-8")
    return tuple(sorted(folder.iterdir()))


def _part(reference: object, section: str, source: Path) -> Path | None:
    """File behind ``{file: ...}`` or ``{preset: ...}`` where there is one."""
    if not isinstance(reference, dict):
        return None
    if "file" in reference:
        return source.parent / str(reference["file"])
    folder = {"hardware": "hardware", "network": "networks"}[section]
    path = preset_folder() / folder / f"{reference.get('preset')}.yaml"
    return path if path.exists() else None
