"""Holds a compiled suite against the types of the columns that it speaks of, before any row is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import types as T

from pipelines.errors import ConfigurationError
from pipelines.expressions.rendering import is_broken, is_judged
from pipelines.expressions.rules import Between, InSet, Matches, Parses, Rule, SumEquals, ZScoreBelow
from pipelines.validation.aggregates import in_pass
from pipelines.validation.compiling import Checks

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
    if wrong:
        raise ConfigurationError(
            "expectations do not fit the types of their columns",
            expected="; ".join(expected for expected, _ in wrong),
            found="; ".join(dict.fromkeys(found for _, found in wrong)),
            remedy="correct the suite, or cast the columns in the pipeline's query",
        )
    completed = replace(checks, rules=tuple(_completed(rule, schema) for rule in checks.rules))
    _require_computable(completed, frame)
    return completed


def _completed(rule: Rule, schema: T.StructType) -> Rule:
    if not isinstance(rule.check, SumEquals):
        return rule
    whole = tuple(name for name in rule.check.columns if isinstance(schema[name].dataType, WHOLE))
    return replace(rule, check=replace(rule.check, whole=whole))


def _of_rule(rule: Rule, schema: T.StructType) -> Iterator[tuple[str, str]]:
    match rule.check:
        case Between(column=name, length=False, minimum=low, maximum=high):
            if any(_is_number(one) for one in (low, high)) and isinstance(schema[name].dataType, T.StringType):
                yield _problem(rule.id, name, schema, "numbers")
        case InSet(column=name, values=values):
            if any(_is_number(one) for one in values) and isinstance(schema[name].dataType, T.StringType):
                yield _problem(rule.id, name, schema, "numbers, or a set of texts")
        case Parses(column=name) if not isinstance(schema[name].dataType, T.StringType):
            yield _problem(rule.id, name, schema, "texts")
        case ZScoreBelow(column=name) if not isinstance(schema[name].dataType, T.NumericType):
            yield _problem(rule.id, name, schema, "numbers")
        case SumEquals(columns=names):
            for name in names:
                if not isinstance(schema[name].dataType, T.NumericType):
                    yield _problem(rule.id, name, schema, "numbers")


def _problem(check_id: str, column: str, schema: T.StructType, wanted: str) -> tuple[str, str]:
    return f"check '{check_id}' needs {wanted} in {column}", f"{column} {schema[column].dataType.simpleString()}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require_computable(checks: Checks, frame: DataFrame) -> None:
    """Let Spark analyze every check, and Java every pattern: what they refuse is told with the check's id."""
    for rule in checks.all_rules:
        for pattern in rule.check.patterns if isinstance(rule.check, Matches) else ():
            _require_pattern(frame.sparkSession, rule.id, pattern)
    judged: dict[str, list[Column]] = {rule.id: [is_broken(rule)] for rule in checks.rules}
    judged |= {rule.id: [is_judged(rule)] for rule in checks.stage_rules}
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
    except Py4JJavaError as error:
        raise ConfigurationError(
            f"check '{check_id}': no regular expression",
            expected="a pattern in Java's syntax",
            found=f"{pattern!r}: {error.java_exception.getDescription()}",
        ) from error
