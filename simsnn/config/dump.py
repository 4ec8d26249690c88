"""A resolved model back as YAML that can be run again."""

from __future__ import annotations

import io
from typing import Any

from pydantic import BaseModel


def to_yaml(model: BaseModel) -> str:
    """YAML 1.2 text of a resolved model: every default filled in, quantities with their units."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.width = 140
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = io.StringIO()
    tree: Any = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    yaml.dump(tree, text)
    return text.getvalue()
