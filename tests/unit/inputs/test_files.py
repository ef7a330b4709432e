"""Folders of files: which there are, and which of them a slice may have rows in."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import SourceError
from pipelines.inputs.files import FolderSource, list_files
from pipelines.inputs.parquet_footers import dates_by_footer
from pipelines.tables.fingerprints import Pinned
from pipelines.tables.reach import Reach

NEW_YORK = "America/New_York"
DAY_1, DAY_2 = dt.date(2024, 3, 1), dt.date(2024, 3, 2)


def pinned(location: str, reach: Reach | None = None) -> Pinned:
    return FolderSource(list_files(location)).pin(reach)


def pinned_parquet(folder: Path, column: str, *days: dt.date, timezone: str = "UTC") -> list[Pinned]:
    source = FolderSource(list_files(str(folder)), dates_by_footer)
    return [source.pin(Reach(column, day, day, timezone)) for day in days]


def land(folder: Path, name: str, **columns: Any) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file, row_group_size=2)


def test_a_folder_of_files_changes_with_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.csv").write_text("x\n1\n", encoding="utf-8")
    before = pinned(str(folder))
    assert before.version is None
    assert pinned(str(folder)) == before
    (folder / "b.csv").write_text("x\n2\n", encoding="utf-8")
    assert pinned(str(folder)).fingerprint != before.fingerprint


def test_a_single_file_changes_with_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x\n1\n", encoding="utf-8")
    before = pinned(str(file))
    (tmp_path / "b.csv").write_text("x\n", encoding="utf-8")
    assert pinned(str(file)) == before
    file.write_text("x\n10\n", encoding="utf-8")
    assert pinned(str(file)).fingerprint != before.fingerprint


@pytest.mark.parametrize("exists", [True, False])
def test_a_place_without_files_is_a_source_error_and_makes_nothing(tmp_path: Path, exists: bool) -> None:
    place = tmp_path / "files"
    if exists:
        place.mkdir()
    with pytest.raises(SourceError, match="there is no file at"):
        pinned(str(place))
    assert place.exists() is exists


def test_what_spark_does_not_read_is_no_data(tmp_path: Path) -> None:
    data = ["_day=1/d.csv", "_e=1.csv", "a.csv"]
    for name in (*data, "_SUCCESS", ".a.csv.crc", "_temporary/0/b.csv", ".hidden/c.csv", "f.csv._COPYING_"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n", encoding="utf-8")
    assert [file.path for file in list_files(str(tmp_path)).files] == data


def test_another_days_folder_changes_nothing(tmp_path: Path) -> None:
    for day in (DAY_1, DAY_2):
        (tmp_path / f"day={day}").mkdir()
        (tmp_path / f"day={day}" / "a.csv").write_text("x\n1\n", encoding="utf-8")
    first, second = Reach("day", DAY_1, DAY_1), Reach("day", DAY_2, DAY_2)
    before = [pinned(str(tmp_path), reach) for reach in (first, second)]
    (tmp_path / f"day={DAY_2}" / "b.csv").write_text("x\n2\n", encoding="utf-8")
    after = [pinned(str(tmp_path), reach) for reach in (first, second)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]
    nothing = pinned(str(tmp_path), Reach("day", dt.date(2024, 3, 9), dt.date(2024, 3, 9)))
    assert nothing.rows == 0


def test_a_folder_whose_name_is_no_date_may_hold_any_day(tmp_path: Path) -> None:
    (tmp_path / "day=march").mkdir()
    (tmp_path / "day=march" / "a.csv").write_text("x\n1\n", encoding="utf-8")
    assert pinned(str(tmp_path), Reach("day", DAY_1, DAY_1)).rows is None


def test_parquet_files_of_other_days_change_nothing(tmp_path: Path) -> None:
    land(tmp_path, "1.parquet", day=[DAY_1, DAY_1, DAY_1], x=[1, 2, 3])
    before = pinned_parquet(tmp_path, "day", DAY_1, DAY_2)
    land(tmp_path, "2.parquet", day=[DAY_2], x=[1])
    after = pinned_parquet(tmp_path, "day", DAY_1, DAY_2)
    assert before[0] == after[0]
    assert (before[1].rows, after[1].rows) == (0, None)
    land(tmp_path, "3.parquet", day=[None, dt.date(2024, 2, 1), dt.date(2024, 4, 1)], x=[1, 2, 3])
    assert before[0] != pinned_parquet(tmp_path, "day", DAY_1)[0]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize(
    ("zone", "timezone", "expected"),
    [
        ("UTC", "UTC", [True, True]),
        ("UTC", "America/New_York", [True, False]),
        (None, "America/New_York", [True, True]),
    ],
    ids=["UTC", "New York", "no zone"],
)
def test_times_are_of_the_days_of_the_zone(
    tmp_path: Path, unit: str, zone: str | None, timezone: str, expected: list[bool]
) -> None:
    times = [dt.datetime(2024, 3, 1, 23, 59), dt.datetime(2024, 3, 2, 4, 59, 59)]
    land(tmp_path, "1.parquet", at=pa.array(times, pa.timestamp(unit, tz=zone)))
    found = pinned_parquet(tmp_path, "at", DAY_1, DAY_2, timezone=timezone)
    assert [one.rows is None for one in found] == expected


def test_files_that_do_not_tell_may_hold_any_day(tmp_path: Path) -> None:
    pq.write_table(pa.table({"day": [DAY_1]}), tmp_path / "1.parquet", write_statistics=False)
    land(tmp_path, "2.parquet", other=[1])
    assert pinned_parquet(tmp_path, "day", DAY_2)[0].rows is None


def test_a_column_of_nulls_has_no_day(tmp_path: Path) -> None:
    land(tmp_path, "1.parquet", day=pa.array([None, None, None], pa.date32()))
    assert pinned_parquet(tmp_path, "day", DAY_1)[0].rows == 0


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "1.parquet").write_text("no", encoding="utf-8")
    with pytest.raises(SourceError, match=r"1\.parquet cannot be read"):
        pinned_parquet(tmp_path, "day", DAY_1)
