"""One suite, judged twice: by the project's rules and gates, and by Great Expectations' own Spark engine."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame

from pipelines.errors import ConfigurationError
from pipelines.validation.binding import bound
from pipelines.validation.compiling import compile_suite
from pipelines.validation.suite import Suite, parse_suite
from pipelines.validation.validating import validate

Item = tuple[str, dict[str, Any]]
"""An expectation: its type without `expect_`, and its arguments."""


@dataclass(frozen=True)
class Answer:
    """What an engine says of an expectation; of a gate the counts are None.

    Args:
        success: None where the engine refuses to judge it.
    """

    success: bool | None
    elements: int | None = None
    missing: int | None = None
    unexpected: int | None = None
    percent: float | None = None
    observed: float | None = None


REFUSED = Answer(None)


def suite_of(items: Sequence[Item]) -> Suite:
    """The expectations with their positions as ids."""
    expectations = [
        {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {"check_id": str(number)}}
        for number, (kind, kwargs) in enumerate(items)
    ]
    return parse_suite(json.dumps({"name": "compared", "expectations": expectations}), "compared")


def by_the_project(frame: DataFrame, items: Sequence[Item]) -> list[Answer]:
    """All in one pass; should one of them be refused, each on its own."""
    try:
        return _judged(frame, items)
    except ConfigurationError:
        if len(items) == 1:
            return [REFUSED]
        return [answer for item in items for answer in by_the_project(frame, [item])]


def _judged(frame: DataFrame, items: Sequence[Item]) -> list[Answer]:
    checks = compile_suite(suite_of(items))
    assert not checks.foreign, [foreign.expectation.type for foreign in checks.foreign]
    results = {result.check_id: result for result in validate(frame, bound(checks, frame)).results}
    answers = []
    for number in range(len(items)):
        result = results[str(number)]
        judged = (result.element_count or 0) - (result.missing_count or 0)
        percent = result.unexpected_count / judged * 100 if result.kind == "rule" and judged else None
        answers.append(
            Answer(
                result.success,
                result.element_count,
                result.missing_count,
                result.unexpected_count,
                percent,
                result.observed if result.kind == "gate" else None,
            )
        )
    return answers


def by_great_expectations(frame: DataFrame, items: Sequence[Item]) -> list[Answer]:
    """The same by the library's own engine, which answers what it can and tells of an exception for the rest."""
    import great_expectations as gx
    from great_expectations.expectations import registry

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_spark("frame", persist=False)
    batch = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("frame")
    suite = gx.ExpectationSuite(
        name="compared",
        expectations=[
            registry.get_expectation_impl(f"expect_{kind}")(**kwargs, meta={"check_id": str(number)})
            for number, (kind, kwargs) in enumerate(items)
        ],
    )
    report = batch.get_batch(batch_parameters={"dataframe": frame}).validate(
        suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0}
    )
    answers = {int(result.expectation_config.meta["check_id"]): _answer(result) for result in report.results}
    return [answers[number] for number in range(len(items))]


def _answer(result: Any) -> Answer:
    told = result.exception_info or {}
    infos = [told] if "raised_exception" in told else list(told.values())
    if any(info.get("raised_exception") for info in infos):
        return REFUSED
    found = result.result
    observed = found.get("observed_value")
    is_number = isinstance(observed, int | float) and not isinstance(observed, bool)
    elements, unexpected = found.get("element_count"), found.get("unexpected_count")
    missing = found.get("missing_count", 0) if elements is not None else None
    if elements == 0:
        unexpected = unexpected or 0  # of no rows it says None for some expectations, 0 for others
    return Answer(
        bool(result.success),
        elements,
        missing,
        unexpected,
        found.get("unexpected_percent"),
        float(observed) if is_number else None,
    )


def differs(ours: Answer, theirs: Answer) -> bool:
    """Whether two answers differ; percents and observed numbers by more than the last digits of a double."""
    if (ours.success, ours.elements, ours.missing, ours.unexpected) != (
        theirs.success,
        theirs.elements,
        theirs.missing,
        theirs.unexpected,
    ):
        return True
    return not (
        _same(ours.percent, theirs.percent) and (theirs.observed is None or _same(ours.observed, theirs.observed))
    )


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is None and other is None
    return one == other or (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=1e-9)
