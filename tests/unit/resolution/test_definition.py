"""A pipeline with the texts that it names: suites by file and by function, policy, limits, what cannot be loaded."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import Project
from pipelines.errors import ConfigurationError, PipelineError, UsageError
from pipelines.resolution.definition import define
from unit.conftest import Configure

NOT_NULL = "column_values_to_not_be_null"
GIVEN = ("given", NOT_NULL, {"column": "age"})
Write = Callable[[str], str]


@pytest.fixture
def module(churn: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a Python file into the project's folder; gives the module's name. It is forgotten after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def written(text: str) -> str:
        (churn.root / "suites_of_this_test.py").write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        return "suites_of_this_test"

    yield written
    sys.modules.pop("suites_of_this_test", None)


def refusal(project: Project, kind: type[PipelineError] = ConfigurationError) -> PipelineError:
    """What defining the changed pipeline says."""
    with pytest.raises(kind) as caught:
        define(project, "churn")
    return caught.value


SUITE = """
import great_expectations as gx
from great_expectations import expectations as gxe
from great_expectations.expectations.row_conditions import Column


def suite():
    return gx.ExpectationSuite(
        name="made",
        expectations=[
            gxe.ExpectColumnValuesToNotBeNull(
                column="age",
                mostly=0.9,
                severity="warning",
                row_condition=Column("spend") > 1,
                meta={"check_id": "given"},
            ),
            gxe.ExpectColumnMedianToBeBetween(column="age", min_value=18),
        ],
    )
"""


def test_a_pipeline_without_suite_and_function_checks_and_derives_nothing(churn: Project) -> None:
    definition = define(churn, "churn")
    assert definition.checks.suite == ()
    assert (definition.query, definition.derive, definition.feature_source) == (None, None, None)


def test_a_suite_by_file_is_compiled(churn: Project, configure: Configure) -> None:
    configure(GIVEN)
    definition = define(churn, "churn")
    assert [rule.id for rule in definition.checks.rules] == ["given"]


def test_a_suite_by_function_is_the_same_as_by_file(churn: Project, configure: Configure, module: Write) -> None:
    configure(expectations=f"{module(SUITE)}:suite")
    by_function = define(churn, "churn").checks
    (rule,) = by_function.rules
    assert (rule.id, rule.mostly, rule.severity, rule.condition) == ("given", 0.9, "warning", "`spend` > 1")
    assert [gate.id for gate in by_function.gates] == ["column_median_to_be_between:age"]
    items = [{**item.as_json(), "meta": {"check_id": item.check_id}} for item in by_function.suite]
    (churn.conf / "expectations" / "churn.json").write_text(json.dumps({"expectations": items}))
    configure(expectations="churn.json")
    by_file = define(churn, "churn").checks
    assert (by_file.rules, by_file.gates) == (by_function.rules, by_function.gates)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise ZeroDivisionError('no suite today')", "ZeroDivisionError: no suite today"),
        ("return None", "AttributeError"),
        ("return {'expectations': []}", "AttributeError"),
    ],
)
def test_a_function_that_gives_no_suite_is_told_so(
    churn: Project, configure: Configure, module: Write, body: str, expected: str
) -> None:
    name = module(f"def suite():\n    {body}\n")
    configure(expectations=f"{name}:suite")
    error = refusal(churn)
    assert error.problem == f"expectations: '{name}:suite' gave no suite"
    assert "returns a great_expectations.ExpectationSuite" in (error.expected or "")
    assert expected in (error.found or "")


def test_a_function_that_needs_arguments_gives_no_suite(churn: Project, configure: Configure, module: Write) -> None:
    configure(expectations=f"{module('def suite(day): ...')}:suite")
    assert "missing 1 required positional argument" in (refusal(churn).found or "")


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        ("nowhere:suite", "", "No module named 'nowhere'"),
        ("suites_of_this_test:suites", "def suite(): ...", "has no attribute 'suites'"),
        ("suites_of_this_test:", "def suite(): ...", "AttributeError"),
        ("suites_of_this_test:suite", "def suite(:", "SyntaxError"),
        ("suites_of_this_test:suite", "import nowhere_at_all", "No module named 'nowhere_at_all'"),
        ("suites_of_this_test:suite", "1 / 0", "ZeroDivisionError"),
        ("sys:exit", "", "built-in"),
        (":suite", "", "ValueError"),
        (".suites:suite", "", "TypeError"),
    ],
)
def test_a_function_that_cannot_be_loaded_is_named(
    churn: Project, configure: Configure, module: Write, spec: str, text: str, expected: str
) -> None:
    module(text)
    configure(expectations=spec)
    error = refusal(churn)
    assert error.problem == f"expectations: '{spec}' cannot be loaded"
    assert error.expected == "package.module:function, importable from the project's folder"
    assert expected in (error.found or "")


@pytest.mark.parametrize(
    ("function", "expected"),
    [("nowhere:derive", "No module named 'nowhere'"), ("pipelines.errors:derive", "has no attribute 'derive'")],
)
def test_a_feature_function_that_cannot_be_loaded_is_named(
    churn: Project, configure: Configure, function: str, expected: str
) -> None:
    configure(features={"function": function})
    error = refusal(churn)
    assert error.problem == f"features.function: '{function}' cannot be loaded"
    assert expected in (error.found or "")


def test_what_is_no_function_is_a_wrong_use(churn: Project, configure: Configure, module: Write) -> None:
    configure(expectations=f"{module('suite = 3')}:suite")
    assert refusal(churn, UsageError).problem.endswith("is no function")


def test_a_feature_function_comes_with_its_source(churn: Project, configure: Configure, module: Write) -> None:
    text = "def derive(frame):\n    return frame\n"
    configure(features={"function": f"{module(text)}:derive"})
    definition = define(churn, "churn")
    assert definition.derive is not None
    assert definition.derive.__name__ == "derive"
    assert definition.feature_source == text


# Policy and limits.


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, "quarantine"),
        ({"rows": {"critical": "warn"}}, "warn"),
        ({"checks": {"given": "reject"}}, "reject"),
    ],
)
def test_the_pipelines_policy_is_that_of_its_checks(
    churn: Project, configure: Configure, policy: dict[str, Any], expected: str
) -> None:
    configure(GIVEN, policy=policy)
    assert [rule.action for rule in define(churn, "churn").checks.rules] == [expected]


def test_a_policy_for_a_check_that_is_not_there_is_refused(churn: Project, configure: Configure) -> None:
    configure(GIVEN, policy={"checks": {"giben": "warn"}})
    error = refusal(churn)
    assert error.problem == "policy.checks: there is no check 'giben'"
    assert error.remedy == "did you mean 'given'?"


@pytest.mark.parametrize("rule_id", ["model_input:age", "input_readable:age"])
def test_a_policy_may_say_what_a_lost_value_leads_to(churn: Project, configure: Configure, rule_id: str) -> None:
    configure(GIVEN, policy={"checks": {rule_id: "warn"}})
    assert define(churn, "churn").pipeline.policy.checks == {rule_id: "warn"}


@pytest.mark.parametrize(
    "rule_id", ["given", "unique", "model_input_not_null:age", "model_input:age", "input_readable:age"]
)
def test_a_limit_is_for_a_rule_of_the_suite_or_of_the_model(churn: Project, configure: Configure, rule_id: str) -> None:
    unique = ("unique", "column_values_to_be_unique", {"column": "age"})
    configure(GIVEN, unique, limits={"rules": {rule_id: {"rows": 1}}})
    assert list(define(churn, "churn").pipeline.limits.rules) == [rule_id]


@pytest.mark.parametrize("rule_id", ["giben", "some", "given:mostly", "model_input"])
def test_a_limit_for_what_is_no_rule_is_refused(churn: Project, configure: Configure, rule_id: str) -> None:
    some = ("some", "table_row_count_to_be_between", {"min_value": 1})
    given = ("given", NOT_NULL, {"column": "age", "mostly": 0.9})
    configure(given, some, limits={"rules": {rule_id: {"rows": 1}}})
    error = refusal(churn)
    assert error.problem == f"limits.rules: there is no rule '{rule_id}'"
    assert "given" in (error.remedy or "")


def test_personal_columns_are_known_to_the_checks(churn: Project, configure: Configure) -> None:
    median = ("median", "column_median_to_be_between", {"column": "age", "min_value": 1})
    configure(median, personal=["age"])
    checks = define(churn, "churn").checks
    assert [foreign.expectation.check_id for foreign in checks.foreign] == ["median"]


# Another suite in place of the configured one.


@pytest.fixture
def other(churn: Project, configure: Configure, tmp_path: Path) -> Path:
    """A suite without the check that policy and limits of the pipeline name, beside one that they name too."""
    configure(
        GIVEN,
        ("kept", NOT_NULL, {"column": "spend"}),
        policy={"checks": {"given": "warn", "kept": "warn"}},
        limits={"rules": {"given": {"rows": 1}}},
    )
    file = tmp_path / "other.json"
    item = {"type": f"expect_{NOT_NULL}", "kwargs": {"column": "spend"}, "meta": {"check_id": "kept"}}
    file.write_text(json.dumps({"expectations": [item]}))
    return file


def test_another_suite_may_lack_what_policy_and_limits_name(churn: Project, other: Path) -> None:
    checks = define(churn, "churn", other).checks
    assert [(rule.id, rule.action) for rule in checks.rules] == [("kept", "warn")]


def test_the_pipelines_own_suite_stays_as_it_is(churn: Project, other: Path) -> None:
    define(churn, "churn", other)
    definition = define(churn, "churn")
    assert [(rule.id, rule.action) for rule in definition.checks.rules] == [("given", "warn"), ("kept", "warn")]
    assert definition.pipeline.policy.checks == {"given": "warn", "kept": "warn"}
