"""Rules on Spark, against nulls, NaN, empty text and other scripts."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.expressions.masks import BITS, has_bit, is_refused, mask_names, masks
from pipelines.expressions.names import column
from pipelines.expressions.reasons import as_json, reasons, row_kept
from pipelines.expressions.rendering import is_broken, is_judged
from pipelines.expressions.rules import (
    AllEqual,
    Between,
    Check,
    DistinctWithinRow,
    InSet,
    IsNull,
    Matches,
    NotNull,
    PairGreater,
    Rule,
)

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("compiled")]

NAN, INFINITE = math.nan, math.inf
ROWS = [
    (1, 1.0, 1, "web", "web", "2024-03-01"),
    (2, None, None, None, None, None),
    (3, NAN, 3, "", "x", "2024-03-02"),
    (4, -1.0, 4, "ünï", None, "2024-03-03"),
    (5, 10.0, 5, "日本", "日本", "1999-12-31"),
    (6, INFINITE, 6, "Web ", "web", "2024-03-01"),
    (7, 0.0, 7, None, "a", "2024-03-04"),
    (8, None, 8, "a\nb", "a", "2024-03-01"),
    (9, NAN, None, "𝒳", "", None),
]
SCHEMA = "id INT, number DOUBLE, whole INT, text STRING, `the other` STRING, day STRING"


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> DataFrame:
    rows = spark.createDataFrame(ROWS, SCHEMA).withColumn("day", F.to_date("day"))
    return rows.coalesce(1).localCheckpoint()


def ids(frame: DataFrame, condition: Any) -> set[int]:
    return {row.id for row in frame.where(condition).collect()}


BROKEN: list[tuple[Check, set[int]]] = [
    (NotNull("text"), {2, 7}),
    (NotNull("number"), {2, 8}),
    (IsNull("the other"), {1, 3, 5, 6, 7, 8, 9}),
    (InSet("text", ("web", "", "日本")), {4, 6, 8, 9}),
    (InSet("text", ("web", ""), negated=True), {1, 3}),
    (InSet("text", ()), {1, 3, 4, 5, 6, 8, 9}),
    (InSet("whole", (1, 3)), {4, 5, 6, 7, 8}),
    (Between("number", 0, 10), {3, 4, 6, 9}),
    (Between("number", 0, 10, strict_minimum=True, strict_maximum=True), {3, 4, 5, 6, 7, 9}),
    (Between("number", minimum=0), {4}),
    (Between("number", maximum=0), {1, 3, 5, 6, 9}),
    (Between("text", 1, 3, length=True), {3, 6}),
    (Between("text", 2, 2, length=True), {1, 3, 4, 6, 8, 9}),
    (Between("day", "2024-03-01", "2024-03-03"), {5, 7}),
    (Matches("text", ("^[a-z]+$",)), {3, 4, 5, 6, 8, 9}),
    (Matches("text", ("b", "日"), negated=True), {1, 5, 6, 8}),
    (Matches("text", ("e", "b"), every=True), {3, 4, 5, 8, 9}),
    (Matches("text", ("^$", "ü")), {1, 5, 6, 8, 9}),
    (PairGreater(("number", "whole")), {1, 4, 7}),
    (PairGreater(("number", "whole"), or_equal=True), {4, 7}),
    (AllEqual(("text", "the other")), {3, 4, 6, 7, 8, 9}),
    (AllEqual(("text", "the other"), ignore_if="any_missing"), {3, 6, 8, 9}),
    (AllEqual(("text", "the other"), ignore_if="never"), {3, 4, 6, 7, 8, 9}),
    (DistinctWithinRow(("text", "the other")), {1, 5}),
    (DistinctWithinRow(("text", "the other"), ignore_if="never"), {1, 2, 5}),
]


@pytest.mark.parametrize(("check", "expected"), BROKEN, ids=[str(check) for check, _ in BROKEN])
def test_a_check_is_broken_by_these_rows(frame: DataFrame, check: Check, expected: set[int]) -> None:
    assert ids(frame, is_broken(Rule("rule", check))) == expected


@pytest.mark.parametrize(("check", "expected"), BROKEN, ids=[str(check) for check, _ in BROKEN])
def test_every_row_is_broken_or_not_and_only_judged_rows_are(
    frame: DataFrame, check: Check, expected: set[int]
) -> None:
    rule = Rule("rule", check)
    row = frame.agg(
        F.count_if(is_broken(rule).isNull() | is_judged(rule).isNull()).alias("unknown"),
        F.count_if(is_broken(rule) & ~is_judged(rule)).alias("stray"),
        F.count_if(is_broken(rule)).alias("broken"),
    ).first()
    assert row is not None
    assert (row.unknown, row.stray, row.broken) == (0, 0, len(expected))


def test_a_condition_that_is_null_judges_no_row(frame: DataFrame) -> None:
    rule = Rule("rule", NotNull("text"), condition="whole > 2")
    assert ids(frame, is_judged(rule)) == {3, 4, 5, 6, 7, 8}
    assert ids(frame, is_broken(rule)) == {7}


# Masks


def many_rules() -> tuple[Rule, ...]:
    """130 rules, of which every third only warns; rule n is broken where whole is n modulo 9."""
    return tuple(
        Rule(
            f"rule {number}",
            InSet("whole", (number % 9,), negated=True),
            action="warn" if number % 3 == 0 else "quarantine",
        )
        for number in range(130)
    )


def test_masks_tell_the_broken_rules_of_more_than_one_word(frame: DataFrame) -> None:
    rules = many_rules()
    marked = frame.select("*", *masks(rules)).collect()
    assert mask_names(rules) == ["mask_0", "mask_1", "mask_2"]
    for row in marked:
        expected = {number for number in range(130) if row.whole is not None and number % 9 == row.whole}
        words = [row.mask_0, row.mask_1, row.mask_2]
        observed = {number for number in range(130) if words[number // BITS] >> number % BITS & 1}
        assert observed == expected


@pytest.mark.parametrize("position", [0, 62, 63, 64, 125, 126, 129])
def test_a_bit_is_found_on_either_side_of_a_words_end(frame: DataFrame, position: int) -> None:
    rules = many_rules()
    marked = frame.select("*", *masks(rules))
    assert ids(marked, has_bit(position)) == ids(frame, is_broken(rules[position]))


def test_warnings_refuse_no_row(frame: DataFrame) -> None:
    rules = many_rules()
    marked = frame.select("*", *masks(rules))
    assert ids(marked, is_refused(rules)) == {1, 4, 5, 7, 8}
    assert ids(marked, is_refused(tuple(rule for rule in rules if not rule.refuses))) == set()


def test_without_rules_no_row_is_refused(frame: DataFrame) -> None:
    marked = frame.select("*", *masks(()))
    assert marked.columns[-1] == "mask_0"
    assert ids(marked, is_refused(())) == set()
    assert all(row.reasons == [] for row in marked.select(reasons((), ()).alias("reasons")).collect())


# Reasons

RULES = (
    Rule("text_is_short", Between("text", maximum=2, length=True)),
    Rule("text_warns", NotNull("text"), action="warn"),
    Rule("they_differ", DistinctWithinRow(("text", "the other"))),
    Rule("number_is_given", NotNull("number")),
    Rule("other_is_known", InSet("the other", ("x",))),
)


def told(frame: DataFrame, personal: tuple[str, ...]) -> dict[int, list[tuple[str, str, str]]]:
    marked = frame.select("*", *masks(RULES)).select("id", reasons(RULES, personal).alias("reasons"))
    return {row.id: [(item.rule, item.column, item.message) for item in row.reasons] for row in marked.collect()}


def test_reasons_name_rule_column_value_and_what_was_expected(frame: DataFrame) -> None:
    observed = told(frame, ())
    assert observed[1] == [
        ("text_is_short", "text", "text is web; expected a length <= 2"),
        ("they_differ", "text, the other", "text is web, the other is web; expected text, the other all different"),
        ("other_is_known", "the other", "the other is web; expected one of x"),
    ]
    assert observed[2] == [("number_is_given", "number", "number is null; expected a value")]
    assert observed[3] == []


def test_personal_values_stand_in_no_reason_and_no_row(frame: DataFrame) -> None:
    personal = ("text", "the other")
    texts = {value for row in ROWS for value in (row[3], row[4]) if value and value != "a"}
    spelled = [message for items in told(frame, personal).values() for _, _, message in items]
    rows = frame.select(as_json(row_kept(["id", "text", "the other"], personal)).alias("row")).collect()
    assert len(spelled) > 5
    for value in texts - {"x"}:  # which the rule itself names
        assert not any(f"is {value}" in message for message in spelled)
        assert not any(value in row.row for row in rows)
    assert "text is ***, the other is ***; expected text, the other all different" in spelled


def test_a_missing_personal_value_is_said_to_be_missing(frame: DataFrame) -> None:
    rules = (Rule("given", NotNull("text")),)
    marked = frame.select("*", *masks(rules)).where("id = 2").select(reasons(rules, ("text",)).alias("reasons"))
    row = marked.first()
    assert row is not None
    assert row.reasons[0].message == "text is null; expected a value"


def test_long_values_are_cut(spark: SparkSession) -> None:
    rules = (Rule("short", Between("text", maximum=2, length=True)),)
    frame = spark.createDataFrame([("x" * 5000,)], "text STRING")
    row = frame.select("*", *masks(rules)).select(reasons(rules, ()).alias("reasons")).first()
    assert row is not None
    assert len(row.reasons[0].message) < 300


def test_a_row_as_json_keeps_nulls_names_and_scripts(frame: DataFrame) -> None:
    names = ["id", "number", "text", "the other", "day"]
    rows = {
        row.id: json.loads(row.row)
        for row in frame.select("id", as_json(row_kept(names, ("text",))).alias("row")).collect()
    }
    assert rows[2] == {"id": 2, "number": None, "text": None, "the other": None, "day": None}
    assert rows[5] == {"id": 5, "number": 10.0, "text": "***", "the other": "日本", "day": "1999-12-31"}


def test_names_of_any_characters_are_columns(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(1, 2, 3)], "`a.b` INT, `c``d` INT, `e f` INT")
    row = frame.select(column("a.b"), column("c`d"), column("e f")).first()
    assert row is not None
    assert tuple(row) == (1, 2, 3)
