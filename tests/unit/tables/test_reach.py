"""The dates that a slice reads, held against what logs and files tell."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pipelines.tables.commit_log import FileAction
from pipelines.tables.reach import Reach

NEW_YORK = "America/New_York"
SPRING, AUTUMN = dt.date(2026, 3, 8), dt.date(2026, 11, 1)
"""The days of 2026 on which New York's clocks change."""


def of_day(day: dt.date, timezone: str = NEW_YORK, *, has_zone: bool = True) -> Reach:
    return Reach("at", day, day, timezone, has_zone)


def file(low: Any, high: Any) -> FileAction:
    return FileAction(None, {"minValues": {"at": low}, "maxValues": {"at": high}})


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (dt.date(2026, 7, 1), 24)])
def test_a_day_is_as_long_as_the_clocks_make_it(day: dt.date, hours: int) -> None:
    begin, end = of_day(day).moments
    assert end - begin == dt.timedelta(hours=hours)


@pytest.mark.parametrize("timezone", [NEW_YORK, "America/Sao_Paulo", "Africa/Cairo", "Pacific/Apia", "Asia/Kathmandu"])
def test_days_leave_no_moment_out_and_share_none(timezone: str) -> None:
    day = dt.date(2010, 1, 1)
    while day < dt.date(2027, 1, 1):
        following = day + dt.timedelta(days=1)
        begin, end = of_day(day, timezone).moments
        assert begin <= end == of_day(following, timezone).moments[0]
        day = following


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-01T03:59:59.999Z", False),
        ("2026-11-01T04:00:00.000Z", True),
        ("2026-11-02T04:59:59.999Z", True),
        ("2026-11-02T05:00:00.000Z", False),
        ("2026-11-01T00:00:00.000-04:00", True),
        ("2026-11-01 03:59:59", False),
        ("2026-11-01 04:00:00", True),
        ("2026-11-01", True),
        ("2026-11-02", False),
        (None, False),
        ("no time", False),
    ],
)
def test_a_partition_of_times_is_of_the_day_in_the_zone(value: str | None, expected: bool) -> None:
    assert of_day(AUTUMN).holds(value) is expected
    assert of_day(AUTUMN).touched_by(FileAction({"at": value}, None)) is expected


def test_times_without_a_zone_are_compared_as_they_stand() -> None:
    reach = of_day(AUTUMN, has_zone=False)
    assert [reach.holds(value) for value in ("2026-11-01T00:00:00", "2026-11-01T23:59:59", "2026-11-02T00:00:00")] == [
        True, True, False,
    ]  # fmt: skip
    assert not reach.touched_by(file("2026-11-02T00:00:00.000", "2026-11-02T04:00:00.000"))


def test_the_greatest_time_may_be_larger_by_what_the_log_cuts() -> None:
    before = "2026-11-01T00:00:00.000Z"
    assert not of_day(AUTUMN).touched_by(file(before, "2026-11-01T03:59:59.999Z"))  # 03:59:59.999999 at most
    assert of_day(AUTUMN).touched_by(file(before, "2026-11-01T03:59:59.999001Z"))
    assert of_day(AUTUMN).touched_by(file(before, "2026-11-01T04:00:00Z"))
    assert of_day(AUTUMN).touched_by(file("2026-11-02T04:59:59.999Z", "2026-12-01T00:00:00.000Z"))


@pytest.mark.parametrize("stats", [None, {}, {"minValues": {}, "maxValues": {}}, {"minValues": {"at": "?"}}])
def test_a_file_that_does_not_tell_may_hold_any_day(stats: dict[str, Any] | None) -> None:
    assert of_day(AUTUMN).touched_by(FileAction(None, stats))
