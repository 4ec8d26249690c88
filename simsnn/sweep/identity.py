"""Ids of points: the composed experiment, the content of the trace it names, the versions of all models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from simsnn.results.report import SCHEMA


def versions() -> dict[str, str]:
    """Version of the package and of every component whose change may change a result."""
    from simsnn import __version__
    from simsnn.engines import ENGINES
    from simsnn.engines.gpu import MODEL_VERSION as GPU_MODEL_VERSION
    from simsnn.memory.dram import FixedRateDram
    from simsnn.memory.link import LinkConfig
    from simsnn.neurons import NEURONS
    from simsnn.schedule.registry import SCHEDULES

    found = {"simsnn": __version__, "report": SCHEMA, "gpu": str(GPU_MODEL_VERSION)}
    found |= {f"engine.{name}": str(engine.model_version) for name, engine in ENGINES}
    found |= {f"neuron.{name}": str(neuron.model_version) for name, neuron in NEURONS}
    found |= {f"schedule.{name}": str(schedule.model_version) for name, schedule in SCHEDULES}
    found |= {"dram": str(FixedRateDram.model_version), "link": str(LinkConfig.model_version)}
    return found


class PointIds:
    """Gives points their ids; equal experiments have equal ids, wherever their files lie.

    Parameters
    ----------
    versions : mapping of str to str
        What :func:`versions` says.
    """

    def __init__(self, versions: Mapping[str, str]) -> None:
        self._versions = json.dumps(versions, sort_keys=True)
        self._contents: dict[str, str] = {}

    def of(self, tree: Mapping[str, Any], text: str) -> str:
        """First 16 hex digits of the hash.

        Parameters
        ----------
        tree : mapping
            The composed experiment, plain.
        text : str
            Its canonical JSON.
        """
        activity = tree.get("activity")
        if isinstance(activity, dict) and activity.get("kind") == "file" and isinstance(activity.get("file"), str):
            text = text.replace(json.dumps(activity["file"]), json.dumps(self._content(activity["file"])), 1)
        return hashlib.sha256(f"{text}\n{self._versions}".encode()).hexdigest()[:16]

    def _content(self, name: str) -> str:
        """SHA-256 of a file; a file that cannot be read is refused where it is needed."""
        if name not in self._contents:
            try:
                with open(name, "rb") as file:
                    self._contents[name] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                self._contents[name] = "absent"
        return self._contents[name]
