"""What it means when a job ends in a worker: as a ModelError, without a traceback."""

from __future__ import annotations

import re
from contextlib import suppress

from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.errors import PySparkException, PythonException

from pipelines.errors import ModelError, SetupError
from pipelines.models.predictors.isolated import OUTPUT_MARK, IsolationError
from pipelines.models.predictors.outputs import AlignmentError, OutputError
from pipelines.models.workers.batch_trace import DeadlyBatchError, left_on_executors
from pipelines.models.workers.file_reader import FileRowsError
from pipelines.models.workers.proofs import NativePredictorError
from pipelines.models.workers.worker import ChangedModelError, Workers

UNFIT = re.compile(
    r"""(Cannot run program "[^"]+")|\[PYTHON_VERSION_MISMATCH\] ([^\n]*)|\[PACKAGE_NOT_INSTALLED\] ([^\n]*)"""
    r"""|(No module named '(?:pipelines|pyspark|mlflow|numpy|pandas|pyarrow)')"""
)
"""What Spark and Python say of workers that cannot work, whatever the model."""


def unfit(error: Exception) -> SetupError | None:
    """What to say of workers whose Python is missing, another one than the driver's, or lacks packages.

    Args:
        error: Spark's.
    """
    text = cause_of(error) if isinstance(error, PythonException) else str(error)
    found = UNFIT.search(text)
    if found is None or IsolationError.__name__ in text:
        return None
    return SetupError(
        "the Python of the cluster's workers cannot score",
        expected="on every machine the driver's version of Python with the same packages, and this project",
        found=next(text for text in found.groups() if text),
        remedy="name it by PYSPARK_PYTHON or spark.pyspark.python, and send the project along by --py-files",
    )


def explained(error: PythonException, model: str, *, tells_values: bool) -> ModelError:
    """What a worker's exception means, without its traceback.

    Args:
        error: as Spark brought it from the worker.
        model: its name and version.
        tells_values: whether the exception's text may be shown: a model's own may quote the values of a row.
    """
    cause = cause_of(error)
    if AlignmentError.__name__ in cause:
        return ModelError(
            f"{model} cannot be trusted to give each row its own prediction",
            expected="for each row one result, which is the same whatever rows stand beside it and in whatever order",
            found=cause.partition(": ")[2],
            remedy="mend the model so that it treats each row by itself and keeps their order; nothing was published",
        )
    if DeadlyBatchError.__name__ in cause:
        return _death(model, f"workers died repeatedly at one batch: {cause.partition(': ')[2]}")
    if ChangedModelError.__name__ in cause:
        return ModelError(
            f"the files of {model} changed on their way to a worker",
            expected="the files that were looked up, to the byte",
            found=cause.partition(": ")[2],
            remedy="remove the folder of cached models, and run again",
        )
    if IsolationError.__name__ in cause:
        reason, _, output = cause.partition(": ")[2].partition(OUTPUT_MARK)
        return ModelError(
            f"the process of {model} gave no predictions",
            expected="an answer for every batch",
            found=f"{reason}; its last output: {output}" if output and tells_values else reason,
            remedy="mend the model, give it more time (model.batch_timeout_seconds), or smaller batches "
            "(spark.sql.execution.arrow.maxRecordsPerBatch)",
        )
    return ModelError(
        f"{model} failed while it scored",
        expected="a prediction for every clean row",
        found=cause if tells_values or OutputError.__name__ in cause else cause.partition(":")[0],
        remedy="mend the model, or its outputs in the configuration",
    )


def died(error: Exception, model: str, workers: Workers, context: SparkContext) -> ModelError | None:
    """What to say of a Python worker that died silently, if that is what ended the job.

    Args:
        error: Spark's.
        model: its name and version.
        workers: those of the pass.
        context: Spark's, whose executors may have the worker's trace.
    """
    if "Python worker exited unexpectedly" not in str(error):
        return None
    places: list[str] = []
    with suppress(PySparkException, Py4JError):  # executors may be gone too
        places = left_on_executors(context, workers.job)
    return _death(
        model, f"it was at one of: {'; '.join(places)}" if places else "no trace here: see the executor's log"
    )


def _death(model: str, found: str) -> ModelError:
    return ModelError(
        f"a Python worker died while {model} scored",
        expected="a worker that lives as long as its task",
        found=found,
        remedy="look for rows there that end the process, give executors more memory (spark.executor.memoryOverhead), "
        "or run the model apart: model.environment: isolate",
    )


def differs_natively(error: PythonException) -> str | None:
    """How the library's own predictor differed from pyfunc, if that is what ended the job."""
    cause = cause_of(error)
    return cause.partition(": ")[2] if NativePredictorError.__name__ in cause else None


def unreadable(error: PythonException) -> str | None:
    """Why a worker could not read columns by itself, if that is what ended the job."""
    cause = cause_of(error)
    return cause.partition(": ")[2] if FileRowsError.__name__ in cause else None


def cause_of(error: PythonException) -> str:
    """The last exception of a worker's traceback, as its class and text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if line.split(":")[0].split(".")[-1].endswith(("Error", "Exception"))]
    return named[-1] if named else lines[-1]
