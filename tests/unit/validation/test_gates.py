"""Tests of aggregates have an algebra: bounds, ranges with a tolerance, sets."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.validation.gates import (
    ON_STAGE,
    TELLS_VALUES,
    Aggregate,
    Bounds,
    Finding,
    Function,
    MostCommonInSet,
    OfSet,
    Ranges,
)

numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
optional = st.none() | numbers
bounds = st.builds(Bounds, optional, optional, st.booleans(), st.booleans())


@given(bounds, numbers)
def test_a_value_is_within_iff_it_is_on_the_right_side_of_each_bound(given_bounds: Bounds, value: float) -> None:
    low, high = cast("float | None", given_bounds.minimum), cast("float | None", given_bounds.maximum)
    expected = not (
        (low is not None and (value < low or (given_bounds.strict_minimum and value == low)))
        or (high is not None and (value > high or (given_bounds.strict_maximum and value == high)))
    )
    assert given_bounds.hold(value) is expected


@given(numbers, numbers, numbers)
def test_what_strict_bounds_hold_the_others_hold_too(low: float, high: float, value: float) -> None:
    if Bounds(low, high, strict_minimum=True, strict_maximum=True).hold(value):
        assert Bounds(low, high).hold(value)


@given(numbers)
def test_equal_bounds_hold_one_value_only(value: float) -> None:
    assert Bounds(value, value).hold(value)
    assert not Bounds(value, value).hold(value + abs(value) + 1)
    assert not Bounds(value, value, strict_minimum=True).hold(value)


@given(bounds)
def test_a_missing_value_is_never_within(given_bounds: Bounds) -> None:
    assert given_bounds.find(None) == Finding(success=False)


@given(bounds)
def test_what_is_no_number_is_never_within(given_bounds: Bounds) -> None:
    """As Great Expectations has it: a mean of NaN fails whatever the bounds."""
    assert not given_bounds.hold(math.nan)


@given(bounds, numbers)
def test_a_decimal_is_judged_as_the_double_that_is_nearest(given_bounds: Bounds, value: float) -> None:
    decimal = Decimal(repr(value))
    assert given_bounds.find(decimal) == given_bounds.find(value)


def test_a_decimal_is_within_bounds_that_are_written_as_a_double() -> None:
    assert Decimal("0.1") < 0.1  # compared exactly
    assert Bounds(0.1, 0.1).hold(Decimal("0.1"))


DAY, TIME = dt.date(2013, 7, 1), dt.datetime(2013, 7, 1, 10)
AWARE = TIME.replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("given_bounds", "value", "expected"),
    [
        (Bounds("2013-07-01", "2013-07-01"), DAY, True),
        (Bounds("2013-07-02"), DAY, False),
        (Bounds(None, "2013-06-30"), DAY, False),
        (Bounds("2013-07-01", strict_minimum=True), DAY, False),
        (Bounds("1 July 2013"), DAY, True),
        (Bounds("2013-07-01 00:00"), DAY, True),  # a day is its first moment where the bound has a time of day
        (Bounds("2013-07-01 00:01"), DAY, False),
        (Bounds("2013-07-01", "2013-07-01"), TIME, True),  # a time is its day where the bound has none
        (Bounds("2013-07-01", strict_minimum=True), TIME, False),
        (Bounds(None, "2013-06-30"), TIME, False),
        (Bounds("2013-07-01T10:00:00", "2013-07-01T10:00:00"), TIME, True),
        (Bounds("2013-07-01T10:00:01"), TIME, False),
        (Bounds("2013-07-01T10:00:00Z", "2013-07-01T10:00:00Z"), TIME, True),
        (Bounds("2013-07-01T10:00:00-04:00"), TIME, False),
        (Bounds("2013-07-01T10:00:00-04:00"), TIME.replace(hour=14), True),
        (Bounds("2013-07-01T10:00:00", "2013-07-01T10:00:00"), AWARE, True),
        (Bounds("2013-07-01T10:00:00-04:00"), AWARE, False),
        (Bounds("2013-07-01", "2013-07-01"), "1 July 2013", True),
        (Bounds("2013-07-01T10:00"), "2013-7-1 9:59", False),
        (Bounds("b", "d"), "c", True),
        (Bounds("b", "d"), "e", False),
        (Bounds("b", strict_minimum=True), "b", False),
    ],
)
def test_texts_bound_texts_and_times(given_bounds: Bounds, value: Any, expected: bool) -> None:
    assert given_bounds.find(value) == Finding(expected, found=str(value))


@given(st.datetimes(), st.datetimes(), st.booleans())
def test_a_time_is_within_its_own_iso_text_and_no_later_one(one: dt.datetime, other: dt.datetime, strict: bool) -> None:
    expected = other > one if strict else other >= one
    assert Bounds(one.isoformat(), strict_minimum=strict).hold(other) is expected


@pytest.mark.parametrize(
    ("given_bounds", "value"), [(Bounds("2013-07-01"), 5), (Bounds(5), "x"), (Bounds(5), DAY), (Bounds("x"), DAY)]
)
def test_what_cannot_be_compared_raises(given_bounds: Bounds, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        given_bounds.find(value)


@pytest.mark.parametrize(("value", "observed"), [(3, 3.0), (2.5, 2.5), (Decimal("1.5"), 1.5)])
def test_a_number_is_observed_and_anything_else_is_told_as_text(value: Any, observed: float) -> None:
    assert Bounds(1).find(value) == Finding(success=True, observed=observed, found="")


@pytest.mark.parametrize(
    ("given_bounds", "expected"),
    [
        (Bounds(1, 5), ">= 1 and <= 5"),
        (Bounds(1, 5, strict_minimum=True, strict_maximum=True), "> 1 and < 5"),
        (Bounds(minimum=0.5), ">= 0.5"),
        (Bounds(maximum=0), "<= 0"),
        (Bounds(1_234_567), ">= 1234567"),
        (Bounds("2013-07-01"), ">= 2013-07-01"),
        (Bounds(), ""),
    ],
)
def test_bounds_are_told_in_words(given_bounds: Bounds, expected: str) -> None:
    assert given_bounds.expected() == expected


# Quantiles.


@given(numbers, optional, optional)
def test_a_quantile_within_its_range_is_found_so(value: float, low: float | None, high: float | None) -> None:
    if (low is None or low <= value) and (high is None or value <= high):
        assert Ranges((0.5,), ((low, high),)).find([value]) == Finding(
            success=True, observed=value, found=f"{value:.15g}"
        )


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (1.0, 1, 2, True),
        (2.0, 1, 2, True),
        (2.0001, 1, 2, True),  # within 1e-4 of the bound, relatively
        (2.0003, 1, 2, False),
        (0.99995, 1, 2, True),
        (0.9998, 1, 2, False),
        (1e-9, None, 0, True),  # within 1e-8 of 0
        (1e-7, None, 0, False),
        (-1e9, None, 0, True),
        (1e9, 0, None, True),
        (1e9, None, None, True),
        (-2.0001, -2, None, True),
        (-2.0003, -2, None, False),
        (2.0, 5, 1, False),
        (math.nan, None, None, False),
    ],
)
def test_a_range_has_the_tolerance_of_great_expectations(
    value: float, low: float | None, high: float | None, expected: bool
) -> None:
    assert Ranges((0.5,), ((low, high),)).find([value]).success is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, 5], Finding(success=True, found="1, 5")),
        ([1, 7], Finding(success=False, found="1, 7")),
        ([-3, 5.5], Finding(success=False, found="-3, 5.5")),
        ([1, None], Finding(success=False, found="1, none")),
        (None, Finding(success=False, found="none, none")),
    ],
)
def test_every_quantile_must_be_in_its_own_range(value: Any, expected: Finding) -> None:
    assert Ranges((0.1, 0.9), ((0, 2), (4, 6))).find(value) == expected


@pytest.mark.parametrize("value", [None, [], [None]])
def test_one_quantile_of_nothing_is_out_of_every_range(value: Any) -> None:
    assert Ranges((0.5,), ((None, None),)).find(value) == Finding(success=False, found="none")


def test_ranges_are_told_in_words() -> None:
    assert Ranges((0.1, 0.9), ((0, 2), (None, 6))).expected() == "quantile 0.1 in 0 to 2; quantile 0.9 in None to 6"


# Sets.


def look(found: set[str], values: set[str]) -> dict[str, int]:
    """What the stage tells of the distinct values that are there."""
    return {"outside": len(found - values), "inside": len(found & values)}


sets = st.sets(st.sampled_from("abcdef"))


@given(sets, sets)
def test_sets_are_compared_as_sets(found: set[str], values: set[str]) -> None:
    observed = {
        (outside, all_there): OfSet(tuple(values), outside, all_there).find(look(found, values)).success
        for outside, all_there in ((True, False), (False, True), (True, True))
    }
    assert observed == {(True, False): found <= values, (False, True): found >= values, (True, True): found == values}


@pytest.mark.parametrize(
    ("outside", "all_there", "expected"),
    [
        (True, False, Finding(False, 1.0, 1, "1 values outside the set")),
        (False, True, Finding(False, 2.0, None, "2 of it missing")),
        (True, True, Finding(False, 2.0, 1, "1 values outside the set, 2 of it missing")),
    ],
)
def test_a_set_tells_how_many_values_are_wrong_and_not_which(outside: bool, all_there: bool, expected: Finding) -> None:
    assert OfSet(("a", "b", "c"), outside, all_there).find(look({"a", "x"}, {"a", "b", "c"})) == expected


@pytest.mark.parametrize(
    ("outside", "all_there", "expected"),
    [(True, False, "no other values than a, b"), (False, True, "all of a, b"), (True, True, "just the values a, b")],
)
def test_a_set_is_told_in_words(outside: bool, all_there: bool, expected: str) -> None:
    assert OfSet(("a", "b"), outside, all_there).expected() == expected
    assert len(OfSet(tuple(map(str, range(1000))), outside, all_there).expected()) < 160


@pytest.mark.parametrize(
    ("value", "with_ties", "without"),
    [
        ({"ties": 1, "of_set": 1}, True, True),
        ({"ties": 1, "of_set": 0}, False, False),
        ({"ties": 2, "of_set": 1}, True, False),
        ({"ties": 2, "of_set": 2}, True, False),
        ({"ties": 2, "of_set": 0}, False, False),
        (None, False, False),
    ],
)
def test_the_most_common_value_is_of_the_set(value: Any, with_ties: bool, without: bool) -> None:
    assert MostCommonInSet(("a",), ties=True).find(value).success is with_ties
    assert MostCommonInSet(("a",), ties=False).find(value).success is without


def test_the_most_common_value_is_told_as_counts() -> None:
    test = MostCommonInSet(("a", "b"), ties=True)
    assert test.find({"ties": 3, "of_set": 2}) == Finding(True, 2.0, None, "3 most common values, 2 of them of the set")
    assert test.find(None) == Finding(False, 0.0, None, "0 most common values, 0 of them of the set")
    assert test.expected() == "the most common of a, b"


# Where an aggregate is computed, and what it tells.


@pytest.mark.parametrize("function", get_args(Function))
def test_an_aggregate_is_of_the_stage_iff_values_must_be_brought_together(function: Function) -> None:
    in_pass = ("rows", "min", "max", "mean", "stdev", "sum", "share_of_non_null")
    assert Aggregate(function).on_stage is (function not in in_pass)


def test_counts_and_shares_tell_nothing_of_single_values() -> None:
    counts = {"rows", "share_of_non_null", "distinct", "share_of_distinct", "distinct_of_set"}
    assert set(get_args(Function)) - TELLS_VALUES == counts
    assert set(get_args(Function)) >= ON_STAGE
