"""What a rule expects, in words, and which columns it reads."""

from __future__ import annotations

import pytest

from pipelines.expressions.masks import BITS, mask_names
from pipelines.expressions.names import label, quoted
from pipelines.expressions.rules import (
    Between,
    Check,
    DistinctWithinRow,
    InSet,
    IsNull,
    Matches,
    NotNull,
    PairEqual,
    PairGreater,
    Rule,
)

TEXTS: list[tuple[Check, str, tuple[str, ...]]] = [
    (NotNull("a"), "a value", ("a",)),
    (IsNull("a"), "no value", ("a",)),
    (InSet("a", ("x", "y")), "one of x, y", ("a",)),
    (InSet("a", (1, 2), negated=True), "none of 1, 2", ("a",)),
    (Between("a", 1, 5), ">= 1 and <= 5", ("a",)),
    (Between("a", 1, 5, strict_minimum=True, strict_maximum=True), "> 1 and < 5", ("a",)),
    (Between("a", minimum=0), ">= 0", ("a",)),
    (Between("a", maximum=0), "<= 0", ("a",)),
    (Between("a", 2, 3, length=True), "a length >= 2 and <= 3", ("a",)),
    (Matches("a", ("^x",)), "a match of ^x", ("a",)),
    (Matches("a", ("^x", "y$")), "a match of ^x or y$", ("a",)),
    (Matches("a", ("^x",), negated=True), "no match of ^x", ("a",)),
    (PairGreater("a", "b"), "a > b", ("a", "b")),
    (PairGreater("a", "b", or_equal=True), "a >= b", ("a", "b")),
    (PairEqual("a", "b"), "a equal to b", ("a", "b")),
    (DistinctWithinRow(("a", "b", "c")), "a, b, c all different", ("a", "b", "c")),
]


@pytest.mark.parametrize(("check", "expected", "columns"), TEXTS, ids=[text for _, text, _ in TEXTS])
def test_a_check_says_what_it_expects_of_which_columns(check: Check, expected: str, columns: tuple[str, ...]) -> None:
    assert check.expected() == expected
    assert check.columns == columns


def test_a_long_set_is_cut() -> None:
    assert len(InSet("a", tuple(range(1000))).expected()) < 150


@pytest.mark.parametrize(("severity", "expected"), [("critical", True), ("warning", False), ("info", False)])
def test_critical_rules_alone_refuse_rows(severity: str, expected: bool) -> None:
    assert Rule("r", NotNull("a"), severity).refuses is expected  # type: ignore[arg-type]


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
