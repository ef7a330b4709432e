"""Suggests a suite from a reference period; each expectation carries its evidence."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import types as T

from pipelines.config import Project
from pipelines.errors import SourceError
from pipelines.inputs.spark_errors import reading, translated
from pipelines.quality.profiling import TAIL, ColumnProfile, Profile, profile_period
from pipelines.resolution.definition import define
from pipelines.validation.suite import parse_suite

SLACK = 0.5
"""How far a suggested range reaches beyond the quantiles, as a share of their distance."""
FEW_NUMBERS = 12
"""A whole number with no more distinct values is held to them; with more, to a range."""
FEW_TEXTS = 12
"""A text with no more distinct values, all of them seen in both halves of the period, must be one of them."""
MANY_EACH = 10
"""A set is suggested only where a value is seen this often on average: fewer would not show that it is complete."""

_OUTCOMES = ("label", "target", "outcome", "actual", "ground_?truth", "y", "y_true", "response")

Expectation = Mapping[str, Any]


def suggest(spark: SparkSession, project: Project, name: str, first: dt.date, last: dt.date) -> Mapping[str, Any]:
    """A suite that the rows of a period satisfy but for outliers, as Great Expectations writes one.

    Args:
        spark: the session.
        project: the configuration.
        name: the pipeline's.
        first: the first score date.
        last: the last score date.

    Raises:
        SourceError: the period has no rows.
        PipelineError: a source cannot be read.
    """
    definition = define(project, name)
    pipeline = definition.pipeline
    with translated(reading(pipeline)):
        profile = profile_period(spark, project, definition, first, last)
    if not profile.rows:
        raise SourceError(f"there are no rows from {first} to {last}", remedy="take a period that has some")
    suite = {
        "name": name,
        "expectations": suggestions(profile, pipeline.key, pipeline.personal),
        "meta": {"suggested_from": f"{first} to {last}"},
    }
    parse_suite(json.dumps(suite), "the suggested suite")
    return suite


def suggestions(profile: Profile, key: Sequence[str], personal: Sequence[str]) -> list[Expectation]:
    """The expectations that a profile supports.

    Args:
        profile: of the reference period.
        key: the columns that identify a row.
        personal: columns of which no value may stand in a suite: only their types and nulls are held.
    """
    found = [_row_count(profile)]
    if profile.rows == profile.keys:
        found.append(_unique(profile, key))
    for name, column in profile.columns.items():
        if name in profile.taken or not is_outcome(name):
            found += _of_column(profile, name, column, is_personal=name in personal)
    return found


def is_outcome(name: str) -> bool:
    """Whether a column is named like what a model predicts: it is known only after the score date.

    >>> [is_outcome(name) for name in ("label", "was_target", "Actual", "labels_printed", "amount")]
    [True, True, True, False, False]
    """
    return re.search(rf"(^|[_ ])({'|'.join(_OUTCOMES)})$", name, re.IGNORECASE) is not None


def _of_column(profile: Profile, name: str, column: ColumnProfile, *, is_personal: bool) -> Iterator[Expectation]:
    kind = type(column.type).__name__
    yield _expectation(
        "column_values_to_be_of_type", f"{name}_type", {"column": name, "type_": kind}, "warning", profile
    )
    if column.nulls == profile.rows:
        return
    yield _nulls(profile, name, column)
    if is_personal or name in profile.dating:
        return
    if column.values is not None and _is_set(profile, column):
        values = sorted(column.values, key=str)
        counts = {str(value): column.values[value] for value in values}
        arguments = {"column": name, "value_set": values}
        # Numbers, and texts that come and go, may well be those of the period alone, as a month's are.
        is_held = name in profile.taken and column.is_stable and len(values) <= FEW_TEXTS
        severity = "critical" if is_held else "warning"
        yield _expectation(
            "column_values_to_be_in_set", f"{name}_is_known", arguments, severity, profile, counts=counts
        )
    elif column.quantiles and column.least is not None and column.greatest is not None:
        yield _range(profile, name, column, column.least, column.greatest)


def _is_set(profile: Profile, column: ColumnProfile) -> bool:
    values = column.values or {}
    is_number = isinstance(column.type, T.NumericType)
    often = (profile.rows - column.nulls) >= MANY_EACH * len(values)
    return often and (not is_number or len(values) <= FEW_NUMBERS)


def _nulls(profile: Profile, name: str, column: ColumnProfile) -> Expectation:
    arguments: dict[str, Any] = {"column": name}
    share = column.nulls / profile.rows
    if column.nulls:
        # Twice the share of nulls that was seen, and a hundredth at least, still passes.
        arguments["mostly"] = math.floor(max(0.0, 1 - max(2 * share, share + 0.01)) * 1000) / 1000
    severity = "critical" if name in profile.taken and not column.nulls else "warning"
    return _expectation(
        "column_values_to_not_be_null", f"{name}_is_given", arguments, severity, profile, nulls=column.nulls
    )


def _range(profile: Profile, name: str, column: ColumnProfile, least: float, greatest: float) -> Expectation:
    low, _, high = column.quantiles
    reach = SLACK * (high - low)
    is_whole = isinstance(column.type, T.IntegralType)
    # What counts, or begins at 0, does not become negative.
    never_negative = least == 0 or (least > 0 and is_whole)
    floor = _rounded(max(low - reach, 0.0) if never_negative else low - reach, is_whole=is_whole, up=False)
    ceiling = _rounded(high + reach, is_whole=is_whole, up=True)
    seen = dict(zip((str(TAIL), "0.5", str(1 - TAIL)), column.quantiles, strict=True))
    arguments = {"column": name, "min_value": floor, "max_value": ceiling}
    return _expectation(
        "column_values_to_be_between",
        f"{name}_in_range",
        arguments,
        "warning",
        profile,
        least=least,
        greatest=greatest,
        quantiles=seen,
    )


def _rounded(value: float, *, is_whole: bool, up: bool) -> float:
    """The value to four digits, away from the range that it bounds."""
    towards = math.ceil if up else math.floor
    if is_whole or value == 0:
        return towards(value)
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 3)
    return float(f"{towards(value / step) * step:.4g}")


def _unique(profile: Profile, key: Sequence[str]) -> Expectation:
    if len(key) == 1:
        kind, arguments = "column_values_to_be_unique", {"column": key[0]}
    else:
        kind, arguments = "compound_columns_to_be_unique", {"column_list": list(key)}  # type: ignore[dict-item]
    return _expectation(kind, "key_is_unique", arguments, "critical", profile, keys=profile.keys)


def _row_count(profile: Profile) -> Expectation:
    counts = list(profile.rows_by_day.values())
    arguments = {"min_value": math.floor(min(counts) * (1 - SLACK)), "max_value": math.ceil(max(counts) * (1 + SLACK))}
    evidence = {"days": len(counts), "least": min(counts), "median": median(counts), "most": max(counts)}
    return _expectation(
        "table_row_count_to_be_between", "rows_as_usual", arguments, "critical", profile, rows_a_day=evidence
    )


def _expectation(
    kind: str, check_id: str, kwargs: Mapping[str, Any], severity: str, profile: Profile, **evidence: Any
) -> Expectation:
    seen = {"from": profile.first.isoformat(), "to": profile.last.isoformat(), "rows": profile.rows, **evidence}
    return {
        "type": f"expect_{kind}",
        "kwargs": kwargs,
        "meta": {"check_id": check_id, "evidence": seen},
        "severity": severity,
    }
