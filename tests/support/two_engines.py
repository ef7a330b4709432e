"""One suite, judged twice: by the project's rules and gates, and by Great Expectations' own Spark engine."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dateutil import parser
from pyspark.errors import DateTimeException, NumberFormatException
from pyspark.sql import DataFrame, SparkSession

from pipelines.errors import ConfigurationError
from pipelines.validation.binding import bound
from pipelines.validation.compiling import compile_suite
from pipelines.validation.suite import Suite, parse_suite
from pipelines.validation.validating import validate
from pipelines.validation.verdict import CheckResult

Item = tuple[str, dict[str, Any]]
"""An expectation: its type without `expect_`, and its arguments."""


@dataclass(frozen=True)
class Answer:
    """What an engine says of an expectation; of a gate the counts are None.

    Args:
        success: None where the engine refuses to judge it.
        observed: of a gate, the number or the time that was judged.
    """

    success: bool | None
    elements: int | None = None
    missing: int | None = None
    unexpected: int | None = None
    percent: float | None = None
    observed: float | str | None = None


REFUSED = Answer(None)


def suite_of(items: Sequence[Item]) -> Suite:
    """The expectations with their positions as ids."""
    expectations = [
        {"type": full_name(kind), "kwargs": kwargs, "meta": {"check_id": str(number)}}
        for number, (kind, kwargs) in enumerate(items)
    ]
    return parse_suite(json.dumps({"name": "compared", "expectations": expectations}), "compared")


def full_name(kind: str) -> str:
    """The expectation's type as Great Expectations writes it; one of them has no prefix."""
    return kind if kind == "unexpected_rows_expectation" else f"expect_{kind}"


def by_the_project(frame: DataFrame, items: Sequence[Item]) -> list[Answer]:
    """All in one pass; should one of them be refused, or abort the pass, the halves apart."""
    try:
        return _judged(frame, items)
    except (ConfigurationError, NumberFormatException, DateTimeException):
        if len(items) == 1:
            return [REFUSED]
        middle = len(items) // 2
        return by_the_project(frame, items[:middle]) + by_the_project(frame, items[middle:])


def _judged(frame: DataFrame, items: Sequence[Item]) -> list[Answer]:
    checks = compile_suite(suite_of(items))
    assert not checks.foreign, [foreign.expectation.type for foreign in checks.foreign]
    results = {result.check_id: result for result in validate(frame, bound(checks, frame)).results}
    return [_our_answer(results[str(number)]) for number in range(len(items))]


def _our_answer(result: CheckResult) -> Answer:
    if result.kind == "gate":
        observed = result.found or None if result.observed is None else result.observed
        return Answer(result.success, unexpected=result.unexpected_count, observed=observed)
    elements, missing, unexpected = result.element_count, result.missing_count, result.unexpected_count
    judged = (elements or 0) - (missing or 0)
    percent = (unexpected or 0) / judged * 100 if judged else None
    return Answer(result.success, elements, missing, unexpected, percent)


def by_great_expectations(frame: DataFrame, items: Sequence[Item]) -> list[Answer]:
    """The same by the library's own engine, which answers what it can and tells of an exception for the rest."""
    import great_expectations as gx
    from great_expectations.compatibility.pydantic import ValidationError
    from great_expectations.expectations import registry

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_spark("frame", persist=False)
    batch = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("frame")
    expectations = []
    for number, (kind, kwargs) in enumerate(items):
        try:
            made = registry.get_expectation_impl(full_name(kind))(**kwargs, meta={"check_id": str(number)})
        except ValidationError:
            continue
        expectations.append(made)
    suite = gx.ExpectationSuite(name="compared", expectations=expectations)
    report = batch.get_batch(batch_parameters={"dataframe": frame}).validate(
        suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0}
    )
    answers = {int(result.expectation_config.meta["check_id"]): _their_answer(result) for result in report.results}
    return [answers.get(number, REFUSED) for number in range(len(items))]


def _their_answer(result: Any) -> Answer:
    told = result.exception_info or {}
    infos = [told] if "raised_exception" in told else list(told.values())
    if any(info.get("raised_exception") for info in infos):
        return REFUSED
    found = result.result
    elements, unexpected = found.get("element_count"), found.get("unexpected_count")
    missing = found.get("missing_count", 0) if elements is not None else None
    if elements == 0:
        unexpected = unexpected or 0  # of no rows it says None for some expectations, 0 for others
    observed = _plain(found.get("observed_value"))
    return Answer(bool(result.success), elements, missing, unexpected, found.get("unexpected_percent"), observed)


def _plain(observed: Any) -> float | str | None:
    if isinstance(observed, dt.date):
        return observed.isoformat()
    is_number = isinstance(observed, int | float) and not isinstance(observed, bool)
    return float(observed) if is_number else None


ADDED = frozenset({"column_sum_to_be_between", "column_mean_to_be_between"})
"""Expectations on sums of doubles."""


def differs(ours: Answer, theirs: Answer, rounding: float = 0.0) -> bool:
    """Whether two answers differ; percents and observed numbers by more than the last digits of a double.

    Great Expectations does not tell what it observed of every gate, and of a time at times the day only.
    """
    if (ours.success, ours.elements, ours.missing, ours.unexpected) != (
        theirs.success,
        theirs.elements,
        theirs.missing,
        theirs.unexpected,
    ):
        return True
    if isinstance(theirs.observed, str):
        return parser.parse(str(ours.observed)).date().isoformat() != theirs.observed[:10]
    return not (
        _same(ours.percent, theirs.percent)
        and (theirs.observed is None or _same(ours.observed, theirs.observed, rounding))
    )


def _same(one: float | str | None, other: float | None, rounding: float = 0.0) -> bool:
    if one is None or other is None or isinstance(one, str):
        return one is None and other is None
    return (
        one == other
        or (math.isnan(one) and math.isnan(other))
        or math.isclose(one, other, rel_tol=1e-9, abs_tol=rounding)
    )


@dataclass(frozen=True)
class Compared:
    """What both engines say of some expectations."""

    items: tuple[Item, ...]
    ours: tuple[Answer, ...]
    theirs: tuple[Answer, ...]
    rounding: float = 0.0

    @property
    def differences(self) -> list[tuple[Item, Answer, Answer]]:
        rows = zip(self.items, self.ours, self.theirs, strict=True)
        return [(item, ours, theirs) for item, ours, theirs in rows if differs(ours, theirs, self._rounding_of(item))]

    def _rounding_of(self, item: Item) -> float:
        """Only sums of the column of huge whole numbers are rounded that much."""
        kind, arguments = item
        return self.rounding if kind in ADDED and arguments.get("column") == "j" else 0.0

    @property
    def judged(self) -> int:
        """The expectations that both engines judge, neither refusing."""
        return sum(answer is not REFUSED for answer in self.theirs)


def compare(frame: DataFrame, items: Sequence[Item], at_once: int = 80, rounding: float = 0.0) -> Compared:
    """Let both engines judge the frame; Spark's plans of very many expectations take longer than those of parts.

    Args:
        frame: the rows.
        items: the expectations.
        at_once: how many are judged together.
        rounding: by how much two sums of the same doubles may differ, as they may be added in another order.
    """
    parts = [items[start : start + at_once] for start in range(0, len(items), at_once)]
    ours = tuple(answer for part in parts for answer in by_the_project(frame, part))
    theirs = tuple(answer for part in parts for answer in by_great_expectations(frame, part))
    return Compared(tuple(items), ours, theirs, rounding)


@contextmanager
def without_compiling(spark: SparkSession) -> Iterator[None]:
    """Spark interprets its plans: to compile one takes longer than to run it over a few rows."""
    cheap = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
    cheap["spark.sql.adaptive.enabled"] = "false"
    before = {name: spark.conf.get(name) for name in cheap}
    for name, value in cheap.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, earlier in before.items():
            spark.conf.set(name, earlier or "")
