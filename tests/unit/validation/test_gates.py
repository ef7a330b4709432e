"""Bounds have an algebra; gates of columns name the differences."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.validation.gates import Bounds, SchemaGate

numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
optional = st.none() | numbers
bounds = st.builds(Bounds, optional, optional, st.booleans(), st.booleans())


@given(bounds, numbers)
def test_a_value_is_within_iff_it_is_on_the_right_side_of_each_bound(given_bounds: Bounds, value: float) -> None:
    low, high = given_bounds.minimum, given_bounds.maximum
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
    assert not given_bounds.hold(None)


@given(bounds)
def test_what_is_no_number_is_never_within(given_bounds: Bounds) -> None:
    """As Great Expectations has it: a mean of NaN fails whatever the bounds."""
    assert not given_bounds.hold(math.nan)


@pytest.mark.parametrize(
    ("given_bounds", "expected"),
    [
        (Bounds(1, 5), ">= 1 and <= 5"),
        (Bounds(1, 5, strict_minimum=True, strict_maximum=True), "> 1 and < 5"),
        (Bounds(minimum=0.5), ">= 0.5"),
        (Bounds(maximum=0), "<= 0"),
    ],
)
def test_bounds_are_told_in_words(given_bounds: Bounds, expected: str) -> None:
    assert str(given_bounds) == expected


def test_bounds_are_told_to_the_last_digit_of_a_count() -> None:
    assert str(Bounds(1_234_567)) == ">= 1234567"


@pytest.mark.parametrize(
    ("exact", "found", "expected"),
    [
        (True, ["a", "b"], []),
        (True, ["b", "a"], []),
        (True, ["a"], ["missing b"]),
        (True, ["a", "b", "c"], ["unexpected c"]),
        (True, ["c"], ["missing a", "missing b", "unexpected c"]),
        (False, ["a", "b", "c"], []),
        (False, ["c"], ["missing a", "missing b"]),
    ],
)
def test_a_gate_of_columns_names_the_differences(exact: bool, found: list[str], expected: list[str]) -> None:
    assert SchemaGate("columns", ("a", "b"), exact, "critical").differences(found) == expected
