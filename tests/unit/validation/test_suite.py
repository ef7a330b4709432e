"""What a wrong suite is told, which ids its expectations get, and what their row conditions become."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ConfigurationError
from pipelines.validation.suite import load_suite, parse_suite
from unit.validation.conftest import Load

NOT_NULL = "expect_column_values_to_not_be_null"


def test_the_projects_own_suite_is_right_and_says_something(conf: Path) -> None:
    suite = load_suite(conf / "expectations" / "flight_delays.json")
    assert len(suite) >= 15
    assert {item.severity for item in suite} <= {"critical", "warning", "info"}
    assert all(item.meta.get("check_id") == item.check_id for item in suite)


def test_a_missing_suite_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.json: the suite cannot be read"):
        load_suite(tmp_path / "nothing.json")


@pytest.mark.parametrize("content", [b"name: suite", b"{", b"", b"\xff\xfe{}"])
def test_a_suite_that_is_not_json_is_told_so(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "suite.json"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="suite") as caught:
        load_suite(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("content", [[], {}, {"expectations": None}, {"expectations": {}}, "text", 3])
def test_json_that_is_no_suite_is_told_so(tmp_path: Path, content: Any) -> None:
    file = tmp_path / "suite.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="the suite has no list of 'expectations'"):
        load_suite(file)


@pytest.mark.parametrize("item", ["text", {"kwargs": {}}, {"type": 3}, None])
def test_an_item_that_is_no_expectation_is_told_its_place(load: Load, item: Any) -> None:
    good = {"type": NOT_NULL, "kwargs": {"column": "a"}}
    with pytest.raises(ConfigurationError, match=r"expectations\.1: expected an object with 'type' and 'kwargs'"):
        load(good, item)


@pytest.mark.parametrize("part", ["kwargs", "meta"])
def test_kwargs_and_meta_that_are_no_objects_are_told_their_place(load: Load, part: str) -> None:
    with pytest.raises(ConfigurationError, match=r"expectations\.0"):
        load({"type": NOT_NULL, "kwargs": {"column": "a"}, part: ["column"]})


def test_an_unknown_expectation_is_told_the_nearest(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"expectations\.0: unknown expectation") as caught:
        load({"type": "expect_column_values_to_not_be_nul", "kwargs": {"column": "a"}})
    assert f"did you mean '{NOT_NULL}'?" in str(caught.value)


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({}, "column"),
        ({"column": 3}, "column"),
        ({"column": "a", "colum": "b"}, "colum"),
        ({"column": "a", "mostly": 1.5}, "mostly"),
        ({"column": "a", "mostly": -0.1}, "mostly"),
    ],
)
def test_a_wrong_argument_is_named(load: Load, kwargs: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"expectations\.0: {NOT_NULL}: wrong arguments") as caught:
        load({"type": NOT_NULL, "kwargs": kwargs})
    assert expected in (caught.value.found or "")


def test_a_range_without_bounds_is_a_wrong_argument(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="wrong arguments"):
        load({"type": "expect_column_values_to_be_between", "kwargs": {"column": "a"}})


def test_an_unknown_severity_is_a_wrong_argument(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="wrong arguments"):
        load({"type": NOT_NULL, "kwargs": {"column": "a"}, "severity": "fatal"})


def test_severity_is_critical_unless_the_suite_says_otherwise(load: Load) -> None:
    first, second = load(
        {"type": NOT_NULL, "kwargs": {"column": "a"}},
        {"type": NOT_NULL, "kwargs": {"column": "b"}, "severity": "warning"},
    )
    assert (first.severity, second.severity) == ("critical", "warning")


def test_two_expectations_with_one_id_are_refused(load: Load) -> None:
    item = {"type": NOT_NULL, "kwargs": {"column": "a"}}
    with pytest.raises(ConfigurationError, match=r"two expectations have one id: column_values_to_not_be_null:a"):
        load(item, {**item, "severity": "warning"})


def test_an_id_that_a_mostly_gate_would_get_is_taken(load: Load) -> None:
    """A rule with `mostly` gives a gate of the id `<id>:mostly` too; a waiver must mean one check."""
    with pytest.raises(ConfigurationError, match="one id"):
        load(
            {"type": NOT_NULL, "kwargs": {"column": "a", "mostly": 0.9}, "meta": {"check_id": "given"}},
            {"type": NOT_NULL, "kwargs": {"column": "b"}, "meta": {"check_id": "given:mostly"}},
        )


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"type": NOT_NULL, "kwargs": {"column": "a"}, "meta": {"check_id": "mine"}, "id": "its"}, "mine"),
        ({"type": NOT_NULL, "kwargs": {"column": "a"}, "id": "its"}, "its"),
        ({"type": NOT_NULL, "kwargs": {"column": "a"}}, "column_values_to_not_be_null:a"),
        (
            {"type": "expect_column_pair_values_to_be_equal", "kwargs": {"column_A": "a", "column_B": "b"}},
            "column_pair_values_to_be_equal:a,b",
        ),
        (
            {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a", "b"]}},
            "compound_columns_to_be_unique:a,b",
        ),
        ({"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}}, "table_row_count_to_equal"),
    ],
)
def test_an_id_is_the_suites_own_or_says_what_is_checked(load: Load, item: dict[str, Any], expected: str) -> None:
    assert load(item)[0].check_id == expected


def test_an_expectation_is_written_as_great_expectations_writes_it(load: Load) -> None:
    item = {"type": NOT_NULL, "kwargs": {"column": "a"}, "severity": "warning", "meta": {"note": "n"}}
    assert load(item)[0].as_json() == item


# Row conditions: three languages of Great Expectations, one SQL.

WITH_SPARK = {"condition_parser": "spark"}
WITH_GX = {"condition_parser": "great_expectations"}
COMPARED = {"type": "comparison", "column": {"name": "b"}, "operator": ">", "parameter": 1}
CONDITIONS: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"row_condition": None}, None),
    ({"row_condition": "b > 1 AND c LIKE 'x%'", **WITH_SPARK}, "b > 1 AND c LIKE 'x%'"),
    ({"row_condition": "b > 1"}, "b > 1"),
    ({"row_condition": 'col("b") > 1', **WITH_GX}, "`b` > 1"),
    ({"row_condition": 'col("b c") == "x"', **WITH_GX}, "`b c` == 'x'"),
    ({"row_condition": 'col("b").notNull()', **WITH_GX}, "`b` IS NOT NULL"),
    ({"row_condition": 'col("b") > date("2013-07-01")', **WITH_GX}, "`b` > '2013-07-01'"),
    ({"row_condition": 'col("b") < 2', "condition_parser": "great_expectations__experimental__"}, "`b` < 2"),
    ({"row_condition": COMPARED}, "`b` > 1"),
    ({"row_condition": {"type": "nullity", "column": {"name": "b"}, "is_null": True}}, "`b` IS NULL"),
    ({"row_condition": {"type": "and", "conditions": [COMPARED, COMPARED]}}, "(`b` > 1 AND `b` > 1)"),
    ({"row_condition": {"type": "pass_through", "pass_through_filter": "b > 1"}}, "b > 1"),
]
in_words = pytest.mark.filterwarnings(
    "ignore:The condition_parser parameter is deprecated:DeprecationWarning",
    "ignore:Passing a string to the row_condition parameter:DeprecationWarning",
)


@in_words
@pytest.mark.parametrize(("kwargs", "expected"), CONDITIONS, ids=[str(kwargs) for kwargs, _ in CONDITIONS])
@pytest.mark.parametrize(
    "of",
    [
        {"type": NOT_NULL, "kwargs": {"column": "a"}},
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}},
        {"type": "expect_column_median_to_be_between", "kwargs": {"column": "a", "min_value": 1}},
    ],
    ids=["rule", "gate", "stage"],
)
def test_a_condition_becomes_sql_whichever_parser_it_was_written_for(
    load: Load, of: dict[str, Any], kwargs: dict[str, Any], expected: str | None
) -> None:
    (observed,) = load({**of, "kwargs": {**of["kwargs"], **kwargs}})
    assert observed.condition == expected
    assert observed.kwargs == {**of["kwargs"], **kwargs}


def test_a_condition_that_great_expectations_classes_hold_survives_their_json() -> None:
    from great_expectations import ExpectationSuite, expectations
    from great_expectations.expectations.row_conditions import Column

    condition = (Column("b").is_in(["x", "it's"]) & (Column("day") >= dt.date(2013, 7, 1))) | Column("c").is_null()
    made = ExpectationSuite("s", [expectations.ExpectColumnValuesToNotBeNull(column="a", row_condition=condition)])
    (observed,) = parse_suite(json.dumps(made.to_json_dict()), "made")
    assert observed.condition == r"((`b` IN ('x', 'it\'s') AND `day` >= '2013-07-01') OR `c` IS NULL)"


@in_words
@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"row_condition": "b > 1", "condition_parser": "pandas"}, "cannot be run on Spark; write the condition for"),
        ({"row_condition": "b > 1", "condition_parser": "polars"}, "condition_parser"),
        ({"row_condition": "b > 1", **WITH_GX}, "unable to parse condition: b > 1"),
        ({"row_condition": {"type": "between"}}, "row_condition"),
        ({"row_condition": {**COMPARED, "operator": "LIKE"}}, "operator"),
        ({"row_condition": {**COMPARED, "parameter": None}}, "is_null"),
        ({"row_condition": {**COMPARED, "parameter": {"a": 1}}}, "is no text or number"),
        ({"row_condition": {"type": "and", "conditions": []}}, "no row condition that Spark could take"),
    ],
    ids=str,
)
def test_a_condition_that_spark_could_not_take_is_a_wrong_argument(
    load: Load, kwargs: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"expectations\.0: {NOT_NULL}: wrong arguments") as caught:
        load({"type": NOT_NULL, "kwargs": {"column": "a", **kwargs}})
    assert expected in (caught.value.found or "")


@pytest.mark.parametrize(
    ("kwargs", "expected"), [({}, ("given",)), ({"mostly": 0.9}, ("given", "given:mostly"))], ids=["all", "mostly"]
)
def test_with_mostly_an_expectation_becomes_two_checks(
    load: Load, kwargs: dict[str, Any], expected: tuple[str, ...]
) -> None:
    item = {"type": NOT_NULL, "kwargs": {"column": "a", **kwargs}, "meta": {"check_id": "given"}}
    assert load(item)[0].check_ids() == expected


def test_a_suite_need_not_be_a_file() -> None:
    text = json.dumps({"expectations": [{"type": NOT_NULL, "kwargs": {"column": "a"}}]})
    assert [item.type for item in parse_suite(text, "made")] == [NOT_NULL]
    with pytest.raises(ConfigurationError, match=r"made\.by: the suite is not JSON"):
        parse_suite("{", "made.by")
