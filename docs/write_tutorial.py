"""Run docs/tutorial.ipynb and write docs/tutorial.md with its outputs: ``make figures``.

The notebook is kept without outputs; the page has them. ``tests/integration/test_tutorial.py`` runs the notebook and
holds the page against what it printed.
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

DOCS = Path(__file__).resolve().parent
NOTEBOOK, PAGE = DOCS / "tutorial.ipynb", DOCS / "tutorial.md"
NOTE = "This page is [the notebook](tutorial.ipynb) with its outputs; `make figures` writes it.\n"
LONGEST_S = 120


def executed(folder: Path) -> Any:
    """The notebook with outputs, run in a folder."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(folder)}}
    os.environ["PYTHONPATH"] = os.pathsep.join((str(DOCS.parent), os.environ.get("PYTHONPATH", ""))).strip(os.pathsep)
    return NotebookClient(notebook, timeout=LONGEST_S, kernel_name="python3", resources=place).execute()


def printed(cell: Any) -> str:
    """What a cell printed."""
    return "".join(output["text"] for output in cell.outputs if output.output_type == "stream")


def pictures(cell: Any) -> list[bytes]:
    """PNG files that a cell drew."""
    found = [output.get("data", {}).get("image/png") for output in cell.outputs]
    return [base64.b64decode(picture) for picture in found if picture]


def page_of(notebook: Any) -> tuple[str, dict[str, bytes]]:
    """Text of the page, and the pictures that it shows by file name."""
    parts, drawn = [], {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(f"{cell.source}\n")
            continue
        parts.append(f"```python\n{cell.source}\n```\n")
        if printed(cell):
            parts.append(f"```text\n{printed(cell).rstrip()}\n```\n")
        for picture in pictures(cell):
            name = f"tutorial_{len(drawn)}.png"
            drawn[name] = picture
            parts.append(f"![What the cell above draws](figures/{name})\n")
    parts.insert(1, NOTE)
    return "\n".join(parts), drawn


def main() -> None:
    """Write the page and its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        text, drawn = page_of(executed(Path(folder)))
    PAGE.write_text(text, encoding="utf-8")
    for name, picture in drawn.items():
        (DOCS / "figures" / name).write_bytes(picture)


if __name__ == "__main__":
    sys.exit(main())
