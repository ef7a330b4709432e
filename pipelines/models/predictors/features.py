"""A model's inputs on their way from Spark to the worker, and there as what a predictor takes.

Inputs of one primitive type travel as one array column: a batch then arrives as a matrix, rows by inputs, without a
copy, in about half the time that as many columns take.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

PACKED = (T.DoubleType, T.FloatType, T.LongType, T.IntegerType)
"""The types of which several inputs travel as one array; all of them become NumPy numbers without a look at values."""
_ONE_MATRIX = ({pa.float64()}, {pa.float32()})
"""Inputs all of one of these make a frame of one block, whether they come packed or not."""
_MOMENT = pa.timestamp("ns")
"""A time as MLflow takes it: without a zone, in UTC, which is the session's."""


class TimeRangeError(ValueError):
    """A time is before 1677 or after 2262: MLflow's `datetime` counts nanoseconds in 64 bits and cannot hold it."""


@dataclass(frozen=True)
class Block:
    """Inputs that travel in one column: one input as it is, several as an array in the order of the names."""

    names: tuple[str, ...]

    @property
    def is_packed(self) -> bool:
        return len(self.names) > 1


def blocks_of(types: Mapping[str, T.DataType]) -> tuple[Block, ...]:
    """How the inputs of these names and Spark types travel.

    >>> blocks_of({"a": T.DoubleType(), "b": T.StringType(), "c": T.DoubleType()})
    (Block(names=('a', 'c')), Block(names=('b',)))
    """
    groups: dict[Any, list[str]] = {}
    for name, kind in types.items():
        groups.setdefault(type(kind) if isinstance(kind, PACKED) else name, []).append(name)
    return tuple(Block(tuple(names)) for names in groups.values())


def block_columns(blocks: Iterable[Block], features: Column) -> list[Column]:
    """One column for each block, of a struct column that holds the inputs."""
    return [
        F.array(*[features[name] for name in block.names]) if block.is_packed else features[block.names[0]]
        for block in blocks
    ]


@dataclass(frozen=True)
class Features:
    """Some rows of a model's inputs.

    Args:
        names: the inputs in the order of the signature.
        blocks: which of them each array holds.
        arrays: one for each block: of a packed one lists of equal length, else the input's values.
    """

    names: tuple[str, ...]
    blocks: tuple[Block, ...]
    arrays: tuple[pa.Array, ...]

    @classmethod
    def of(cls, table: pa.Table) -> Features:
        """The rows of a table, one column an input."""
        names = tuple(table.column_names)
        arrays = tuple(column.combine_chunks() for column in table.columns)
        return cls(names, tuple(Block((name,)) for name in names), arrays)

    def __len__(self) -> int:
        return len(self.arrays[0]) if self.arrays else 0

    def filter(self, mask: pa.Array) -> Features:
        """The rows where the mask is true."""
        return Features(self.names, self.blocks, tuple(array.filter(mask) for array in self.arrays))

    def take(self, rows: Sequence[int]) -> Features:
        """The rows at these positions, in this order."""
        indices = pa.array(rows, pa.int64())
        return Features(self.names, self.blocks, tuple(array.take(indices) for array in self.arrays))

    def slice(self, start: int, length: int) -> Features:
        """The rows from a position on; without a copy."""
        return Features(self.names, self.blocks, tuple(array.slice(start, length) for array in self.arrays))

    @property
    def is_numeric(self) -> bool:
        """Whether all inputs are numbers or booleans."""
        return all(
            pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)
            for kind in map(_value_type, self.arrays)
        )

    def matrix(self) -> np.ndarray[Any, Any]:
        """Rows by inputs as floating point numbers, in the signature's order; a null is NaN.

        Whole numbers become doubles: some libraries would take them for floats of 24 bits. Without a copy where all
        inputs are floating point numbers of one type.
        """
        matrix = self._plain_matrix()
        return matrix if matrix.dtype in (np.float32, np.float64) else matrix.astype(np.float64)

    def _plain_matrix(self) -> np.ndarray[Any, Any]:
        if len(self.blocks) == 1:
            return _rows_by_inputs(self.blocks[0], self.arrays[0])
        parts = [_rows_by_inputs(block, array) for block, array in zip(self.blocks, self.arrays, strict=True)]
        joined = np.concatenate(parts, axis=1)
        came = [name for block in self.blocks for name in block.names]
        if tuple(came) == self.names:
            return joined
        return np.ascontiguousarray(joined[:, [came.index(name) for name in self.names]])

    def frame(self) -> pd.DataFrame:
        """A pandas frame, one column an input, as `mlflow.pyfunc.spark_udf` gives it to a model.

        Numbers keep their type; nulls of floats are NaN, those of times NaT, other nulls None; times have no zone and
        are in UTC; a map is a dict.

        Raises:
            TimeRangeError: a time does not fit 64 bits of nanoseconds.
        """
        kinds = set(map(_value_type, self.arrays))
        if (len(self.blocks) == 1 and self.blocks[0].is_packed) or kinds in _ONE_MATRIX:
            return pd.DataFrame(self._plain_matrix(), columns=list(self.names), copy=False)
        columns = self._columns()
        return pd.DataFrame({name: columns[name] for name in self.names}, copy=False)

    def table(self) -> pa.Table:
        """An Arrow table, one column an input; times as in the frame.

        Raises:
            TimeRangeError: a time does not fit 64 bits of nanoseconds.
        """
        columns: dict[str, pa.Array] = {}
        for block, array in zip(self.blocks, self.arrays, strict=True):
            if block.is_packed:
                values = array.flatten()
                width = len(block.names)
                places = np.arange(len(array)) * width
                columns |= {name: values.take(pa.array(places + place)) for place, name in enumerate(block.names)}
            else:
                columns[block.names[0]] = _without_zone(array)
        return pa.table({name: columns[name] for name in self.names})

    def _columns(self) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for block, array in zip(self.blocks, self.arrays, strict=True):
            if block.is_packed:
                matrix = _rows_by_inputs(block, array)
                columns |= {name: matrix[:, place] for place, name in enumerate(block.names)}
            else:
                columns[block.names[0]] = _without_zone(array).to_pandas(maps_as_pydicts="strict")
        return columns


def _rows_by_inputs(block: Block, array: pa.Array) -> np.ndarray[Any, Any]:
    values = array.flatten() if block.is_packed else array
    plain: np.ndarray[Any, Any] = values.to_numpy(zero_copy_only=False)
    return plain.reshape(len(array), len(block.names))


def _without_zone(array: pa.Array) -> pa.Array:
    """Times as MLflow takes them; all else as it is."""
    if not pa.types.is_timestamp(array.type):
        return array
    try:
        return array.cast(_MOMENT)
    except pa.ArrowInvalid as error:
        raise TimeRangeError("a time is before 1677 or after 2262, which MLflow's datetime cannot hold") from error


def _value_type(array: pa.Array) -> pa.DataType:
    return array.type.value_type if pa.types.is_list(array.type) else array.type
