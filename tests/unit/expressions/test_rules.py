"""What a rule expects, in words, which columns it reads, which rows it judges and which it refuses."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.config import TextFormat
from pipelines.config.policy import Action
from pipelines.expressions.masks import BITS, mask_names
from pipelines.expressions.names import label, quoted
from pipelines.expressions.rules import (
    AllEqual,
    Between,
    Check,
    DistinctWithinRow,
    Domain,
    IgnoreIf,
    InSet,
    IsNull,
    KeptByCasts,
    Like,
    Matches,
    NotNull,
    OfSeveralColumns,
    OfWholeSlice,
    PairGreater,
    PairInSet,
    Parses,
    ReadAs,
    Rule,
    Severity,
    SqlCast,
    SumEquals,
    Unique,
    WholeRecord,
    ZScoreBelow,
)

PAIR, THREE = ("a", "b"), ("a", "b", "c")
CASTS = (SqlCast("CAST(a AS INT)", "a", "double", "int"), SqlCast("CAST(b AS INT)", "b", "double", "int", "a > 0"))
TEXTS: list[tuple[Check, str, tuple[str, ...]]] = [
    (NotNull("a"), "a value", ("a",)),
    (IsNull("a"), "no value", ("a",)),
    (InSet("a", ("x", "y")), "one of x, y", ("a",)),
    (InSet("a", (1, 2), negated=True), "none of 1, 2", ("a",)),
    (Between("a", 1, 5), ">= 1 and <= 5", ("a",)),
    (Between("a", 1, 5, strict_minimum=True, strict_maximum=True), "> 1 and < 5", ("a",)),
    (Between("a", minimum=0), ">= 0", ("a",)),
    (Between("a", maximum=0), "<= 0", ("a",)),
    (Between("a", "2013-01-01"), ">= 2013-01-01", ("a",)),
    (Between("a", 2, 3, length=True), "a length >= 2 and <= 3", ("a",)),
    (Matches("a", ("^x",)), "a match of ^x", ("a",)),
    (Matches("a", ("^x", "y$")), "a match of ^x or y$", ("a",)),
    (Matches("a", ("^x", "y$"), every=True), "a match of every one of ^x or y$", ("a",)),
    (Matches("a", ("^x",), negated=True), "no match of ^x", ("a",)),
    (Like("a", ("x%",)), "a match of x%", ("a",)),
    (Like("a", ("x%", "_y"), every=True), "a match of every one of x% or _y", ("a",)),
    (Like("a", ("x!%",), escape="!", negated=True), "no match of x!%", ("a",)),
    (Parses("a", "time", "%Y-%m"), "a time as %Y-%m", ("a",)),
    (Parses("a", "date"), "a date", ("a",)),
    (Parses("a", "json"), "JSON", ("a",)),
    (Parses("a", "json_schema", "{}"), "JSON as its schema", ("a",)),
    (ReadAs("a", "int", TextFormat(), "a text of int"), "a text of int", ("a",)),
    (WholeRecord("a", "a record as the header says"), "a record as the header says", ("a",)),
    (KeptByCasts(("a",), "never", CASTS[:1]), "values that CAST(a AS INT) keeps as they are", ("a",)),
    (KeptByCasts(PAIR, "never", CASTS), "values that CAST(a AS INT) and CAST(b AS INT) keeps as they are", PAIR),
    (ZScoreBelow("a", 3), "|z| < 3", ("a",)),
    (ZScoreBelow("a", 2.5, double_sided=False), "z < 2.5", ("a",)),
    (PairGreater(PAIR), "a > b", PAIR),
    (PairGreater(PAIR, or_equal=True), "a >= b", PAIR),
    (AllEqual(PAIR), "a equal to b", PAIR),
    (AllEqual(THREE), "a equal to b equal to c", THREE),
    (PairInSet(PAIR, pairs=(("x", 1), (None, 2))), "one of (x, 1), (None, 2)", PAIR),
    (SumEquals(THREE, total=10.0), "a + b + c = 10", THREE),
    (SumEquals(PAIR, total=0.1), "a + b = 0.1", PAIR),
    (DistinctWithinRow(THREE), "a, b, c all different", THREE),
    (Unique(PAIR), "no other row with the same", PAIR),
]


@pytest.mark.parametrize(("check", "expected", "columns"), TEXTS, ids=[text for _, text, _ in TEXTS])
def test_a_check_says_what_it_expects_of_which_columns(check: Check, expected: str, columns: tuple[str, ...]) -> None:
    assert check.expected() == expected
    assert check.columns == columns


def test_every_kind_of_check_is_told_in_words() -> None:
    assert {type(check) for check, *_ in TEXTS} == set(get_args(Check))


@pytest.mark.parametrize(
    "check",
    [
        InSet("a", tuple(range(1000))),
        Matches("a", tuple(map(str, range(1000)))),
        Like("a", tuple(map(str, range(1000)))),
        PairInSet(PAIR, pairs=tuple((number, number) for number in range(1000))),
    ],
    ids=lambda check: type(check).__name__,
)
def test_what_is_long_is_cut(check: Check) -> None:
    assert len(check.expected()) < 150


def test_a_total_is_told_to_the_last_digit_of_a_double() -> None:
    assert SumEquals(PAIR, total=123_456_789.123).expected() == "a + b = 123456789.123"


@pytest.mark.parametrize(("action", "expected"), [("reject", True), ("quarantine", True), ("warn", False)])
@pytest.mark.parametrize("severity", get_args(Severity))
def test_a_rule_refuses_rows_by_its_action_and_not_by_its_severity(
    severity: Severity, action: Action, expected: bool
) -> None:
    assert Rule("r", NotNull("a"), severity, action).refuses is expected


def test_a_rule_is_critical_and_quarantines_unless_it_says_otherwise() -> None:
    rule = Rule("r", NotNull("a"))
    assert (rule.severity, rule.action, rule.condition, rule.mostly, rule.mostly_action) == (
        "critical", "quarantine", None, 1.0, "reject",
    )  # fmt: skip


IGNORED: tuple[tuple[IgnoreIf, Domain], ...] = (
    ("never", Domain()),
    ("any_missing", Domain(PAIR, "all")),
    ("all_missing", Domain(PAIR, "any")),
)
DOMAINS: list[tuple[Check, Domain]] = [
    (NotNull("a"), Domain()),
    (IsNull("a"), Domain()),
    (InSet("a", (1,)), Domain(("a",))),
    (Between("a", 1), Domain(("a",))),
    (Matches("a", ("x",)), Domain(("a",))),
    (Like("a", ("x",)), Domain(("a",))),
    (Parses("a", "json"), Domain(("a",))),
    (ReadAs("a", "int", TextFormat(), "a text of int"), Domain()),
    (WholeRecord("a", "a record"), Domain()),
    (KeptByCasts(PAIR, "never", CASTS), Domain()),
    (ZScoreBelow("a", 3), Domain(("a",))),
    *[
        (kind(PAIR, ignored), domain)
        for kind in (PairGreater, AllEqual, PairInSet, SumEquals, DistinctWithinRow, Unique)
        for ignored, domain in IGNORED
    ],
]


@pytest.mark.parametrize(("check", "expected"), DOMAINS, ids=[str(check) for check, _ in DOMAINS])
def test_a_rule_judges_the_rows_that_its_check_does_not_ignore(check: Check, expected: Domain) -> None:
    assert Rule("r", check).domain == expected


def test_the_domain_of_every_kind_of_check_is_known() -> None:
    assert {type(check) for check, _ in DOMAINS} == set(get_args(Check))


checks_of_several = st.sampled_from([PairGreater, AllEqual, PairInSet, SumEquals, DistinctWithinRow, Unique])
rows = st.tuples(*[st.none() | st.integers()] * 2)


@given(checks_of_several, st.sampled_from(get_args(IgnoreIf)), rows)
def test_a_row_is_of_the_domain_iff_it_is_not_ignored_for_its_nulls(
    kind: type[OfSeveralColumns], ignored: IgnoreIf, row: tuple[int | None, int | None]
) -> None:
    domain = Rule("r", kind(PAIR, ignored)).domain  # type: ignore[arg-type]
    present = [value is not None for name, value in zip(PAIR, row, strict=True) if name in domain.columns]
    observed = (all(present) if domain.present == "all" else any(present)) if present else True
    expected = {"never": True, "any_missing": None not in row, "all_missing": row != (None, None)}
    assert observed is expected[ignored]


def test_rules_of_one_domain_share_it_whatever_they_check() -> None:
    given_rules = [
        Rule("x", Between("a", 1)),
        Rule("y", Matches("a", ("x",)), condition="b > 1"),
        Rule("z", Unique(PAIR)),
    ]
    assert [rule.domain for rule in given_rules] == [Domain(("a",)), Domain(("a",)), Domain(PAIR, "any")]


@pytest.mark.parametrize("check", [check for check, *_ in TEXTS], ids=[text for _, text, _ in TEXTS])
def test_copies_and_distances_alone_need_the_whole_slice(check: Check) -> None:
    assert isinstance(check, OfWholeSlice) is (type(check) in (Unique, ZScoreBelow))


@pytest.mark.parametrize(
    ("count", "words"), [(0, 1), (1, 1), (BITS, 1), (BITS + 1, 2), (2 * BITS, 2), (2 * BITS + 1, 3)]
)
def test_a_mask_has_a_word_for_each_63_rules_and_one_at_least(count: int, words: int) -> None:
    rules = tuple(Rule(str(number), NotNull("a")) for number in range(count))
    assert mask_names(rules) == [f"mask_{word}" for word in range(words)]


@pytest.mark.parametrize(("name", "expected"), [("a b", "`a b`"), ("a`b", "`a``b`"), ("a.b", "`a.b`"), ("", "``")])
def test_a_quoted_name_is_one_identifier(name: str, expected: str) -> None:
    assert quoted(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("hour", "hour"), ("__features.hour", "feature hour"), ("__features", "__features"), ("a.b", "a.b")],
)
def test_a_label_tells_features_from_columns(name: str, expected: str) -> None:
    assert label(name) == expected
