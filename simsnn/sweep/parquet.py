"""The table of a sweep as Parquet, with a type per column. Proof: ``tests/unit/test_sweep_query.py``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from simsnn.results.store import writing_file
from simsnn.results.sweep_table import Scalar


def write_parquet(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Scalar]]) -> None:
    """Write rows; a column of mixed kinds is text.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    arrays = [_array([row[index] for row in rows]) for index in range(len(columns))]
    with writing_file(path) as temporary:
        pq.write_table(pa.table(dict(zip(columns, arrays, strict=True))), temporary)


def _array(values: list[Scalar]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if len(kinds) > 1:
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array(values)
