"""One group of processors by itself: its mapping, and where what is wrong with it stands in the file.

Tests: ``tests/integration/test_pipeline_run.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simsnn.config.experiment import ExperimentConfig, MappingConfig, PassMapping
from simsnn.errors import SimsnnError, Where


def mapping_of(mapping: MappingConfig, group: str) -> MappingConfig:
    """The mapping of one group: its own entries before those of all."""
    own = mapping.processors.get(group)
    if own is None:
        return mapping
    given = {name: getattr(own, name) for name in PassMapping.model_fields if getattr(own, name) is not None}
    return mapping.model_copy(update=given)


@contextmanager
def inside_group(experiment: ExperimentConfig, group: int) -> Iterator[None]:
    """Errors about one processor by itself name the place that what is wrong has in the file."""
    try:
        yield
    except SimsnnError as error:
        place = _place_in_file(experiment, group, (error.where.path or "").split("."))
        if place is None:
            raise
        raise error.located(Where(".".join(place))) from None


def _place_in_file(experiment: ExperimentConfig, group: int, steps: list[str]) -> list[str] | None:
    """Path of a value of one processor's machine or mapping; None where that is the same."""
    part = experiment.hardware.processors[group]
    above, inner = steps[0], steps[1] if len(steps) > 1 else ""
    if above == "hardware" and inner in ("arrays", "vector_units", "srams"):
        return ["hardware", "processors", str(group), *steps[1:]]
    if above == "hardware" and inner == "dram" and part.memory is not None:
        return ["hardware", "processors", str(group), "memory", *steps[2:]]
    own = experiment.mapping.processors.get(part.name)
    if above == "mapping" and inner in PassMapping.model_fields and getattr(own, inner, None) is not None:
        return ["mapping", "processors", part.name, *steps[1:]]
    return None
