"""What a wrong suite is told, and which ids its expectations get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ConfigurationError
from pipelines.validation.suite import load_suite
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
