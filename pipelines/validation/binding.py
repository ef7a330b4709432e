"""Holds a compiled suite against the types of the columns that it speaks of, before any row is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pyspark.errors import AnalysisException, IllegalArgumentException, ParseException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import types as T

from pipelines.errors import ConfigurationError
from pipelines.expressions.rendering import is_broken, is_judged
from pipelines.expressions.rules import Between, InSet, Matches, Parses, Rule, Scalar, SumEquals, ZScoreBelow
from pipelines.validation.aggregates import in_pass, is_in_set, value_of
from pipelines.validation.compiling import Checks
from pipelines.validation.gates import Bounds, Gate

_SAMPLES: tuple[tuple[tuple[type[T.DataType], ...], Any], ...] = (
    ((T.NumericType,), 1),
    ((T.TimestampType, T.TimestampNTZType), dt.datetime(2000, 1, 1)),
    ((T.DateType,), dt.date(2000, 1, 1)),
    ((T.StringType,), "2000-01-01"),
    ((T.BooleanType,), True),
)
"""A value of each type that has an order."""
WHOLE = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
NUMBERS_ONLY = ("mean", "stdev", "sum", "median", "quantiles")


def bound(checks: Checks, frame: DataFrame) -> Checks:
    """The checks, completed by what only the types tell; no row is read.

    Args:
        checks: a compiled suite, whose columns are all there.
        frame: the rows that it judges.

    Raises:
        ConfigurationError: with every check that cannot be computed of its columns, or whose pattern is none.
    """
    schema = frame.schema
    wrong = [problem for rule in checks.all_rules for problem in _of_rule(rule, schema)]
    wrong += [
        _problem(gate.id, gate.aggregate.column, schema, "numbers")
        for gate in checks.gates
        if gate.aggregate.column is not None and gate.aggregate.function in NUMBERS_ONLY
        if not isinstance(schema[gate.aggregate.column].dataType, T.NumericType)
    ]
    wrong += [
        problem
        for gate in checks.stage_gates
        if gate.aggregate.column is not None
        for problem in _of_set(gate.id, gate.aggregate.column, gate.aggregate.values, schema)
    ]
    wrong += [problem for gate in checks.gates for problem in _of_bounds(gate, schema)]
    if wrong:
        raise ConfigurationError(
            "expectations do not fit the types of their columns",
            expected="; ".join(expected for expected, _ in wrong),
            found="; ".join(dict.fromkeys(found for _, found in wrong)),
            remedy="correct the suite, or cast the columns in the pipeline's query",
        )
    completed = replace(
        checks,
        rules=tuple(_completed(rule, schema) for rule in checks.rules),
        gates=tuple(_of_times(gate, schema) for gate in checks.gates),
    )
    _require_computable(completed, frame)
    return completed


def _completed(rule: Rule, schema: T.StructType) -> Rule:
    if not isinstance(rule.check, SumEquals):
        return rule
    whole = tuple(name for name in rule.check.columns if isinstance(schema[name].dataType, WHOLE))
    return replace(rule, check=replace(rule.check, whole=whole))


def _of_bounds(gate: Gate, schema: T.StructType) -> Iterator[tuple[str, str]]:
    """Whether the least or greatest value of a column's type can be held against a gate's bounds at all."""
    name = gate.aggregate.column
    if name is None or gate.aggregate.function not in ("min", "max") or not isinstance(gate.test, Bounds):
        return
    kind = schema[name].dataType
    sample = next((value for types, value in _SAMPLES if isinstance(kind, types)), None)
    try:
        if sample is None:
            raise TypeError("no values that have an order")
        gate.test.hold(sample)
    except (TypeError, ValueError, OverflowError):
        yield _problem(gate.id, name, schema, f"values that can be compared with {gate.test.expected()}")


def _of_times(gate: Gate, schema: T.StructType) -> Gate:
    name = gate.aggregate.column
    if name is None or gate.aggregate.function not in ("min", "max"):
        return gate
    return replace(gate, aggregate=replace(gate.aggregate, of_times=isinstance(schema[name].dataType, T.TimestampType)))


def _of_rule(rule: Rule, schema: T.StructType) -> Iterator[tuple[str, str]]:
    match rule.check:
        case Between(column=name, length=False, minimum=low, maximum=high):
            if isinstance(schema[name].dataType, T.StringType):
                are_numbers = any(_is_number(one) for one in (low, high))
                yield _problem(rule.id, name, schema, "numbers" if are_numbers else "dates or timestamps")
        case InSet(column=name, values=values):
            yield from _of_set(rule.id, name, values, schema)
        case Parses(column=name) if not isinstance(schema[name].dataType, T.StringType):
            yield _problem(rule.id, name, schema, "texts")
        case ZScoreBelow(column=name) if not isinstance(schema[name].dataType, T.NumericType):
            yield _problem(rule.id, name, schema, "numbers")
        case SumEquals(columns=names):
            for name in names:
                if not isinstance(schema[name].dataType, T.NumericType):
                    yield _problem(rule.id, name, schema, "numbers")


def _of_set(
    check_id: str, name: str, values: Sequence[Scalar | None], schema: T.StructType
) -> Iterator[tuple[str, str]]:
    """What Spark would cast, and abort the pass where it cannot."""
    kind = schema[name].dataType
    if isinstance(kind, T.StringType) and any(_is_number(one) for one in values):
        yield _problem(check_id, name, schema, "numbers, or a set of texts")
    if isinstance(kind, T.NumericType) and not all(_reads_as_number(one) for one in values if isinstance(one, str)):
        yield _problem(check_id, name, schema, "texts, or a set of numbers")


def _problem(check_id: str, column: str, schema: T.StructType, wanted: str) -> tuple[str, str]:
    return f"check '{check_id}' needs {wanted} in {column}", f"{column} {schema[column].dataType.simpleString()}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _require_computable(checks: Checks, frame: DataFrame) -> None:
    """Let Spark analyze every check, and Java every pattern: what they refuse is reported with the check's id."""
    for rule in checks.all_rules:
        for pattern in rule.check.patterns if isinstance(rule.check, Matches) else ():
            _require_pattern(frame.sparkSession, rule.id, pattern)
    judged: dict[str, list[Column]] = {rule.id: [is_broken(rule)] for rule in checks.rules}
    judged |= {rule.id: [is_judged(rule)] for rule in checks.stage_rules}
    for gate in checks.stage_gates:
        value = value_of(gate.aggregate)
        judged[gate.id] = [value, is_in_set(gate.aggregate, value)]
    aggregated = {gate.id: [in_pass(gate.aggregate)] for gate in checks.pass_gates}
    for columns in (judged, aggregated):
        if _refusal(frame, [column for several in columns.values() for column in several]) is None:
            continue
        problems = {check_id: _refusal(frame, several) for check_id, several in columns.items()}
        found = {check_id: problem for check_id, problem in problems.items() if problem is not None}
        raise ConfigurationError(
            f"{'a check' if len(found) == 1 else 'checks'} cannot be computed of the columns: {', '.join(found)}",
            expected="values that the columns' types can be compared with",
            found="; ".join(found.values()),
            remedy="correct the suite",
        )


def _refusal(frame: DataFrame, columns: list[Column]) -> str | None:
    try:
        frame.select(*columns)
    except (AnalysisException, ParseException) as error:
        return str(error).strip().splitlines()[0]
    return None


def _require_pattern(spark: SparkSession, check_id: str, pattern: str) -> None:
    jvm = spark._jvm
    assert jvm is not None  # noqa: S101 - a classic session has one
    try:
        jvm.java.util.regex.Pattern.compile(pattern)
    except IllegalArgumentException as error:
        raise ConfigurationError(
            f"check '{check_id}': no regular expression",
            expected="a pattern in Java's syntax",
            found=f"{pattern!r}: {str(error).splitlines()[0]}",
        ) from error
