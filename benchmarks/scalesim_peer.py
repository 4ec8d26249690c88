"""SCALE-Sim 3.0.0 in an environment of its own, on one convolution."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.child import run_child
from benchmarks.measurement import NotMeasured
from simsnn.paths import cache_root

REQUIREMENTS = ("scalesim==3.0.0", "numpy<2.4")
"""SCALE-Sim 3.0.0 stops with a TypeError on later NumPy."""

INSTALL_SECONDS = 240

CONFIG = """[general]
run_name = layer
[architecture_presets]
ArrayHeight = {rows}
ArrayWidth = {columns}
IfmapSramSzkB = 65536
FilterSramSzkB = 65536
OfmapSramSzkB = 65536
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = {dataflow}
Bandwidth = 10
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
SparseRep = ellpack_block
OptimizedMapping = false
BlockSize = 8
RandomNumberGeneratorSeed = 40
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
"""


@dataclass(frozen=True, slots=True)
class Convolution:
    """A layer as SCALE-Sim takes it: input size with its padding, square kernel."""

    name: str
    padded_pixels: int
    kernel: int
    channels: int
    filters: int
    stride: int


@dataclass(frozen=True, slots=True)
class ScaleSimRun:
    """Seconds of the run without imports, and what it reports as total cycles."""

    seconds: float
    cycles: int


def run_scalesim(layer: Convolution, rows: int, columns: int, dataflow: str) -> ScaleSimRun:
    """Run one layer with traces off.

    Raises
    ------
    NotMeasured
        If SCALE-Sim cannot be installed or does not end well.
    """
    interpreter = scalesim_python()
    with tempfile.TemporaryDirectory(prefix="simsnn-scalesim-") as name:
        folder = Path(name)
        (folder / "array.cfg").write_text(CONFIG.format(rows=rows, columns=columns, dataflow=dataflow))
        (folder / "layer.csv").write_text(_topology(layer))
        (folder / "layout.csv").write_text("Layer name,\n")
        run = run_child((interpreter, "-P", Path(__file__).with_name("scalesim_child.py"), folder), folder)
        with (folder / "reports" / "layer" / "COMPUTE_REPORT.csv").open(newline="") as report:
            row = next(csv.DictReader(report, skipinitialspace=True))
    return ScaleSimRun(float(json.loads(run.output)), int(row["Total Cycles"]))


def _topology(layer: Convolution) -> str:
    sizes = [layer.padded_pixels] * 2 + [layer.kernel] * 2 + [layer.channels, layer.filters, layer.stride]
    header = "Layer,IFMAP height,IFMAP width,Filter height,Filter width,Channels,Filters,Stride,Sparsity,"
    return f"{header}\n{layer.name},{','.join(str(size) for size in sizes)},1:1,\n"


def scalesim_python() -> Path:
    """Interpreter of SCALE-Sim's environment, made once and kept in the cache folder."""
    environment = cache_root() / "bench-scalesim"
    interpreter, ready = environment / "bin" / "python", environment / "ready"
    if ready.exists() and ready.read_text() == _stamp():
        return interpreter
    shutil.rmtree(environment, ignore_errors=True)
    try:
        environment.parent.mkdir(parents=True, exist_ok=True)
        _install([sys.executable, "-m", "venv", str(environment)])
        pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        _install([*pip, "--retries", "1", *REQUIREMENTS])
        ready.write_text(_stamp())
    except OSError as error:
        raise NotMeasured(f"{environment} cannot be made: {error.strerror}") from None
    finally:
        if not ready.exists():
            shutil.rmtree(environment, ignore_errors=True)
    return interpreter


def _stamp() -> str:
    return " ".join((sys.version.split()[0], *REQUIREMENTS))


def _install(command: list[str]) -> None:
    what = " ".join(REQUIREMENTS)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"installing {what} took more than {INSTALL_SECONDS} s") from None
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise NotMeasured(f"{what} cannot be installed: {(errors or ['no message'])[-1]}")
