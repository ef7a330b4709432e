"""Starts Spark's Python workers before they are needed: they import for seconds, while the driver looks things up."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.pandas.functions import arrow_udf
from pyspark.sql.types import LongType

from pipelines.models.artifact import Artifact, is_skops
from pipelines.models.workers.daemon import IMPORTS

ALWAYS = ("pyarrow.compute", "pandas", "mlflow.pyfunc", "pipelines.models.workers.udf")
LIBRARIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mlflow.sklearn": ("sklearn", "mlflow.sklearn"),
        "mlflow.lightgbm": ("lightgbm", "mlflow.lightgbm"),
        "mlflow.xgboost": ("xgboost", "mlflow.xgboost"),
    }
)
"""What a worker imports to load a model, by the module that loads it. CatBoost and ONNX Runtime start threads."""


class _Started:
    """The applications whose workers were started."""

    lock: ClassVar = threading.Lock()
    applications: ClassVar[set[str]] = set()


def warm_up(spark: SparkSession, artifact: Artifact) -> None:
    """Let the daemon of this machine's workers start in the background, with the imports that a model needs.

    Once for each application, and only where driver and workers are one machine: elsewhere nothing says which executors
    will score. A job of one row does it; what goes wrong in it is reported by the job that scores.

    Args:
        spark: the session.
        artifact: the files of the model that will score.
    """
    context = spark.sparkContext
    with _Started.lock:
        if not str(context.master).startswith("local") or context.applicationId in _Started.applications:
            return
        _Started.applications.add(context.applicationId)
    names = [*ALWAYS, *LIBRARIES.get(artifact.loader_module, ())]
    if is_skops(artifact.loader_module, artifact.flavors):
        names.append("skops.io")
    context.environment[IMPORTS] = ",".join(names)
    threading.Thread(target=_start_worker, args=(spark,), name="warming", daemon=True).start()


def _start_worker(spark: SparkSession) -> None:
    try:
        spark.sparkContext.setJobDescription("starting Python workers")
        spark.range(1).select(arrow_udf(_same, LongType())("id")).collect()  # type: ignore[call-overload]
    except Exception:  # the session may end meanwhile, or workers be unfit: not this thread's to tell
        return


def _same(values: pa.Array) -> pa.Array:
    return values
