"""Great Expectations suites as their JSON says them, checked as Great Expectations' own classes check them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigurationError, did_you_mean
from pipelines.expressions.rules import Severity
from pipelines.validation.arguments import is_right
from pipelines.validation.conditions import UNKNOWN, condition_sql, written_condition

Arguments = Mapping[str, Any]
"""What an expectation is given, by name."""


@dataclass(frozen=True)
class Expectation:
    """One expectation of a suite.

    Args:
        check_id: `meta.check_id` where the suite gives one, else `id`, else the type and its columns.
        type: Great Expectations' name of it.
        kwargs: its arguments.
        severity: what its failure means.
        meta: the suite's notes on it.
        condition: its row condition as SQL, whichever parser it was written for.
    """

    check_id: str
    type: str
    kwargs: Arguments
    severity: Severity
    meta: Mapping[str, Any] = field(default_factory=dict)
    condition: str | None = None

    def check_ids(self) -> tuple[str, ...]:
        """The ids of the checks that it becomes: with `mostly`, of the gate on the share too."""
        return (self.check_id, f"{self.check_id}:mostly") if "mostly" in self.kwargs else (self.check_id,)

    def as_json(self) -> dict[str, object]:
        """The expectation as Great Expectations writes it."""
        return {"type": self.type, "kwargs": self.kwargs, "severity": self.severity, "meta": self.meta}


Suite = tuple[Expectation, ...]


def load_suite(path: Path) -> Suite:
    """The expectations of a suite's file, each checked.

    Raises:
        ConfigurationError: not JSON, not a suite, an unknown expectation, a wrong argument, or an id that stands twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: the suite cannot be read", found=error) from error
    return parse_suite(text, str(path))


@lru_cache(maxsize=32)
def parse_suite(text: str, name: str) -> Suite:
    """The expectations of a suite as JSON.

    Args:
        text: the suite.
        name: where it stands, for messages.

    Raises:
        ConfigurationError: as `load_suite`.
    """
    try:
        suite = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{name}: the suite is not JSON", expected="a suite as Great Expectations 1.x writes it", found=error
        ) from error
    listed = suite.get("expectations") if isinstance(suite, dict) else None
    if not isinstance(listed, list):
        raise ConfigurationError(f"{name}: the suite has no list of 'expectations'", found=type(suite).__name__)
    expectations = tuple(_expectation(item, f"{name}: expectations.{number}") for number, item in enumerate(listed))
    ids = [check_id for item in expectations for check_id in item.check_ids()]
    twice = [check_id for check_id, times in Counter(ids).items() if times > 1]
    if twice:
        raise ConfigurationError(
            f"{name}: two expectations have one id: {', '.join(twice)}",
            remedy='give each an id of its own: "meta": {"check_id": "…"}',
        )
    return expectations


def _expectation(item: Any, where: str) -> Expectation:
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        raise ConfigurationError(f"{where}: expected an object with 'type' and 'kwargs'", found=item)
    kwargs, meta = item.get("kwargs") or {}, item.get("meta") or {}
    if not isinstance(kwargs, dict) or not isinstance(meta, dict):
        raise ConfigurationError(f"{where}: expected 'kwargs' and 'meta' to be objects", found=item)
    severity, condition = _checked(item["type"], kwargs, item.get("severity"), where)
    check_id = meta.get("check_id") or item.get("id") or _default_id(item["type"], kwargs)
    return Expectation(str(check_id), item["type"], kwargs, severity, meta, condition)


def _checked(kind: str, kwargs: Arguments, severity: Any, where: str) -> tuple[Severity, str | None]:
    """The severity and the condition of an expectation; what looks odd is put to Great Expectations' own class."""
    arguments = {name: value for name, value in kwargs.items() if name not in ("row_condition", "condition_parser")}
    condition = written_condition(kwargs.get("row_condition"), kwargs.get("condition_parser"))
    has_condition = len(arguments) < len(kwargs)
    if condition is not UNKNOWN and is_right(kind, arguments, severity, has_condition=has_condition):
        return severity or "critical", None if condition is None else condition_sql(condition)
    return _checked_by_class(kind, kwargs, severity, where)


def _checked_by_class(kind: str, kwargs: Arguments, severity: Any, where: str) -> tuple[Severity, str | None]:
    from great_expectations.exceptions import ExpectationNotFoundError, GreatExpectationsError
    from great_expectations.expectations import registry

    try:
        implementation = registry.get_expectation_impl(kind)
    except ExpectationNotFoundError as error:
        known = registry.list_registered_expectation_implementations()
        raise ConfigurationError(f"{where}: unknown expectation '{kind}'", remedy=did_you_mean(kind, known)) from error
    arguments = kwargs if severity is None else {**kwargs, "severity": severity}
    try:
        if kwargs.get("condition_parser") == "pandas":
            raise ValueError("condition_parser 'pandas' cannot be run on Spark; write the condition for 'spark'")
        checked = implementation(**arguments)
        written = checked.configuration.to_json_dict()["kwargs"].get("row_condition")
        condition = None if written is None else condition_sql(written)
    except (ValueError, TypeError, GreatExpectationsError) as error:
        raise ConfigurationError(f"{where}: {kind}: wrong arguments", expected="as below", found=error) from error
    level: Severity = checked.severity.value
    return level, condition


def _default_id(kind: str, kwargs: Arguments) -> str:
    named = [kwargs.get(name) for name in ("column", "column_A", "column_B")] + list(kwargs.get("column_list") or [])
    columns = ",".join(str(name) for name in named if name is not None)
    return f"{kind.removeprefix('expect_')}:{columns}" if columns else kind.removeprefix("expect_")
