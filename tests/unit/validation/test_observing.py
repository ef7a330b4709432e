"""Observed numbers are found again by what they mean; rules that judge the same rows share their count."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.expressions.rules import (
    AllEqual,
    Between,
    Check,
    DistinctWithinRow,
    IsNull,
    Matches,
    NotNull,
    PairGreater,
    Rule,
    Unique,
    ZScoreBelow,
)
from pipelines.expressions.whole_slice import Moments
from pipelines.validation.observing import Observed

AB = ("a", "b")


def rule(check: Check, condition: str | None = None) -> Rule:
    return Rule(str(check), check, condition=condition)


def observed(rules: list[Rule], stage_rules: list[Rule] | None = None, **metrics: float | None) -> Observed:
    return Observed({"rows": 100, **metrics}, tuple(rules), tuple(stage_rules or []))


def test_a_rule_without_domain_and_condition_judges_all_rows() -> None:
    given = rule(NotNull("a"))
    assert observed([given]).judged(given) == 100
    assert observed([given]).elements(given) == 100


def test_a_rule_judges_the_rows_of_its_domain_of_all_rows() -> None:
    given = rule(Between("a", 1))
    assert observed([given], population_0=70).judged(given) == 70
    assert observed([given], population_0=70).elements(given) == 100


def test_a_condition_leaves_rows_and_the_domain_judges_some_of_them() -> None:
    given = rule(Between("a", 1), "c > 1")
    counted = observed([given], population_0=30, population_1=40)
    assert (counted.judged(given), counted.elements(given)) == (30, 40)


def test_a_rule_that_judges_nulls_judges_all_that_its_condition_leaves() -> None:
    given = rule(NotNull("a"), "c > 1")
    counted = observed([given], population_0=40)
    assert (counted.judged(given), counted.elements(given)) == (40, 40)


@pytest.mark.parametrize(
    "others",
    [
        [rule(Matches("a", ("x",)))],
        [rule(Between("a", 9)), rule(Matches("a", ("y",)))],
        [rule(NotNull("b")), rule(IsNull("a"))],
    ],
    ids=len,
)
def test_rules_of_one_domain_share_its_count(others: list[Rule]) -> None:
    first = rule(Between("a", 1))
    counted = observed([first, *others], population_0=70)
    expected = [100 if isinstance(other.check, NotNull | IsNull) else 70 for other in others]
    assert [counted.judged(other) for other in others] == expected


def test_a_rule_of_the_stage_shares_with_one_of_the_pass() -> None:
    first, second = rule(Between("a", 1)), rule(Unique(("a",)))
    alone = rule(ZScoreBelow("a", 3))
    counted = observed([first], [alone], population_0=70)
    assert (counted.judged(first), counted.judged(alone)) == (70, 70)
    assert observed([first], [second], population_0=70, population_1=60).judged(second) == 60  # any, not all, present


def test_domains_differ_by_their_columns_by_which_are_present_and_by_condition() -> None:
    rules = [
        rule(Between("a", 1)),
        rule(Between("b", 1)),
        rule(PairGreater(AB, "any_missing")),
        rule(AllEqual(AB, "all_missing")),
        rule(AllEqual(("b", "a"), "all_missing")),
        rule(Between("a", 1), "c > 1"),
        rule(Between("a", 1), "c > 2"),
    ]
    # Each condition is counted by itself too, after the rows of its first rule.
    metrics: dict[str, Any] = {f"population_{number}": number for number in range(9)}
    counted = observed(rules, **metrics)
    assert [counted.judged(one) for one in rules] == [0, 1, 2, 3, 4, 5, 7]
    assert [counted.elements(one) for one in rules] == [100] * 5 + [6, 8]


def test_rules_of_one_condition_share_the_rows_that_it_leaves() -> None:
    rules = [rule(Between("a", 1), "c > 1"), rule(Between("b", 1), "c > 1"), rule(NotNull("b"), "c > 1")]
    counted = observed(rules, population_0=30, population_1=40, population_2=20)
    assert [(counted.judged(one), counted.elements(one)) for one in rules] == [(30, 40), (20, 40), (40, 40)]


def test_rules_that_ignore_no_row_share_the_count_of_all() -> None:
    rules = [rule(AllEqual(AB, "never")), rule(DistinctWithinRow(AB, "never")), rule(IsNull("a"))]
    counted = observed(rules)
    assert [counted.judged(one) for one in rules] == [100, 100, 100]


@pytest.mark.parametrize(("metric", "expected"), [(3, 3), (0, 0), (None, 0)])
def test_broken_rows_are_found_by_the_rules_position(metric: int | None, expected: int) -> None:
    rules = [rule(NotNull("a")), rule(NotNull("b"))]
    assert observed(rules, broken_0=9, broken_1=metric).broken(1) == expected


def test_moments_are_found_by_the_position_among_the_rules_of_the_stage() -> None:
    stage_rules = [rule(Unique(("a",))), rule(ZScoreBelow("a", 3))]
    counted = observed([rule(NotNull("a"))], stage_rules, population_0=70, mean_1=5.0, stdev_1=None)
    assert counted.moments(1) == Moments(5.0, None)
    assert counted.moments(0) == Moments(None, None)
    assert observed([], stage_rules, mean_1=5.0, stdev_1=2.0).moments(1) == Moments(5.0, 2.0)
