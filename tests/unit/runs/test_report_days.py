"""The days that a report tells of: what is published, what was tried since, and gaps."""

from __future__ import annotations

import datetime as dt

import pytest

from pipelines.runs.report_days import days_of, usual_step
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


def test_a_pipeline_of_one_day_a_week_has_no_gaps() -> None:
    slices = [run(number) for number in (0, 7, 14)]
    assert [item.run for item in days_of(slices, slices)] == slices


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
    assert [usual_step([]), usual_step([day(0)])] == [1, 1]
