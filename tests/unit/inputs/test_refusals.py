"""What ends a pass over text files, as Spark says it and as a person is told."""

from __future__ import annotations

import json

from pipelines.inputs.refusals import refused_by

FAILED = (
    ": org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file "
    "file:///in/b.csv.  SQLSTATE: KD001\n"
)
HEADER = f"""An error occurred while calling o134.collectToPython.
{FAILED}Caused by: org.apache.spark.SparkIllegalArgumentException: CSV header does not conform to the schema.
 Header: id, zop, v
 Schema: id, zip, v
Expected: zip but found: zop
"""
QUOTES = f"""{FAILED}Caused by: com.univocity.parsers.common.TextParsingException: \
Unexpected character 'p' following quoted value of CSV field.
Internal state when error was thrown: line=2, content parsed=secret
"""


def test_another_header_is_told_with_both() -> None:
    error = refused_by(RuntimeError(HEADER))
    assert error is not None
    assert error.problem == "file:///in/b.csv has another header than the first file of its source"
    assert (error.expected, error.found) == ("id, zip, v", "id, zop, v")


def test_quotes_that_go_on_are_told_without_a_value() -> None:
    error = refused_by(RuntimeError(QUOTES))
    assert error is not None
    assert "file:///in/b.csv has a quoted value that goes on" in error.problem
    assert "secret" not in str(error)
    assert "escape" in (error.remedy or "")


def test_an_error_of_the_projects_own_comes_through_as_it_was_raised() -> None:
    told = ["source 's': the date in 'day' cannot be read", 'as "dd.MM.yyyy"', "mend it"]
    text = f"[USER_RAISED_EXCEPTION] lakescore refuses: {json.dumps(told)} SQLSTATE: P0001"
    error = refused_by(RuntimeError(text))
    assert error is not None
    assert [error.problem, error.expected, error.remedy] == told


def test_other_errors_are_left_to_others() -> None:
    assert refused_by(RuntimeError("[DIVIDE_BY_ZERO] Division by zero.")) is None
