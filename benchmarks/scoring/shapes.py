"""The tables that are scored: numbers only, few and many, and such as an airline has, with texts and gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from deltalake import WriterProperties, write_deltalake

FILES = 8
CARRIERS = ["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA", "OO"]
GAPS = 0.1


@dataclass(frozen=True)
class Shape:
    """A table to be scored: an id, and the model's inputs.

    Args:
        rows: so many.
        types: the inputs' Arrow types.
    """

    rows: int
    types: Mapping[str, pa.DataType]

    @property
    def is_numeric(self) -> bool:
        return all(kind == pa.float64() for kind in self.types.values())

    def made(self, rows: int, seed: int) -> dict[str, Any]:
        """Columns of made values; a tenth of an airline's numbers are missing."""
        random = np.random.default_rng(seed)
        if self.is_numeric:
            return {name: random.standard_normal(rows) for name in self.types}
        columns: dict[str, Any] = {}
        for name, kind in self.types.items():
            if kind == pa.string():
                values = CARRIERS if name == "carrier" else [f"A{number:02}" for number in range(100)]
                columns[name] = np.array(values)[random.integers(0, len(values), rows)]
            else:
                numbers = random.standard_normal(rows)
                numbers[random.random(rows) < GAPS] = np.nan
                columns[name] = numbers
        return columns

    def training(self, rows: int = 50_000) -> tuple[pd.DataFrame, Any]:
        """Inputs and answers to train a model on."""
        inputs = pd.DataFrame(self.made(rows, seed=1))
        first, second, *_ = [inputs[name].fillna(0) for name, kind in self.types.items() if kind == pa.float64()]
        return inputs, first + first * second + np.random.default_rng(3).standard_normal(rows)

    def write(self, place: Path, rows: int | None = None) -> None:
        """A Delta table of eight files."""
        count = (rows or self.rows) // FILES
        for number in range(FILES):
            ids = np.arange(number * count, (number + 1) * count)
            table = pa.table({"id": ids, **self.made(count, seed=100 + number)})
            write_deltalake(
                str(place), table, mode="append", writer_properties=WriterProperties(max_row_group_size=125_000)
            )


def _doubles(width: int) -> dict[str, pa.DataType]:
    return {f"f{number}": pa.float64() for number in range(width)}


SHAPES: dict[str, Shape] = {
    "28 doubles": Shape(2_000_000, _doubles(28)),
    "200 doubles": Shape(500_000, _doubles(200)),
    "airline": Shape(
        1_000_000,
        {
            **{name: pa.string() for name in ("carrier", "origin", "dest")},
            **{name: pa.float64() for name in ("hour", "month", "distance", "seats", "temp", "wind", "rain", "sight")},
        },
    ),
}
