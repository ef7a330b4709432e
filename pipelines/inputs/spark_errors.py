"""What Spark's errors mean, in the project's words: one place for every use case that reads rows.

Source of the conditions' names: Spark's error-conditions.json.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException, PythonException

from pipelines.config import Pipeline
from pipelines.errors import (
    CAUSED_BY,
    NO_SPACE,
    ComputationError,
    ConfigurationError,
    PipelineError,
    SourceError,
    root_cause,
)
from pipelines.inputs.refusals import refused_by

SparkError: TypeAlias = PySparkException | Py4JJavaError
UNREADABLE = re.compile(r"\[FAILED_READ_FILE(?P<condition>[^\]]*)\] (?P<reason>[^\n]*)")
"""Spark's message about a data file that is missing, cut off, no Parquet, or of another type."""
ANOTHER_TYPE = ".PARQUET_COLUMN_DATA_TYPE_MISMATCH"
VALUES = frozenset(
    {
        "ARITHMETIC_OVERFLOW",
        "BINARY_ARITHMETIC_OVERFLOW",
        "CANNOT_DECODE_URL",
        "CANNOT_PARSE_DECIMAL",
        "CANNOT_PARSE_INTERVAL",
        "CANNOT_PARSE_JSON_FIELD",
        "CANNOT_PARSE_TIME",
        "CANNOT_PARSE_TIMESTAMP",
        "CAST_INVALID_INPUT",
        "CAST_OVERFLOW",
        "COLLECTION_SIZE_LIMIT_EXCEEDED",
        "COMPARATOR_RETURNS_NULL",
        "CONVERSION_INVALID_INPUT",
        "DATETIME_FIELD_OUT_OF_BOUNDS",
        "DATETIME_OVERFLOW",
        "DIVIDE_BY_ZERO",
        "DUPLICATED_MAP_KEY",
        "FAILED_ROW_TO_JSON",
        "ILLEGAL_DAY_OF_WEEK",
        "INCONSISTENT_BEHAVIOR_CROSS_VERSION",
        "INTERVAL_ARITHMETIC_OVERFLOW",
        "INTERVAL_DIVIDED_BY_ZERO",
        "INVALID_ARRAY_INDEX",
        "INVALID_ARRAY_INDEX_IN_ELEMENT_AT",
        "INVALID_BITMAP_POSITION",
        "INVALID_FRACTION_OF_SECOND",
        "INVALID_INDEX_OF_ZERO",
        "INVALID_INTERVAL_FORMAT",
        "INVALID_INTERVAL_WITH_MICROSECONDS_ADDITION",
        "INVALID_REGEXP_REPLACE",
        "INVALID_TIMEZONE",
        "INVALID_URL",
        "INVALID_UTF8_STRING",
        "INVALID_VARIANT_CAST",
        "MALFORMED_CHARACTER_CODING",
        "MALFORMED_RECORD_IN_PARSING",
        "MALFORMED_VARIANT",
        "NULL_MAP_KEY",
        "NUMERIC_OUT_OF_SUPPORTED_RANGE",
        "NUMERIC_VALUE_OUT_OF_RANGE",
        "REMAINDER_BY_ZERO",
        "STRUCT_ARRAY_LENGTH_MISMATCH",
        "USER_RAISED_EXCEPTION",
        "VARIANT_CONSTRUCTOR_SIZE_LIMIT",
        "VARIANT_DUPLICATE_KEY",
        "VARIANT_SIZE_LIMIT",
    }
)
"""Conditions that the values of a single row cause."""
_CONDITION = re.compile(r"\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]")


@contextmanager
def translated(means: Callable[[SparkError], PipelineError | None]) -> Iterator[None]:
    """Raise Spark's errors in the project's words; an error of unknown meaning is raised as it is.

    Args:
        means: gives an error's meaning, or None.

    Raises:
        PipelineError: the meaning; Spark's error is its cause.
    """
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        known = means(error)
        if known is None:
            raise
        raise known from error


def reading(pipeline: Pipeline) -> Callable[[SparkError], PipelineError | None]:
    """The meaning of errors while a pipeline's rows are read; values are shown if no column is personal."""
    return lambda error: meaning(error, tells_values=not pipeline.personal)


def meaning(error: SparkError, *, tells_values: bool = False) -> PipelineError | None:
    """The meaning of an error that ended a job over rows; None where Spark names no condition of its own.

    Args:
        error: Spark's.
        tells_values: whether to show its text, which may quote the values of a row.
    """
    known = meaning_of_data(error, tells_values=tells_values)
    if known is not None or NO_SPACE in str(error) or isinstance(error, Py4JJavaError):
        return known
    if isinstance(error, PythonException):
        from pipelines.models.workers.failures import cause_of

        cause = cause_of(error)
        return ConfigurationError(
            "a Python function of the pipeline failed on a row",
            expected="functions that take every row",
            found=cause if tells_values else cause.partition(":")[0],
            remedy="mend the function that the features name, or the data",
        )
    return ComputationError(
        "Spark could not compute the rows",
        expected="a job that goes through all rows of the input",
        found=_found(error, tells_values=tells_values),
        remedy="look the condition up in Spark's list of error conditions; Spark's log has the whole message",
    )


def meaning_of_data(error: SparkError, *, tells_values: bool = False) -> SourceError | None:
    """The meaning of an error whose cause is a data file or a value; None for any other error."""
    if NO_SPACE in str(error):
        return None
    refused = refused_by(error)
    if refused is not None:
        return refused
    broken = UNREADABLE.search(str(error))
    if broken is not None and broken["condition"] == ANOTHER_TYPE:
        return SourceError(
            "a data file of the input has a column of another type than the others",
            expected="one type a column in all files",
            found=broken["reason"],
            remedy="write all files alike, each column with one type",
        )
    if broken is not None:
        return SourceError(
            "a data file of the input cannot be read",
            expected="the files that the table's log names, whole",
            found=broken["reason"],
            remedy="restore the file, or the table's last whole version",
        )
    if conditions_of(error).isdisjoint(VALUES):
        return None
    return SourceError(
        "a value of the slice cannot be computed with",
        expected="values that every feature and rule can take",
        found=_found(error, tells_values=tells_values),
        remedy="write try_cast and the like in the features' SQL, or mend the data",
    )


def conditions_of(error: SparkError) -> frozenset[str]:
    """The names of the error conditions in an error and its causes, without their subconditions.

    >>> sorted(conditions_of(PySparkException("[CAST_INVALID_INPUT] The value 'x' … SQLSTATE: 22018")))
    ['CAST_INVALID_INPUT']
    """
    own = error.getCondition() if isinstance(error, PySparkException) else None
    if own is not None:
        return frozenset({own.partition(".")[0]})
    lines = str(error).splitlines()
    heads = lines[:1] + [line for line in lines if line.startswith((": ", CAUSED_BY))]
    return frozenset(found[1].partition(".")[0] for line in heads if (found := _CONDITION.search(line)) is not None)


def first_line(error: Exception) -> str:
    """The first line of an error's text, without Spark's error class in front."""
    return re.sub(r"^\[[A-Z_.0-9]+\]\s*", "", (str(error).strip().splitlines() or [type(error).__name__])[0])


def _found(error: SparkError, *, tells_values: bool) -> str:
    """The error's text where it may be shown, else its condition; an analysis sees no row."""
    condition = error.getCondition() if isinstance(error, PySparkException) else None
    if not tells_values and not isinstance(error, AnalysisException):
        return condition or ", ".join(sorted(conditions_of(error))) or type(error).__name__
    text = root_cause(error) if isinstance(error, Py4JJavaError) else first_line(error)
    return text if condition is None or condition in VALUES else f"{condition}: {text}"
