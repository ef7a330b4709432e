"""A fingerprint changes when the slice's own rows do, and only then."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from pipelines.errors import SourceError
from pipelines.tables.commit_log import FileAction
from pipelines.tables.fingerprints import DeltaSource, Known, Pinned
from pipelines.tables.reach import Reach
from unit.samples import DAY_1, DAY_2, DAY_3, land

SLICE = Reach("day", DAY_1, DAY_1)
TWO_DAYS = Reach("day", DAY_1, DAY_2)


@pytest.fixture(params=[True, False], ids=["partitioned", "by statistics"])
def partitioned(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def pin_delta(location: str, reach: Reach | None, known: Known | None = None) -> Pinned:
    return DeltaSource(location).pin(reach, known)


def known(pinned: Pinned) -> Known:
    assert pinned.version is not None
    return Known(pinned.version, pinned.fingerprint)


def test_another_days_rows_leave_the_fingerprint(tmp_path: Path, partitioned: bool) -> None:
    location = land(tmp_path / "t", {DAY_1: 3}, partitioned=partitioned)
    before = pin_delta(location, SLICE)
    land(tmp_path / "t", {DAY_2: 2}, partitioned=partitioned)
    after = pin_delta(location, SLICE)
    assert after.fingerprint == before.fingerprint
    assert (before.version, after.version) == (0, 1)


def test_a_late_row_of_the_day_changes_it(tmp_path: Path, partitioned: bool) -> None:
    location = land(tmp_path / "t", {DAY_1: 3}, partitioned=partitioned)
    before = pin_delta(location, SLICE)
    land(tmp_path / "t", {DAY_1: 1, DAY_2: 2}, partitioned=partitioned)
    assert pin_delta(location, SLICE).fingerprint != before.fingerprint


def test_a_compaction_leaves_it(tmp_path: Path, partitioned: bool) -> None:
    location = land(tmp_path / "t", {DAY_1: 3}, partitioned=partitioned)
    land(tmp_path / "t", {DAY_1: 1}, partitioned=partitioned)
    before = pin_delta(location, SLICE)
    metrics = DeltaTable(location).optimize.compact()
    assert metrics["numFilesRemoved"] == 2
    after = pin_delta(location, SLICE)
    assert after == Pinned(2, before.fingerprint, before.rows)


def test_a_delete_in_the_slice_changes_it(tmp_path: Path, partitioned: bool) -> None:
    location = land(tmp_path / "t", {DAY_1: 3}, partitioned=partitioned)
    before = pin_delta(location, SLICE)
    DeltaTable(location).delete("value = 1")
    assert pin_delta(location, SLICE).fingerprint != before.fingerprint


def test_a_delete_elsewhere_leaves_it(tmp_path: Path) -> None:
    location = land(tmp_path / "t", {DAY_1: 3, DAY_2: 3})
    before = pin_delta(location, SLICE)
    DeltaTable(location).delete("day = DATE '2013-07-02' AND value = 4")
    assert pin_delta(location, SLICE).fingerprint == before.fingerprint


def test_lookback_days_belong_to_the_slice(tmp_path: Path, partitioned: bool) -> None:
    location = land(tmp_path / "t", {DAY_1: 1}, partitioned=partitioned)
    before = pin_delta(location, TWO_DAYS)
    land(tmp_path / "t", {DAY_3: 1}, partitioned=partitioned)
    assert pin_delta(location, TWO_DAYS).fingerprint == before.fingerprint
    land(tmp_path / "t", {DAY_2: 1}, partitioned=partitioned)
    assert pin_delta(location, TWO_DAYS).fingerprint != before.fingerprint


def test_a_whole_table_changes_with_any_append(tmp_path: Path) -> None:
    location = land(tmp_path / "t", {DAY_1: 1})
    before = pin_delta(location, None)
    land(tmp_path / "t", {DAY_3: 1})
    assert pin_delta(location, None).fingerprint != before.fingerprint


def test_a_file_without_statistics_may_hold_any_day(tmp_path: Path) -> None:
    location = str(tmp_path / "t")
    off = {"delta.dataSkippingNumIndexedCols": "0"}
    write_deltalake(location, pa.table({"day": pa.array([DAY_1], pa.date32())}), configuration=off)
    before = pin_delta(location, SLICE)
    write_deltalake(location, pa.table({"day": pa.array([DAY_2], pa.date32())}), mode="append")
    assert pin_delta(location, SLICE).fingerprint != before.fingerprint


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (FileAction({"day": "2013-07-01"}, None), True),
        (FileAction({"day": "2013-07-03"}, None), False),
        (FileAction({"day": None}, None), False),
        (FileAction(None, {"minValues": {"day": "2013-06-30"}, "maxValues": {"day": "2013-07-01"}}), True),
        (FileAction({}, {"minValues": {"day": "2013-07-03"}, "maxValues": {"day": "2013-07-09"}}), False),
        (FileAction({"x": "1"}, {"minValues": {"day": "2013-06-01"}, "maxValues": {"day": "2013-07-09"}}), True),
        (FileAction(None, {"minValues": {}, "maxValues": {}}), True),
        (FileAction(None, None), True),
        (
            FileAction(
                None, {"minValues": {"day": "2013-07-02T23:00:00Z"}, "maxValues": {"day": "2013-07-02T23:00:00Z"}}
            ),
            True,
        ),
    ],
)
def test_a_file_is_out_of_reach_only_where_its_partition_or_statistics_say_so(file: FileAction, expected: bool) -> None:
    assert TWO_DAYS.touched_by(file) is expected


def test_a_commit_that_touched_no_row_of_the_slice_is_told_apart(tmp_path: Path) -> None:
    location = land(tmp_path / "t", {DAY_2: 1})
    before = pin_delta(location, SLICE)
    assert before.rows == 0
    land(tmp_path / "t", {DAY_3: 1})
    assert pin_delta(location, SLICE).fingerprint == before.fingerprint
    land(tmp_path / "t", {DAY_1: 1})
    assert pin_delta(location, SLICE).fingerprint != before.fingerprint


@pytest.mark.parametrize("reach", [SLICE, TWO_DAYS, None], ids=["day", "two days", "whole table"])
def test_what_an_earlier_run_knew_changes_nothing(tmp_path: Path, reach: Reach | None) -> None:
    location = land(tmp_path / "t", {DAY_1: 3})
    pins = [pin_delta(location, reach)]
    for rows in ({DAY_2: 1}, {DAY_1: 1}, {DAY_3: 2}, {DAY_3: 1}):
        land(tmp_path / "t", rows)
        pins.append(pin_delta(location, reach))
    DeltaTable(location).optimize.compact()
    expected = pin_delta(location, reach)
    assert [pin_delta(location, reach, known(earlier)) for earlier in [*pins, expected]] == [expected] * 6


def test_what_was_known_of_another_table_is_not_believed(tmp_path: Path) -> None:
    other = pin_delta(land(tmp_path / "other", {DAY_1: 1}), SLICE)
    location = land(tmp_path / "t", {DAY_1: 1})
    assert pin_delta(location, SLICE, known(other)) == pin_delta(location, SLICE)


def test_a_table_made_anew_at_the_same_place_changes_it(tmp_path: Path) -> None:
    location = land(tmp_path / "t", {DAY_1: 3})
    before = pin_delta(location, SLICE)
    shutil.rmtree(location)
    land(tmp_path / "t", {DAY_1: 3})
    after = pin_delta(location, SLICE)
    assert after.fingerprint != before.fingerprint
    assert pin_delta(location, SLICE, known(before)).fingerprint == after.fingerprint


def cleaned_up(tmp_path: Path) -> str:
    """A table whose first commits are in a checkpoint only."""
    location = land(tmp_path / "t", {DAY_1: 3})
    land(tmp_path / "t", {DAY_2: 1})
    DeltaTable(location).create_checkpoint()
    land(tmp_path / "t", {DAY_3: 1})
    (tmp_path / "t" / "_delta_log" / f"{0:020d}.json").unlink()
    (tmp_path / "t" / "_delta_log" / f"{1:020d}.json").unlink()
    return location


def test_a_cleaned_up_log_still_tells_whether_the_slice_changed(tmp_path: Path) -> None:
    location = cleaned_up(tmp_path)
    before = pin_delta(location, SLICE)
    assert before.rows == 3
    land(tmp_path / "t", {DAY_2: 1})
    assert pin_delta(location, SLICE).fingerprint == before.fingerprint
    land(tmp_path / "t", {DAY_1: 1})
    assert pin_delta(location, SLICE).fingerprint != before.fingerprint


def test_a_cleaned_up_log_is_not_missed_by_who_knew_the_slice_before(tmp_path: Path) -> None:
    location = cleaned_up(tmp_path)
    table_id = DeltaTable(location).metadata().id
    earlier = Known(1, f"{table_id}@0")
    assert pin_delta(location, SLICE, earlier).fingerprint == earlier.fingerprint


@pytest.mark.parametrize("reach", [SLICE, TWO_DAYS, Reach("day", DAY_3, DAY_3)], ids=["day", "two days", "no day"])
def test_the_rows_by_the_log_are_the_real_count(tmp_path: Path, reach: Reach) -> None:
    location = land(tmp_path / "t", {DAY_1: 3, DAY_2: 2})
    land(tmp_path / "t", {DAY_1: 3})
    DeltaTable(location).delete("day = DATE '2013-07-01' AND value = 2")
    days = DeltaTable(location).to_pyarrow_table()["day"].to_pylist()
    expected = sum(reach.first <= day <= reach.last for day in days)
    assert pin_delta(location, reach).rows == expected


def test_rows_are_not_told_where_files_hold_more_than_the_slice(tmp_path: Path) -> None:
    assert pin_delta(land(tmp_path / "t", {DAY_1: 3}, partitioned=False), SLICE).rows is None
    assert pin_delta(land(tmp_path / "u", {DAY_1: 3}), None).rows is None


def test_a_missing_table_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no Delta table at"):
        pin_delta(str(tmp_path / "nothing"), SLICE)
