"""What mkdocs cannot do alone: pages may link to files beside docs/, and example scripts and results get a page.

The same Markdown then reads well in the repository and on the site. mkdocs calls the functions by their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
_LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]+)?\)")
_ITEM = re.compile(r"^([*-]|\d+\.) +")
_FENCE = re.compile(r"^ *(```|~~~)")
_STAR = re.compile(r"(?<=\w)\*(?=[\w(])")
_CODE = re.compile(r"(`[^`]*`)")
EXAMPLES = ROOT / "docs" / "examples"


def on_files(files: Files, config: Any) -> Files:
    """Add what pages link to outside docs/, and the pages that are made here."""
    for target in sorted(_outside(files)):
        path = ROOT / target
        if path.is_dir():
            files.append(File.generated(config, f"{target}/index.md", content=_listing(path)))
            _add(files, config, [entry for entry in path.iterdir() if entry.suffix in (".png", ".csv", ".json")])
        else:
            _add(files, config, [path])
    files.append(File.generated(config, "examples.md", content=examples_page()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links that leave docs/ into links to what :func:`on_files` added."""
    if page.file.generated_by is not None:
        return markdown
    text = "\n".join(_lines(markdown.splitlines()))
    return _LINK.sub(lambda match: f"]({_on_site(match[1])}{match[2] or ''})", text)


def _lines(lines: list[str]) -> Iterator[str]:
    """Lines as Python-Markdown wants them: what belongs to a list item four spaces in, products without emphasis.

    In the repository two spaces do, and ``B*T*Eo`` is meant as it stands.
    """
    fenced = listed = loose = False
    before = ""
    for line in lines:
        fence = _FENCE.match(line)
        fenced = fenced is not bool(fence)
        item = _ITEM.match(line)
        if fenced or fence:
            yield f"  {line}" if listed and line.startswith("  ") else line
        elif line.startswith("    ") and not listed:
            yield line
        elif item:
            if before and (loose or not listed):
                yield ""
            listed, loose = True, False
            yield _plain(line)
        elif listed and line.startswith("  "):
            yield f"  {line}" if line.startswith("      ") else f"  {_plain(line)}"
        else:
            listed = listed and not line
            yield _plain(line)
        loose = loose or not line
        before = line


def _plain(line: str) -> str:
    """A star between letters or digits is a product, not emphasis; code keeps its stars."""
    return "".join(part if part.startswith("`") else _STAR.sub(r"\*", part) for part in _CODE.split(line))


def examples_page() -> str:
    """Every script of docs/examples with its text."""
    parts = [
        "---\nsearch: {boost: 0.3}\n---\n",
        "# Example scripts\n\nEach runs as it stands; a test runs it on every change.\n",
    ]
    for path in sorted(EXAMPLES.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        title = text.split('"""')[1].split(".")[0].strip()
        parts.append(f"## {path.stem}\n\n{title}: [{path.name}](examples/{path.name}).\n\n```python\n{text}```\n")
    return "\n".join(parts)


def _outside(files: Files) -> set[str]:
    """Paths from the top of the project that pages name as ``../PATH``."""
    found: set[str] = set()
    for file in files.documentation_pages():
        for match in _LINK.finditer(file.content_string):
            if match[1].startswith("../"):
                found.add(match[1].removeprefix("../").rstrip("/"))
    return found


def _add(files: Files, config: Any, paths: list[Path]) -> None:
    for path in paths:
        uri = path.relative_to(ROOT).as_posix()
        if files.get_file_from_path(uri) is None:
            files.append(File(uri, str(ROOT), config.site_dir, config.use_directory_urls))


def _on_site(target: str) -> str:
    if target.startswith("examples/") and target.endswith(".py"):
        return "examples.md"
    if not target.startswith("../"):
        return target
    inside = target.removeprefix("../").rstrip("/")
    return f"{inside}/index.md" if (ROOT / inside).is_dir() else inside


def _listing(folder: Path) -> str:
    """A page with every figure and table of a folder of results."""
    lines = [f"# Results: {folder.name}\n", f"Written by `simsnn reproduce {folder.name}`.\n"]
    lines += [f"* [{path.name}]({path.name})" for path in sorted(folder.iterdir()) if path.suffix in (".csv", ".json")]
    lines += [f"\n![{path.stem}]({path.name})" for path in sorted(folder.glob("*.png"))]
    return "\n".join(lines) + "\n"
