"""Rows of data files by their positions, in the worker."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.models.workers import file_reader
from pipelines.models.workers.file_reader import FileColumns, FileRows, FileRowsError

COLUMNS = {"id": pa.int64(), "x": pa.float64(), "s": pa.string()}
WANTED = FileColumns(COLUMNS, {"x": ("x", pa.float64()), "s": ("s", pa.string())}, ("id",))


def rows_of(count: int, first: int = 0) -> pa.Table:
    ids = range(first, first + count)
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "x": pa.array([None if number % 7 == 0 else number / 2 for number in ids], pa.float64()),
            "s": pa.array([None if number % 5 == 0 else f"text {number}" for number in ids], pa.string()),
            "left": pa.array(ids, pa.int64()),
        }
    )


def written(place: Path, table: pa.Table, group: int = 100) -> str:
    pq.write_table(table, place, row_group_size=group)
    return place.as_uri().replace("file://", "file:")  # as Spark spells it


def read(
    wanted: FileColumns, places: list[tuple[str, int]], ids: list[Any], reader: FileRows | None = None
) -> pa.Table:
    paths = pa.array([path for path, _ in places], pa.string())
    positions = pa.array([position for _, position in places], pa.int64())
    return (reader or FileRows(wanted)).read(paths, positions, [pa.array(ids, pa.int64())])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a folder of 100% files")


@pytest.fixture(scope="module")
def two(folder: Path) -> dict[str, pa.Table]:
    """Two files of several row groups, whose path has signs that are escaped."""
    tables = [rows_of(1000), rows_of(450, first=1000)]
    return {written(folder / f"{number}.parquet", table): table for number, table in enumerate(tables)}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_rows_at_any_positions_come_in_their_order(two: dict[str, pa.Table], data: st.DataObject) -> None:
    """Tasks read splits of files in any order, and filters leave holes."""
    reader = FileRows(WANTED)
    for _ in range(data.draw(st.integers(1, 3), label="batches")):
        runs = data.draw(st.lists(st.tuples(st.sampled_from(sorted(two)), st.data()), min_size=1, max_size=3))
        places = [
            (path, position)
            for path, more in runs
            for position in sorted(more.draw(st.sets(st.integers(0, len(two[path]) - 1), min_size=1, max_size=40)))
        ]
        expected = [two[path].slice(position, 1).to_pylist()[0] for path, position in places]
        observed = read(WANTED, places, [row["id"] for row in expected], reader).to_pylist()
        assert observed == [{name: row[name] for name in COLUMNS} for row in expected]


def test_rows_of_a_whole_file_are_read_once_and_a_batch_is_not_copied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(folder / "once.parquet", rows_of(1000), group=500)
    monkeypatch.setattr(file_reader, "BATCH_ROWS", 250)
    opened: list[list[int]] = []
    plain = pq.ParquetFile.iter_batches

    def told(self: pq.ParquetFile, *arguments: Any, **options: Any) -> Any:
        opened.append(options["row_groups"])
        return plain(self, *arguments, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", told)
    reader = FileRows(WANTED)
    for start in range(0, 1000, 250):
        rows = read(
            WANTED, [(path, number) for number in range(start, start + 250)], list(range(start, start + 250)), reader
        )
        assert rows.column("x").num_chunks == 1
    assert opened == [[0, 1]]


def test_row_groups_without_a_wanted_row_are_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(folder / "far.parquet", rows_of(1000), group=100)
    monkeypatch.setattr(file_reader, "BATCH_ROWS", 50)
    reader = FileRows(WANTED)
    read(WANTED, [(path, 5)], [5], reader)
    opened: list[list[int]] = []
    plain = pq.ParquetFile.iter_batches
    monkeypatch.setattr(
        pq.ParquetFile,
        "iter_batches",
        lambda self, *arguments, **options: opened.append(options["row_groups"]) or plain(self, *arguments, **options),
    )
    read(WANTED, [(path, 905)], [905], reader)
    assert opened == [[9]]


def test_a_column_that_a_file_lacks_is_null_and_a_narrower_one_is_widened(folder: Path) -> None:
    path = written(
        folder / "old.parquet", pa.table({"ID": pa.array([1, 2], pa.int32()), "x": pa.array([0.5, 1], pa.float32())})
    )
    observed = read(WANTED, [(path, 0), (path, 1)], [1, 2])
    assert observed.to_pylist() == [{"id": 1, "x": 0.5, "s": None}, {"id": 2, "x": 1.0, "s": None}]
    assert observed.schema.types == list(COLUMNS.values())


def test_inputs_are_cast_to_the_types_of_the_model(folder: Path) -> None:
    big = 2**53 + 1  # no double
    path = written(folder / "cast.parquet", pa.table({"id": [1, big], "x": [1e300, float("nan")], "s": ["a", None]}))
    wanted = FileColumns(COLUMNS, {"a": ("id", pa.float64()), "b": ("x", pa.float32())}, ("id",))
    blocks, arrays = wanted.features(read(wanted, [(path, 0), (path, 1)], [1, big]))
    assert [block.names for block in blocks] == [("a",), ("b",)]
    assert arrays[0].to_pylist() == [1.0, float(big)]
    assert arrays[1].to_pylist()[0] == float("inf")
    assert np.isnan(arrays[1].to_pylist()[1])


def test_kept_rows_are_those_wanted_and_no_others(folder: Path) -> None:
    path = written(folder / "kept.parquet", rows_of(4))
    rows = read(WANTED, [(path, number) for number in range(4)], [0, 1, 2, 3])
    observed = WANTED.kept(rows, pa.array([False, True, False, True]))
    assert observed.to_pylist() == [[], [{"x": 0.5, "s": "text 1"}], [], [{"x": 1.5, "s": "text 3"}]]


@pytest.mark.parametrize(
    ("places", "ids", "found"),
    [
        ([0, 1], [0, 2], "the column id has other values there than Spark has read"),
        ([0, 1], [0, None], "the column id has other values there than Spark has read"),
        ([0, 10], [0, 10], "a data file has fewer rows than Spark has found"),
    ],
)
def test_other_rows_than_spark_has_read_are_refused(
    folder: Path, places: list[int], ids: list[Any], found: str
) -> None:
    path = written(folder / "other.parquet", rows_of(10))
    with pytest.raises(FileRowsError, match=found):
        read(WANTED, [(path, place) for place in places], ids)


@pytest.mark.parametrize(
    "values",
    [["12.5"], [7], [True], [dt.date(2024, 1, 1)], [Decimal("1.10")]],
    ids=["text", "whole number", "boolean", "date", "decimal"],
)
def test_a_column_of_another_type_than_a_narrower_one_is_refused(folder: Path, values: list[Any]) -> None:
    """Arrow would make a number of nearly anything; Spark's reader of Parquet stops."""
    path = written(folder / "kind.parquet", pa.table({"id": [1], "x": values, "s": ["a"]}))
    with pytest.raises(FileRowsError, match="a data file holds the column x as"):
        read(WANTED, [(path, 0)], [1])


def test_a_wider_number_than_that_of_the_source_is_refused(folder: Path) -> None:
    path = written(folder / "wide.parquet", pa.table({"id": [1], "x": [1e300], "s": ["a"]}))
    narrow = FileColumns({**COLUMNS, "x": pa.float32()}, WANTED.inputs, ("id",))
    with pytest.raises(FileRowsError, match="the column x as double, not as float"):
        read(narrow, [(path, 0)], [1])


def test_no_rows_are_no_error() -> None:
    assert read(WANTED, [], []).num_rows == 0


def test_files_that_are_not_on_a_file_system_are_refused() -> None:
    with pytest.raises(FileRowsError, match="not on a file system but at s3a:"):
        read(WANTED, [("s3a://bucket/x.parquet", 0)], [1])


def test_a_flipped_bit_is_seen_where_pages_carry_their_sums(folder: Path) -> None:
    path = folder / "flipped.parquet"
    table = pa.table({"id": range(1000), "x": np.arange(1000) / 7, "s": ["a"] * 1000})
    pq.write_table(table, path, write_page_checksum=True, use_dictionary=False, compression="none")
    content = bytearray(path.read_bytes())
    place = content.find(np.float64(500 / 7).tobytes())
    assert place > 0
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileRowsError, match="at reading a data file"):
        read(WANTED, [(path.as_uri(), 500)], [500])


def test_files_that_cannot_be_read_are_told_without_a_value(folder: Path) -> None:
    twice = written(folder / "twice.parquet", pa.table({"id": [1], "x": [1.0], "X": [2.0], "s": ["secret"]}))
    typed = written(folder / "typed.parquet", pa.table({"id": [1], "x": ["secret"], "s": ["secret"]}))
    (folder / "torn.parquet").write_bytes(b"PAR1 secret")
    whole = (folder / "0.parquet").with_name("cut.parquet")
    written(whole, rows_of(5000), group=5000)
    bytes_ = bytearray(whole.read_bytes())
    bytes_[40:4000] = bytes(3960)
    whole.write_bytes(bytes_)
    for path in (twice, typed, (folder / "torn.parquet").as_uri(), (folder / "none.parquet").as_uri(), whole.as_uri()):
        with pytest.raises(FileRowsError) as told:
            read(WANTED, [(path, 0)], [1])
        assert "secret" not in str(told.value)
        assert told.value.__suppress_context__ or told.value.__context__ is None
