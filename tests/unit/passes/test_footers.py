"""What footers say of files, and what of it the log may keep."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.passes.footers import LONGEST_TEXT, ColumnStatistics, DataFile, data_files
from unit.samples import DAY_1, DAY_2

COLUMNS = {
    "id": pa.array([5, None, -(2**62), 9], pa.int64()),
    "day": pa.array([DAY_2, DAY_1, None, DAY_1], pa.date32()),
    "text": pa.array(["b", "a", None, "é"]),
    "long": pa.array(["x" * (LONGEST_TEXT + 1)] * 4),
    "price": pa.array([Decimal("1.5"), None, None, None]),
    "score": pa.array([0.5, float("nan"), 1.0, 2.0]),
    "at": pa.array([dt.datetime(2024, 1, 1)] * 4),
    "nothing": pa.nulls(4, pa.int32()),
    "reasons": pa.array([[{"rule": "r"}], None, [], None]),
    "far": pa.array([2_932_897, 0, 0, 0], pa.int32()).cast(pa.date32()),  # the first day of the year 10000
    "inner": pa.array([{"id": 100}] * 4),
}


@pytest.fixture
def file(tmp_path: Path) -> DataFile:
    (tmp_path / "a").mkdir()
    table = pa.table(COLUMNS)
    pq.write_table(table, tmp_path / "a/part-0.parquet", row_group_size=2, use_deprecated_int96_timestamps=True)
    pq.write_table(table.slice(0, 0), tmp_path / "a/part-1.parquet")  # holds no row
    (tmp_path / "a/_SUCCESS").touch()
    (found,) = data_files(str(tmp_path), "a", COLUMNS)
    assert (found.path, found.rows) == ("a/part-0.parquet", 4)
    assert found.size == (tmp_path / "a/part-0.parquet").stat().st_size
    return found


def test_nulls_and_bounds_are_those_of_all_row_groups(file: DataFile) -> None:
    assert {name: file.columns[name] for name in ("id", "day", "text", "nothing", "price")} == {
        "id": ColumnStatistics(1, (-(2**62), 9)),
        "day": ColumnStatistics(1, (DAY_1, DAY_2)),
        "text": ColumnStatistics(1, ("a", "é")),
        "nothing": ColumnStatistics(4, None),
        "price": ColumnStatistics(3, None),
    }


def test_what_is_not_certain_has_no_bounds(file: DataFile) -> None:
    assert [file.columns[name].bounds for name in ("long", "score", "far")] == [None] * 3
    assert file.columns.keys().isdisjoint({"at", "reasons", "inner", "inner.id"})


def test_a_text_that_is_no_utf_8_has_no_bounds(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    latin = pa.array([b"caf\xe9"], pa.binary())
    texts = pa.Array.from_buffers(pa.string(), 1, latin.buffers())
    pq.write_table(pa.table({"name": texts}), tmp_path / "a/part-0.parquet")
    (file,) = data_files(str(tmp_path), "a", ["name"])
    assert file.columns["name"].bounds is None


def test_the_log_keeps_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    pq.write_table(pa.table(COLUMNS), tmp_path / "a/part-0.parquet")
    (file,) = data_files(str(tmp_path), "a", ["day", "id"])
    assert json.loads(file.as_json()) == {
        "numRecords": 4,
        "minValues": {"id": -(2**62), "day": str(DAY_1)},
        "maxValues": {"id": 9, "day": str(DAY_2)},
        "nullCount": {"id": 1, "day": 1},
    }


@pytest.mark.parametrize("folder", ["nowhere", "broken"])
def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, folder: str) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/part-0.parquet").write_text("no Parquet")
    with pytest.raises(OSError, match=folder):
        data_files(str(tmp_path), folder, [])
