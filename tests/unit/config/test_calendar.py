"""Which days have a slice."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pipelines.config.calendar import Days, is_among

FRIDAY = dt.date(2026, 12, 25)
WEEK = [FRIDAY + dt.timedelta(days=number) for number in range(7)]


def read(value: Any) -> Any:
    return TypeAdapter(Days).validate_python(value)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("all", [0, 1, 2, 3, 4, 5, 6]),
        ("weekdays", [0, 3, 4, 5, 6]),
        (["friday", "sunday"], [0, 2]),
        (["2026-12-26", dt.date(2026, 12, 30), "monday"], [1, 3, 5]),
        ("0 6 * * 1-5", [0, 3, 4, 5, 6]),
        ("30 23 25,31 * *", [0, 6]),
        ("* * * 1-11 *", []),
    ],
)
def test_days_are_told_by_words_lists_and_cron(days: Any, expected: list[int]) -> None:
    assert [place for place, day in enumerate(WEEK) if is_among(day, read(days))] == expected


@pytest.mark.parametrize("wrong", ["workdays", "* * *", "* * 32 * *", [], ["fryday"], ["2026-02-30"], 5, ""])
def test_what_tells_no_days_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        read(wrong)
