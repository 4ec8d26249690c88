"""Imports run one way, libraries stay where they belong, and the source keeps its house rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "simsnn"
MODULES = tuple(sorted(PACKAGE.rglob("*.py")))

# Bottom to top. A module may import from its own floor and from below; the longest prefix counts.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "paths", "registry", "costs", "units", "energy.parts"),
    ("kernels", "config.quantities"),
    ("reference", "neurons"),
    ("workload",),
    ("engines.base",),
    ("memory",),
    ("engines",),
    ("energy",),
    ("importers", "training", "schedule.graph"),
    ("schedule",),
    ("config",),
    ("sim",),
    ("mapping", "validation"),
    ("results",),
    ("activities", "refusals"),
    ("results.assemble",),
    ("preparation", "pipeline_preparation"),
    ("results.assemble_pipeline",),
    ("simulation", "pipeline_run"),
    ("api",),
    ("viz",),
    ("results.write",),
    ("sweep",),
    ("reproduction",),
    ("commands",),
    ("cli", "__init__"),
)
CONFINED = {
    "simpy": ("sim",),
    "numba": ("kernels", "reference"),
    "matplotlib": ("viz",),
    "ruamel": ("config.loader", "config.dump"),
    "pint": ("units",),
    "typer": ("cli",),
    "ortools": ("schedule.optimum",),
    "platformdirs": ("paths",),
    "threadpoolctl": ("training.loop", "sweep"),
    "optuna": ("sweep.search",),
    "dask": ("sweep.dask_executor",),
    "distributed": ("sweep.dask_executor",),
    "pyarrow": ("sweep.parquet",),
    "nir": ("importers.nir",),
    "h5py": ("importers.nir_file",),
    "torch": ("importers.frameworks",),
}
LONGEST_FILE, LONGEST_FUNCTION, LONGEST_KERNEL = 400, 80, 120


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def floor_of(module: str) -> int:
    fitting = [
        (len(prefix), level)
        for level, prefixes in enumerate(FLOORS)
        for prefix in prefixes
        if module == prefix or module.startswith(prefix + ".")
    ]
    assert fitting, f"simsnn.{module} stands on no floor: add it to FLOORS"
    return max(fitting)[1]


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Imported modules with their lines, but not those for type checking alone."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "relative import"
            yield node.module, node.lineno


def resolved(module: str) -> str:
    """``simsnn.kernels`` as a floor name."""
    return module.removeprefix("simsnn").removeprefix(".") or "__init__"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    module = name_of(path)
    own = floor_of(module)
    for imported, line in imports(ast.parse(path.read_text())):
        if imported.split(".")[0] == "simsnn" and imported != "simsnn":
            assert floor_of(resolved(imported)) <= own, f"{path}:{line} imports {imported} from above"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_libraries_stay_where_they_belong(path: Path) -> None:
    module = name_of(path)
    for imported, line in imports(ast.parse(path.read_text())):
        allowed = CONFINED.get(imported.split(".")[0])
        if allowed is not None:
            inside = any(module == place or module.startswith(place + ".") for place in allowed)
            assert inside, f"{path}:{line} imports {imported}"


@pytest.mark.parametrize("path", [p for p in MODULES if name_of(p).startswith("kernels")], ids=name_of)
def test_kernels_know_nothing_of_the_rest(path: Path) -> None:
    for imported, line in imports(ast.parse(path.read_text())):
        if imported.startswith("simsnn"):
            allowed = imported.startswith("simsnn.kernels") or imported == "simsnn.paths"
            assert allowed, f"{path}:{line} imports {imported}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= LONGEST_FILE
    limit = LONGEST_KERNEL if name_of(path).split(".")[0] in ("kernels", "reference") else LONGEST_FUNCTION
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= limit, f"{path}:{node.lineno} {node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_house_rules(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{path}:{node.lineno} bare except"
        if isinstance(node, ast.Global):
            pytest.fail(f"{path}:{node.lineno} global state")
        if isinstance(node, ast.FunctionDef):
            public = not node.name.startswith("_")
            assert not (public and node.args.kwarg), f"{path}:{node.lineno} **kwargs in a public function"
            mutable = [d for d in node.args.defaults if isinstance(d, ast.List | ast.Dict | ast.Set)]
            assert not mutable, f"{path}:{node.lineno} mutable default"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_and_public_name_is_documented(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if not path.read_text().strip():
        return
    assert ast.get_docstring(tree), f"{path} has no module docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name} has no docstring"


def test_the_list_of_modules_is_not_empty() -> None:
    assert len(MODULES) > 80
