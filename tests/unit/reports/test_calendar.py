"""The days that a report tells of: what is published, what was tried since, and gaps."""

from __future__ import annotations

import datetime as dt

import pytest

from pipelines.reports.calendar import Calendar, Rhythm, days_of, missing_dates, rhythm_of
from pipelines.tables.ledger import Entry, State


def day(number: int) -> dt.date:
    return dt.date(2024, 3, 1) + dt.timedelta(days=number)


def run(number: int, state: State = "published", at: int = 0) -> Entry:
    return Entry(f"run-{number:02}-{at}", "orders", day(number), "returns", state)


def test_days_without_anything_stand_between_as_one() -> None:
    slices = [run(0), run(1), run(5), run(6)]
    found = days_of(slices, slices)
    assert [(item.first, item.last) for item in found] == [
        (day(0), day(0)), (day(1), day(1)), (day(2), day(4)), (day(5), day(5)), (day(6), day(6)),
    ]  # fmt: skip
    assert [item.run for item in found] == [run(0), run(1), None, run(5), run(6)]
    assert [item.missing for item in found] == [0, 0, 3, 0, 0]


def test_a_pipeline_of_one_day_a_week_lacks_weeks_and_not_days() -> None:
    slices = [run(number) for number in (0, 7, 14, 29, 35)]  # one of them a day late
    found = days_of(slices, slices)
    assert [(item.first, item.missing) for item in found if item.run is None] == [(day(21), 1)]
    assert days_of(slices[:3], slices[:3])[1:] == days_of(slices[1:3], slices[1:3])


def test_a_pipeline_of_one_day_a_month_has_no_gaps() -> None:
    months = [dt.date(2024, month, 1) for month in range(1, 13)]
    assert missing_dates(months) == []
    assert missing_dates([*months[:5], *months[6:]]) == [dt.date(2024, 6, 1)]


def test_weekends_without_slices_are_usual_once_there_were_two() -> None:
    workdays = [day(number) for number in range(40) if day(number).weekday() < 5]
    assert missing_dates(workdays) == []
    tuesday, first_saturday = next(one for one in workdays if one.weekday() == 1), day(1)
    assert missing_dates([one for one in workdays if one != tuesday]) == [tuesday]
    assert missing_dates(workdays[:4]) == [first_saturday, day(2)]
    assert rhythm_of(workdays).weekdays == frozenset(range(5))


def test_a_whole_week_without_a_slice_is_missing_without_its_weekend() -> None:
    workdays = [day(number) for number in range(60) if day(number).weekday() < 5]
    assert len(missing_dates([one for one in workdays if not day(24) <= one <= day(28)])) == 5


def test_what_was_tried_without_a_slice_is_missing_too() -> None:
    slices = [run(0), run(1)]
    found = days_of(slices, [*slices, run(2, "rejected"), run(4, "retracted")])
    assert [item.missing for item in found] == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(("today", "expected"), [(1, 0), (2, 1), (3, 2)])
def test_of_how_many_days_since_the_newest_one_would_be_expected(today: int, expected: int) -> None:
    assert len(Rhythm().expected(day(0), day(today))) == expected
    assert len(Rhythm(7).expected(day(0), day(7 * today))) == expected
    assert len(Rhythm(7).expected(day(0), day(7 * today + 1))) == expected + 1


def test_a_weekend_does_not_make_the_newest_slice_old() -> None:
    friday, monday, wednesday = day(0), day(3), day(5)
    workdays = Rhythm(weekdays=frozenset(range(5)))
    assert [len(workdays.expected(friday, now)) for now in (monday, wednesday)] == [0, 2]


@pytest.mark.parametrize("state", ["rejected", "failed", "conflict", "started"])
def test_a_later_run_without_a_good_end_is_trouble_beside_a_slice_and_without_one(state: State) -> None:
    standing, later, alone = run(0), run(0, state, 1), run(1, state)
    beside, without = days_of([standing], [standing, later, alone])
    assert (beside.published, beside.run, beside.trouble) == (standing, standing, later)
    assert (without.published, without.run, without.trouble) == (None, alone, alone)


def test_what_ended_before_the_slice_was_published_or_was_taken_back_is_no_trouble() -> None:
    before, standing, taken_back = run(0, "failed"), run(0, "published", 1), run(1, "retracted")
    found = days_of([standing], [before, standing, taken_back])
    assert [item.trouble for item in found] == [None, None]
    assert found[0].later == ()


def test_the_usual_step_of_none_or_one_date_is_a_day() -> None:
    assert rhythm_of([]) == rhythm_of([day(0)]) == Rhythm()


def test_a_calendar_tells_which_days_are_missing() -> None:
    mondays = Calendar(lambda date: date.weekday() == 0)
    assert missing_dates([day(0), day(20)], mondays) == [day(3), day(10), day(17)]
    slices = [run(3), run(17)]
    found = days_of(slices, [*slices, run(5, "failed")], mondays)
    assert [(item.first, item.missing) for item in found] == [(day(3), 0), (day(5), 0), (day(10), 1), (day(17), 0)]
