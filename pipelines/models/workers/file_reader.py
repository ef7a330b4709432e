"""Columns that only the model takes: the worker reads them from the data files itself, and Spark never does.

Spark hands over where each row lies: its file, and its position there. What it reads, it turns into rows, and those
into Arrow data again; a worker reads Arrow data at once. That a row read here is the row that Spark means is not taken
on trust: the key columns are read too, and compared for every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.models.predictors.features import Block

BATCH_ROWS = 10_000
"""As many as Spark sends by default, so that most batches are one piece of a file, without a copy."""
BUFFER_BYTES = 1 << 20
"""Of each column so much is read ahead, not the whole of a row group."""


class FileRowsError(ValueError):
    """The rows cannot be read from the files as Spark reads them; the message holds no value of any row."""


@dataclass(frozen=True)
class FileColumns:
    """What a worker reads by itself.

    Args:
        columns: the columns and the types that they have in the source.
        inputs: of each of the model's inputs made of them, the column and the type that the model takes.
        key: the key columns that prove that a row is the one which Spark means.
    """

    columns: Mapping[str, pa.DataType]
    inputs: Mapping[str, tuple[str, pa.DataType]]
    key: tuple[str, ...]

    def features(self, rows: pa.Table) -> tuple[tuple[Block, ...], tuple[pa.Array, ...]]:
        """The inputs that are made of the columns, one block each."""
        arrays = [
            _whole(rows.column(column)).cast(kind, safe=False)  # as Spark casts: a double may lose a BIGINT's last bits
            for column, kind in self.inputs.values()
        ]
        return tuple(Block((name,)) for name in self.inputs), tuple(arrays)

    def kept(self, rows: pa.Table, wanted: pa.Array) -> pa.ListArray:
        """Of each wanted row a list of its one struct of columns, of others an empty one.

        Not a struct that is null: Arrow would hold, and Spark be sent, the fields of rows that have none.
        """
        offsets = np.concatenate([[0], np.cumsum(wanted.to_numpy(zero_copy_only=False))]).astype(np.int32)
        chosen = rows.filter(wanted) if offsets[-1] else rows.slice(0, 0)
        fields = [_whole(chosen.column(name)) for name in self.shown]
        return pa.ListArray.from_arrays(pa.array(offsets), pa.StructArray.from_arrays(fields, names=list(self.shown)))

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns that Spark does not have."""
        return tuple(name for name in self.columns if name not in self.key)


class FileRows:
    """Reads the rows of one task, file by file and onwards, with no more of a file in memory than its next rows."""

    def __init__(self, wanted: FileColumns) -> None:
        self._wanted = wanted
        self._path: str | None = None
        self._file: _OpenFile | None = None

    def read(self, paths: pa.Array, positions: pa.Array, key: Sequence[pa.Array]) -> pa.Table:
        """The rows at these places, in this order.

        Args:
            paths: of each row, its file, as Spark spells it.
            positions: of each row, how many stand before it in its file.
            key: the key columns as Spark has read them.

        Raises:
            FileRowsError: a file cannot be read, or holds other rows than Spark has found there.
        """
        try:
            rows = self._rows(paths.dictionary_encode(), positions.to_numpy())
        except (OSError, pa.ArrowException, LookupError, StopIteration) as error:
            # Without its cause: Arrow's words quote values.
            raise FileRowsError(f"{type(error).__name__} at reading a data file") from None
        for name, values in zip(self._wanted.key, key, strict=True):
            if not _whole(rows.column(name)).equals(values.cast(self._wanted.columns[name])):
                raise FileRowsError(f"the column {name} has other values there than Spark has read")
        return rows

    def _rows(self, files: pa.DictionaryArray, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Table:
        numbers = files.indices.to_numpy()
        if not len(places):
            return pa.table({name: pa.array([], kind) for name, kind in self._wanted.columns.items()})
        cuts = np.flatnonzero((numbers[1:] != numbers[:-1]) | (places[1:] <= places[:-1])) + 1
        pieces: list[pa.RecordBatch] = []
        for run in np.split(np.arange(len(places)), cuts):
            pieces += self._opened(files.dictionary[int(numbers[run[0]])].as_py()).rows(places[run])
        return pa.Table.from_batches(pieces)

    def _opened(self, path: str) -> _OpenFile:
        if self._file is None or path != self._path:
            address = urlsplit(path)
            if address.scheme != "file":
                raise FileRowsError(f"a data file is not on a file system but at {address.scheme}:")
            self._file = _OpenFile(Path(unquote(address.path)), self._wanted.columns)
            self._path = path
        return self._file


class _OpenFile:
    """One Parquet file, read onwards."""

    def __init__(self, path: Path, columns: Mapping[str, pa.DataType]) -> None:
        self._file = pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True)
        metadata = self._file.metadata
        rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._starts = np.cumsum([0, *rows])
        self._columns = columns
        self._names = {name: _name_in(self._file.schema_arrow, name, kind) for name, kind in columns.items()}
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._held: pa.RecordBatch | None = None
        self._first = self._end = 0

    def rows(self, positions: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[pa.RecordBatch]:
        """The rows at these ascending positions, in pieces."""
        pieces = []
        at = 0
        while at < len(positions):
            held = self._reach(int(positions[at]))
            upto = at + int(np.searchsorted(positions[at:], self._end))
            inside = positions[at:upto] - self._first
            is_one_piece = inside[-1] - inside[0] == len(inside) - 1
            pieces.append(held.slice(inside[0], len(inside)) if is_one_piece else held.take(pa.array(inside)))
            at = upto
        return pieces

    def _reach(self, position: int) -> pa.RecordBatch:
        """Read on until the batch that holds the position."""
        if self._held is not None and self._first <= position < self._end:
            return self._held
        if position >= self._starts[-1]:
            raise FileRowsError("a data file has fewer rows than Spark has found")
        group = int(np.searchsorted(self._starts, position, side="right")) - 1
        if self._held is None or position < self._first or self._starts[group] > self._end:
            self._batches = self._file.iter_batches(
                BATCH_ROWS,
                row_groups=list(range(group, len(self._starts) - 1)),
                columns=[name for name in self._names.values() if name is not None],
                use_threads=False,  # a task has one core
            )
            self._end = int(self._starts[group])
        while True:
            batch = next(self._batches)
            self._first, self._end = self._end, self._end + batch.num_rows
            if position < self._end:
                self._held = self._typed(batch)
                return self._held

    def _typed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The columns as the source has them: a file may be older than a column, or than its wider type."""
        columns = [(None if name is None else batch.column(name)) for name in self._names.values()]
        arrays = [
            pa.nulls(batch.num_rows, kind) if column is None else column.cast(kind)
            for column, kind in zip(columns, self._columns.values(), strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, names=list(self._columns))


def _name_in(file: pa.Schema, wanted: str, kind: pa.DataType) -> str | None:
    """As the file spells the column: Spark tells no case apart. None where the file is older than the column."""
    found = [name for name in file.names if name.lower() == wanted.lower()]
    if len(found) > 1:
        raise FileRowsError(f"a data file holds {len(found)} columns {wanted}")
    if found and not _is_widened(file.field(found[0]).type, kind):
        raise FileRowsError(f"a data file holds the column {wanted} as {file.field(found[0]).type}, not as {kind}")
    return found[0] if found else None


def _is_widened(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether the type is that of the source, or one that Delta's type widening leaves in older files."""
    if pa.types.is_integer(found) and pa.types.is_integer(wanted):
        return bool(found.bit_width <= wanted.bit_width)
    return bool(found == wanted or (found, wanted) == (pa.float32(), pa.float64()))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
