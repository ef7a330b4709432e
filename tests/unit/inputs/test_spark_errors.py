"""Spark's errors are told as a value's, a file's or a function's only where Spark says so."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pyspark
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException, PySparkException, PythonException, SparkRuntimeException

from pipelines.errors import ComputationError, ConfigurationError, PipelineError, SourceError
from pipelines.inputs.spark_errors import VALUES, conditions_of, meaning, meaning_of_data, translated
from unit.samples import pipeline

CAST = "[CAST_INVALID_INPUT] The value 'of a person' of the type \"STRING\" cannot be cast. SQLSTATE: 22018\n== SQL =="
GONE = "[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file file:/in/a.parquet. File does not exist."


class ThrownError(Py4JJavaError):  # type: ignore[misc]  # Py4J has no types
    """An exception of Java's, without a Java."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


def java(*causes: str) -> ThrownError:
    return ThrownError(
        "An error occurred while calling o1.save.\n: " + "\n\tat a.B(C.java:1)\nCaused by: ".join(causes)
    )


def test_a_condition_of_the_list_is_a_values() -> None:
    for error in (SparkRuntimeException(CAST), java("org.apache.spark.SparkException: Job aborted", f"x.Y: {CAST}")):
        found = meaning(error, tells_values=True)
        assert isinstance(found, SourceError)
        assert found.problem == "a value of the slice cannot be computed with"
        assert "of a person" in str(found)
        assert "try_cast" in str(found)


def test_values_are_told_only_to_who_may_see_them() -> None:
    for error in (SparkRuntimeException(CAST), java(f"x.Y: {CAST}")):
        found = meaning(error)
        assert found is not None
        assert found.found == "CAST_INVALID_INPUT"
        assert "of a person" not in str(found)


@pytest.mark.parametrize(
    "error",
    [
        IllegalArgumentException("requirement failed: Cannot work with a non-pinned table snapshot"),
        PySparkException("[DELTA_SCHEMA_CHANGE_SINCE_ANALYSIS] The schema of your table has changed"),
        PySparkException('[INTERNAL_ERROR] The "collect" action failed with an internal error'),
        PySparkException("[UNSUPPORTED_FEATURE.X] no such feature, as [CAST_INVALID_INPUT] tells"),
        PySparkException("no word"),
    ],
    ids=["requirement", "Delta", "internal", "unsupported", "nothing"],
)
def test_any_other_error_of_spark_is_told_without_a_reason_that_is_not_known(error: PySparkException) -> None:
    found = meaning(error, tells_values=True)
    assert isinstance(found, ComputationError)
    assert "value" not in found.problem
    assert str(error).partition("] ")[2][:20] in str(found)
    assert "try_cast" not in str(found)
    hidden = meaning(error)
    assert hidden is not None
    assert hidden.found in ({*conditions_of(error)} or {type(error).__name__})


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_file_that_is_gone_is_named(wrapped: bool) -> None:
    error = java("org.apache.spark.SparkException: Exception thrown in awaitResult: ", f"x.Y: {GONE}")
    found = meaning(error if wrapped else PySparkException(GONE))
    assert isinstance(found, SourceError)
    assert found.problem == "a data file of the input cannot be read"
    assert "file:/in/a.parquet" in str(found)


def test_a_file_with_another_type_is_told_with_its_column() -> None:
    told = "[FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH] Data type mismatches when reading Parquet column [t]."
    found = meaning(java(f"x.Y: {told}"))
    assert found is not None
    assert "column of another type" in found.problem
    assert "[t]" in str(found)


def test_a_file_that_is_gone_is_no_value_even_where_a_value_is_named_below_it() -> None:
    found = meaning_of_data(java(f"x.Y: {GONE}", f"x.Y: {CAST}"))
    assert found is not None
    assert found.problem == "a data file of the input cannot be read"


def test_what_java_throws_for_other_reasons_stays_as_it_is() -> None:
    error = java("java.lang.OutOfMemoryError: Java heap space")
    assert meaning(error) is None
    with pytest.raises(ThrownError), translated(meaning):
        raise error


def test_a_full_disk_is_neither_a_values_nor_a_files() -> None:
    assert meaning(java(f"x.Y: {GONE}", "java.io.IOException: No space left on device")) is None


def test_a_python_function_is_told_without_values_unless_they_may_be_seen() -> None:
    error = PythonException("Traceback (most recent call last):\n  File x\nValueError: 'of a person' is no number\n")
    found, shown = meaning(error), meaning(error, tells_values=True)
    assert isinstance(found, ConfigurationError)
    assert found.found == "ValueError"
    assert shown is not None
    assert "of a person" in str(shown)


def test_the_error_of_spark_stays_the_cause() -> None:
    error = SparkRuntimeException(CAST)
    with pytest.raises(SourceError) as caught, translated(meaning):
        raise error
    assert caught.value.__cause__ is error
    with pytest.raises(PipelineError, match="ours"), translated(meaning):
        raise PipelineError("ours")


def test_every_condition_of_the_list_is_one_of_sparks_about_data() -> None:
    (jar,) = Path(pyspark.__file__).parent.glob("jars/spark-common-utils_*.jar")
    known = json.loads(zipfile.ZipFile(jar).read("error/error-conditions.json"))
    assert known.keys() >= VALUES
    states = {name: known[name]["sqlState"] for name in VALUES}
    others = {name: state for name, state in states.items() if not state.startswith("22")}
    assert others == {
        "COLLECTION_SIZE_LIMIT_EXCEEDED": "54000",
        "DUPLICATED_MAP_KEY": "23505",
        "INCONSISTENT_BEHAVIOR_CROSS_VERSION": "42K0B",
        "USER_RAISED_EXCEPTION": "P0001",
    }


def test_a_pipeline_with_personal_columns_shows_no_values() -> None:
    from pipelines.inputs.spark_errors import reading

    error = SparkRuntimeException(CAST)
    assert "of a person" in str(reading(pipeline())(error))
    assert "of a person" not in str(reading(pipeline(personal=["age"]))(error))
