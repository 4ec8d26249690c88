"""Runs SCALE-Sim on the files of a folder; started by the interpreter of SCALE-Sim's own environment."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time

from scalesim.scale_sim import scalesim  # type: ignore[import-not-found]

folder = sys.argv[1]
begin = time.perf_counter()
with contextlib.redirect_stdout(io.StringIO()):
    simulator = scalesim(
        save_disk_space=True,
        verbose=False,
        config=f"{folder}/array.cfg",
        topology=f"{folder}/layer.csv",
        layout=f"{folder}/layout.csv",
        input_type_gemm=False,
    )
    simulator.run_scale(top_path=f"{folder}/reports")
sys.stdout.write(json.dumps(time.perf_counter() - begin))
