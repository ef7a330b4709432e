"""The one pass over a slice: read, tag, score, and write every row aside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pyspark.errors import PythonException
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_type

from pipelines import schemas
from pipelines.config import Pipeline
from pipelines.expressions.names import column
from pipelines.expressions.reasons import as_json
from pipelines.inputs.reading import count_input, read_slice_with_positions
from pipelines.inputs.spark_errors import translated
from pipelines.inputs.text_files import without_unread
from pipelines.models.building import environment_python
from pipelines.models.failures import differs_natively, unreadable
from pipelines.models.files import FileColumns
from pipelines.models.isolated import Isolation
from pipelines.models.outputs import WantedOutput
from pipelines.models.registry import RegisteredModel
from pipelines.models.scoring import with_outputs
from pipelines.models.worker import Scoring
from pipelines.runs.definition import Definition
from pipelines.runs.file_columns import file_columns
from pipelines.runs.history import measures_of, numbers_of, subject
from pipelines.runs.pass_failures import cut_short, meaning
from pipelines.runs.preparation import Prepared, Resolved, with_features
from pipelines.tables.locking import RunLock
from pipelines.tables.stages import Stage, begin
from pipelines.transforms.staging import staged, tagged
from pipelines.validation.compiling import Checks
from pipelines.validation.engine import run_engine
from pipelines.validation.observing import Observed, measures, tallies
from pipelines.validation.stage import counted_for_stage, stage_values
from pipelines.validation.verdict import judge_pass


def write_stage(spark: SparkSession, resolved: Resolved, prepared: Prepared, lock: RunLock) -> Stage:
    """Every row of the slice, staged; what was observed on the way stands in the stage's marker.

    Raises:
        ModelError: the model failed on a batch, or gave it another number of results; no stage is left behind.
        SourceError: a feature or a rule cannot be computed of some value.
    """
    definition, manifest, checks = resolved.definition, resolved.manifest, prepared.checks
    pipeline = definition.pipeline
    stage = begin(resolved.layout.stages, manifest.run_id, manifest.as_json(), lock)
    try:
        with translated(lambda error: meaning(error, pipeline, prepared, resolved.model)):
            batch = without_unread(resolved.frame)
            engine_results = run_engine(batch, [foreign.expectation for foreign in checks.foreign], pipeline.personal)
            written = _write(resolved, prepared, stage)
            rows_input = count_input(spark, pipeline, resolved.sources, resolved.slice.score_date)
            rows = spark.read.schema(written.schema).parquet(stage.rows)
            metrics = {**written.measured, **tally(rows, checks)}
            observed = Observed(metrics, checks.rules, checks.stage_rules)
            suite = judge_pass(checks, observed, engine_results, batch.schema, pipeline.personal)
            stage.finish(
                {
                    "run_id": manifest.run_id,
                    "run_key": manifest.run_key,
                    "code_version": manifest.code_version,
                    "packages": manifest.packages,
                    "schema": written.schema.jsonValue(),
                    "rows_input": rows_input,
                    "suite": [result.as_json() for result in suite],
                    "stage_rules": counted_for_stage(checks, observed),
                    "history": {
                        name: {"subject": subject(pipeline.history[name]), "number": number}
                        for name, number in numbers_of(pipeline, metrics).items()
                    },
                    "staged_at": dt.datetime.now(dt.UTC).isoformat(),
                    "workers": written.workers,
                }
            )
    except BaseException:
        stage.discard()
        raise
    return stage


@dataclass(frozen=True)
class _Written:
    """What the one pass over the input told.

    Args:
        schema: the stage's.
        measured: what was measured of values on the way.
        workers: what the workers told, as plain values.
    """

    schema: T.StructType
    measured: dict[str, Any]
    workers: dict[str, Any]


@dataclass(frozen=True)
class _Way:
    """How a slice is scored: the quickest way, as long as no worker finds anything against it.

    Args:
        frame: the slice's rows; where workers read by themselves, each tells where it lies.
        files: what the workers read by themselves.
        uses_native: by the model's own library where there is a predictor for it.
    """

    frame: DataFrame
    files: FileColumns | None = None
    uses_native: bool = True


def _write(resolved: Resolved, prepared: Prepared, stage: Stage) -> _Written:
    """Write the stage the quickest way; what a worker finds against it is noted, and the whole slice scored without."""
    if resolved.definition.pipeline.model.environment == "isolate":
        # Workers build it too, each on its machine; what is wrong with it is told best from here.
        made_with = resolved.model.artifact
        environment_python(made_with.requirements, made_with.python_version, Path(resolved.environment.cache))
    way = _quickest(resolved, prepared)
    against: dict[str, str] = {}
    while True:
        try:
            written = _pass(resolved, prepared, stage, way)
        except PythonException as error:
            difference, unread = differs_natively(error), unreadable(error)
            if difference is not None and way.uses_native:
                way, against = replace(way, uses_native=False), {**against, "native_refused": difference}
            elif unread is not None and way.files is not None:
                way = replace(way, frame=resolved.frame, files=None)
                against = {**against, "files_refused": unread}
            else:
                raise
        else:
            return replace(written, workers={**written.workers, **against})


def _quickest(resolved: Resolved, prepared: Prepared) -> _Way:
    files = file_columns(resolved, prepared)
    if files is not None:
        spark, pipeline = resolved.frame.sparkSession, resolved.definition.pipeline
        frame = read_slice_with_positions(spark, pipeline, resolved.sources[0], resolved.slice.score_date)
        if frame is not None:
            return _Way(frame, files)
    return _Way(resolved.frame)


def _pass(resolved: Resolved, prepared: Prepared, stage: Stage, way: _Way) -> _Written:
    pipeline, checks, files = resolved.definition.pipeline, prepared.checks, way.files
    scoring = replace(
        scoring_of(pipeline, prepared, resolved.model, resolved.environment.cache), uses_native=way.uses_native
    )
    marked, measured = tag(way.frame, resolved.definition, prepared, with_places=files is not None)
    scored, workers = with_outputs(marked, scoring, prepared.types, prepared.output_types, files)
    read_by_workers = () if files is None else files.shown
    rows = staged(
        scored,
        key=pipeline.key,
        outputs=list(pipeline.outputs),
        rules=checks.rules,
        stage_rules=checks.stage_rules,
        columns_read=prepared.columns_read,
        personal=pipeline.personal,
        values=stage_values(checks, pipeline.personal),
        keep_all=checks.refuse_on_stage,
        read_by_workers=read_by_workers,
    )
    with translated(lambda error: cut_short(error, resolved.model, workers, rows)):
        rows.write.mode("overwrite").parquet(stage.rows)
    return _Written(rows.schema, measured(), {**workers.as_json(), "columns_read": len(read_by_workers)})


def scoring_of(pipeline: Pipeline, prepared: Prepared, model: RegisteredModel, cache: str) -> Scoring:
    """What the workers have to know of the model and of what is wanted of it."""
    types = {field.name: to_arrow_type(field.dataType) for field in prepared.output_types}
    wanted = [
        WantedOutput(name, output.result, types[name], output.of, output.column)
        for name, output in pipeline.outputs.items()
    ]
    return Scoring(
        model,
        tuple(wanted),
        parameters=pipeline.model.params,
        allowed_failures=pipeline.limits.model_raised_rows,
        tells_values=prepared.tells_values(pipeline),
        isolation=isolation_of(pipeline, cache) if pipeline.model.environment == "isolate" else None,
    )


def isolation_of(pipeline: Pipeline, cache: str) -> Isolation:
    """How a model is run in an environment of its own."""
    return Isolation(cache, pipeline.model.batch_timeout_seconds)


def tag(
    frame: DataFrame, definition: Definition, prepared: Prepared, *, with_places: bool = False
) -> tuple[DataFrame, Callable[[], dict[str, Any]]]:
    """The columns read, the features, and the bits of broken rules; and what was measured of values on the way.

    Only the write of the stage may be asked for it: below a shuffle, rows of a task that ran twice count twice.
    """
    checks = prepared.checks
    read = with_features(frame, definition, prepared, with_places=with_places)
    marked = tagged(read, checks.rules, checks.stage_rules)
    asked = measures(checks.stage_rules, checks.measured + measures_of(definition.pipeline))
    if not asked:
        return marked, dict
    observation = Observation()
    return marked.observe(observation, *asked), lambda: observation.get


def tally(rows: DataFrame, checks: Checks) -> dict[str, Any]:
    """The rows of a stage, and those that break each rule or that it judges: counted from their bits."""
    row = rows.agg(*tallies(checks.rules, checks.stage_rules)).first()
    return {} if row is None else row.asDict()


def read_stage(spark: SparkSession, stage: Stage, marker: dict[str, Any]) -> DataFrame:
    """The rows of a complete stage."""
    return spark.read.schema(T.StructType.fromJson(marker["schema"])).parquet(stage.rows)


def predictions_of(rows: DataFrame, resolved: Resolved, staged_at: dt.datetime) -> DataFrame:
    """The staged rows that were scored, as the predictions table holds them; the slice's columns are the commit's."""
    pipeline, manifest = resolved.definition.pipeline, resolved.manifest
    return rows.where(F.col("reasons").isNull()).select(
        *[column(name) for name in pipeline.key],
        F.lit(resolved.model.version).cast("int").alias("model_version"),
        *[column(name) for name in pipeline.outputs],
        F.lit(manifest.run_id).alias("run_id"),
        F.lit(staged_at).alias("scored_at"),
    )


def quarantine_of(rows: DataFrame, resolved: Resolved, staged_at: dt.datetime) -> DataFrame:
    """The staged rows that were refused, as the quarantine table holds them; their date is the commit's."""
    pipeline, manifest = resolved.definition.pipeline, resolved.manifest
    return rows.where(F.col("reasons").isNotNull()).select(
        *[column(name) for name in pipeline.key],
        F.lit(resolved.slice.model_name).alias("model_name"),
        F.lit(manifest.run_id).alias("run_id"),
        F.col("reasons").cast(schemas.reasons()).alias("reasons"),
        as_json(F.col("row")).alias("row"),
        F.lit(staged_at).alias("quarantined_at"),
    )
