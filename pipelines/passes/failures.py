"""Why a pass over the input ended, in the project's words: its workers, its model, a file, or a value."""

from __future__ import annotations

from pyspark.errors import PythonException
from pyspark.sql import DataFrame

from pipelines.config import Pipeline
from pipelines.errors import NO_SPACE, PipelineError
from pipelines.inputs import spark_errors
from pipelines.inputs.spark_errors import SparkError
from pipelines.models.registry import RegisteredModel
from pipelines.models.workers.failures import died, explained, unfit
from pipelines.models.workers.worker import Workers
from pipelines.resolution.preparation import Prepared


def meaning(error: SparkError, pipeline: Pipeline, prepared: Prepared, model: RegisteredModel) -> PipelineError | None:
    """Why a pass ended; None where Spark names no condition of its own."""
    if isinstance(error, PythonException) and NO_SPACE not in str(error):
        # The project's own Python raises nothing that ends a pass: rules do not raise, and readers of files raise only
        # what starts another pass. So it was the model.
        return explained(error, model.label, tells_values=prepared.tells_values(pipeline))
    return spark_errors.meaning(error, tells_values=set(prepared.columns_read).isdisjoint(pipeline.personal))


def cut_short(error: SparkError, model: RegisteredModel, workers: Workers, rows: DataFrame) -> PipelineError | None:
    """Why a pass ended whose workers could not start, or died; None for any other end."""
    return unfit(error) or died(error, model.label, workers, rows.sparkSession.sparkContext)
