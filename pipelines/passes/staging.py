"""The pieces of a pass: rows tagged, scored and staged; one slice written the quickest way; stages read again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.errors import PythonException
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_type

from pipelines import schemas
from pipelines.config import Pipeline
from pipelines.expressions.names import column
from pipelines.inputs.reading import read_slice_with_positions
from pipelines.inputs.spark_errors import translated
from pipelines.inputs.text_files import without_unread
from pipelines.models.isolation.environment import environment_python
from pipelines.models.predictors.isolated import Isolation
from pipelines.models.predictors.outputs import WantedOutput
from pipelines.models.registry import RegisteredModel
from pipelines.models.workers.failures import differs_natively, unreadable
from pipelines.models.workers.file_reader import FileColumns
from pipelines.models.workers.udf import with_outputs
from pipelines.models.workers.worker import Scoring, Workers
from pipelines.passes.attempt_folder import COMMITTER, RUN
from pipelines.passes.failures import cut_short
from pipelines.passes.file_columns import file_columns
from pipelines.passes.publishing import SMALL_BYTES
from pipelines.resolution.definition import Definition
from pipelines.resolution.preparation import Prepared, Resolved, with_features
from pipelines.tables.locations import local_path
from pipelines.tables.stages import Stage
from pipelines.transforms.staging import KIND, SLICE, places, staged, tagged
from pipelines.validation.history_measures import measures_of
from pipelines.validation.observing import measures
from pipelines.validation.stage import stage_values


@dataclass(frozen=True)
class Written:
    """What a pass over the input told.

    Args:
        schema: the stages'.
        read: the columns of the input.
        measured: what was measured of values on the way, by score date.
        workers: what the workers told, as plain values.
        counted: the names of numbers that are the rows of the slice.
        is_final: whether the files of scored rows are as the predictions table has them.
    """

    schema: T.StructType
    read: T.StructType
    measured: Mapping[dt.date, Mapping[str, Any]]
    workers: dict[str, Any]
    counted: tuple[str, ...] = ()
    is_final: bool = False

    def metrics_of(self, day: dt.date, tallied: Mapping[str, Any]) -> dict[str, Any]:
        """All numbers of a slice, by name."""
        return {**dict.fromkeys(self.counted, tallied["rows"]), **self.measured[day], **tallied}


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


def write_alone(resolved: Resolved, prepared: Prepared, stage: Stage, staged_at: dt.datetime) -> Written:
    """Write the stage the quickest way; what a worker finds against it is noted, and the whole slice scored without."""
    build_environment(resolved)
    way = _quickest(resolved, prepared)
    against: dict[str, str] = {}
    while True:
        try:
            written = _pass(resolved, prepared, stage, way, staged_at)
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


def build_environment(run: Resolved) -> None:
    """Build the model's environment where it needs one of its own: workers do too, each on its machine."""
    if run.definition.pipeline.model.environment == "isolate":  # what is wrong with it is told best from here
        made_with = run.model.artifact
        environment_python(made_with.requirements, made_with.python_version, Path(run.environment.cache))


def _quickest(resolved: Resolved, prepared: Prepared) -> _Way:
    files = file_columns(resolved, prepared)
    if files is not None:
        spark, pipeline = resolved.spark, resolved.definition.pipeline
        frame = read_slice_with_positions(spark, pipeline, resolved.sources[0], resolved.slice.score_date)
        if frame is not None:
            return _Way(frame, files)
    return _Way(resolved.frame)


def _pass(resolved: Resolved, prepared: Prepared, stage: Stage, way: _Way, staged_at: dt.datetime) -> Written:
    checks, files = prepared.checks, way.files
    marked = tagged_of(way.frame, resolved.definition, prepared, [] if files is None else places())
    asked = measures(checks.stage_rules, checks.measured + measures_of(resolved.definition.pipeline))
    observed, told = observing(marked, asked)
    final = final_columns([resolved], staged_at)
    rows, workers = staged_rows(observed, resolved, prepared, files=files, uses_native=way.uses_native, final=final)
    with translated(lambda error: cut_short(error, resolved.model, workers, rows)):
        write_rows(rows, stage.rows)
    columns_read = 0 if files is None else len(files.shown)
    return Written(
        rows.drop(KIND).schema,
        without_unread(resolved.frame).schema,
        {resolved.slice.score_date: told()},
        {**workers.as_json(), "columns_read": columns_read},
        is_final=final is not None,
    )


def final_columns(runs: Sequence[Resolved], staged_at: dt.datetime) -> dict[str, Column] | None:
    """What the predictions table has besides key and outputs; None where the stage's files cannot become its files.

    They cannot where checks of the slice as a whole need values of the input in each row, or may refuse rows yet.

    Args:
        runs: of one definition; of several, the rows have their score dates in `SLICE`.
        staged_at: when the rows are staged.
    """
    first = runs[0]
    if first.definition.checks.on_stage or local_path(first.layout.stages) is None:
        return None
    run_id = F.lit(first.run_id)
    if len(runs) > 1:
        pairs = [F.lit(part) for run in runs for part in (run.slice.score_date, run.run_id)]
        run_id = F.element_at(F.create_map(*pairs), F.col(SLICE))
    version = F.lit(first.model.version).cast("int")
    return {"model_version": version, "run_id": run_id, "scored_at": F.lit(staged_at)}


def write_rows(rows: DataFrame, location: str) -> None:
    """Write rows of stages, apart by slice and kind where they tell these."""
    writer, apart = (
        rows.write.options(**COMMITTER).mode("overwrite"),
        [name for name in (SLICE, KIND) if name in rows.columns],
    )
    (writer.partitionBy(*apart) if apart else writer).parquet(location)


def staged_rows(
    marked: DataFrame,
    run: Resolved,
    prepared: Prepared,
    *,
    files: FileColumns | None = None,
    uses_native: bool = True,
    slices: int = 1,
    carried: Sequence[str] = (),
    final: Mapping[str, Column] | None = None,
) -> tuple[DataFrame, Workers]:
    """The marked rows, scored, as the stage holds them; and what the workers tell once they are written."""
    pipeline, checks = run.definition.pipeline, prepared.checks
    scoring = scoring_of(pipeline, prepared, run.model, run.environment.cache)
    scoring = replace(scoring, uses_native=uses_native, slices=slices)
    scored, workers = with_outputs(marked, scoring, prepared.types, prepared.output_types, files)
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
        read_by_workers=() if files is None else files.shown,
        carried=carried,
        final=final,
    )
    return rows, workers


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


def tagged_of(
    frame: DataFrame, definition: Definition, prepared: Prepared, carried: Sequence[Column] = ()
) -> DataFrame:
    """The columns read, what else is carried, the features, and the bits of broken rules."""
    checks = prepared.checks
    return tagged(with_features(frame, definition, prepared, carried), checks.rules, checks.stage_rules)


def observing(marked: DataFrame, asked: Sequence[Column]) -> tuple[DataFrame, Callable[[], dict[str, Any]]]:
    """The rows, and what was measured of them on the way.

    Only the write of the stage may be asked for it: below a shuffle, rows of a task that ran twice count twice.
    """
    if not asked:
        return marked, dict
    observation = Observation()
    return marked.observe(observation, *asked), lambda: observation.get


def read_stages(spark: SparkSession, stages: Sequence[Stage], schema: T.StructType) -> DataFrame:
    """The rows of complete stages of one schema; of several, each with its run's id in the column `RUN`.

    Few bytes are read by one task: what is asked of them then needs no shuffle.
    """
    reader = spark.read.schema(schema).option("recursiveFileLookup", "true")  # of scored and of refused rows
    rows = reader.parquet(*[stage.rows for stage in stages])
    if sum(stage.size_bytes() for stage in stages) <= SMALL_BYTES:
        rows = rows.coalesce(1)
    if len(stages) == 1:
        return rows
    return rows.select("*", F.regexp_extract("_metadata.file_path", ".*/([^/]+)/rows/", 1).alias(RUN))


def schema_of(marker: Mapping[str, Any]) -> T.StructType:
    """The schema of a complete stage, by its marker."""
    return T.StructType.fromJson(marker["schema"])


def predictions_of(rows: DataFrame, staged_at: Mapping[str, dt.datetime], run: Resolved) -> DataFrame:
    """The staged rows that were scored, as the predictions table holds them; the slices' columns are the commit's.

    Args:
        rows: of stages; of several, with their run's id in `RUN`, which stays.
        staged_at: when the stages were written, by their runs' ids.
        run: any of these.
    """
    pipeline = run.definition.pipeline
    return rows.where(F.col("reasons").isNull()).select(
        *[column(name) for name in pipeline.key],
        F.lit(run.model.version).cast("int").alias("model_version"),
        *[column(name) for name in pipeline.outputs],
        _run_of(staged_at).alias("run_id"),
        _by_run(staged_at).alias("scored_at"),
        *_run_kept(staged_at),
    )


def quarantine_of(rows: DataFrame, staged_at: Mapping[str, dt.datetime], run: Resolved) -> DataFrame:
    """The staged rows that were refused, as the quarantine table holds them; their date is the commit's."""
    pipeline = run.definition.pipeline
    return rows.where(F.col("reasons").isNotNull()).select(
        *[column(name) for name in pipeline.key],
        F.lit(run.slice.model_name).alias("model_name"),
        _run_of(staged_at).alias("run_id"),
        F.col("reasons").cast(schemas.reasons()).alias("reasons"),
        F.col("row"),
        _by_run(staged_at).alias("quarantined_at"),
        *_run_kept(staged_at),
    )


def refused_columns(run: Resolved) -> dict[str, str | pa.Scalar]:
    """How the quarantine's columns are made of those of a stage's final files, as `append_quarantine` takes it."""
    return {
        **{name: name for name in run.definition.pipeline.key},
        "model_name": pa.scalar(run.slice.model_name),
        "run_id": "run_id",
        "reasons": "reasons",
        "row": "row",
        "quarantined_at": "scored_at",
    }


def _run_of(values: Mapping[str, Any]) -> Column:
    return F.lit(next(iter(values))) if len(values) == 1 else F.col(RUN)


def _run_kept(values: Mapping[str, Any]) -> list[Column]:
    return [] if len(values) == 1 else [F.col(RUN)]


def _by_run(values: Mapping[str, Any]) -> Column:
    """A value by the run of the row."""
    if len(set(values.values())) == 1:
        return F.lit(next(iter(values.values())))
    pairs = [F.lit(part) for pair in values.items() for part in pair]
    return F.element_at(F.create_map(*pairs), F.col(RUN))
