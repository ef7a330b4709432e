"""Scores a published run again from its manifest, and holds every prediction against what was published."""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.config import Pipeline, Project
from pipelines.errors import PipelineError, SourceError, UsageError
from pipelines.expressions.names import column, quoted
from pipelines.inputs.reading import read_slice
from pipelines.inputs.spark_errors import SparkError, first_line, translated
from pipelines.models.registry import RegisteredModel
from pipelines.models.workers.udf import with_outputs
from pipelines.passes.failures import cut_short, meaning
from pipelines.passes.model_call import scoring_of
from pipelines.provenance.recorded_run import Rebuilt, rebuild
from pipelines.resolution.definition import Definition
from pipelines.resolution.layout import Layout, ledger_of
from pipelines.resolution.manifest import Manifest, manifest_of
from pipelines.resolution.preparation import prepare, with_features
from pipelines.resolution.versions import code_version, package_versions
from pipelines.runs.tables import require_tables
from pipelines.tables.ledger import Entry, last_words
from pipelines.tables.slices import Slice, look_at_slice, version_published
from pipelines.transforms.staging import FAILURE, OUTPUTS, REFUSED, tagged

THEN, NOW = "__then_", "__now_"


@dataclass(frozen=True)
class Replay:
    """What became of scoring a run again.

    Args:
        run_id: the run.
        pipeline: its pipeline's name.
        score_date: its slice's.
        compared: rows that were published then and scored now.
        differing: those of them with any output that is not the same to the last bit.
        lost: rows that were published then and are refused now, or are not there.
        gained: rows that are scored now and were neither published nor refused then; none are looked for in a sample.
        largest: the largest difference of each numeric output that differs.
        example: the key of a row that differs or is lost; none where the key is personal.
        environment: what is not as it was then: Python, packages, the project's own code.
        unavailable: what can no longer be had; nothing was scored then.
    """

    run_id: str
    pipeline: str
    score_date: dt.date
    compared: int = 0
    differing: int = 0
    lost: int = 0
    gained: int = 0
    largest: Mapping[str, float] | None = None
    example: Mapping[str, str] | None = None
    environment: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether every row was there again, with the same bits."""
        return not (self.unavailable or self.differing or self.lost or self.gained)

    def as_json(self) -> dict[str, object]:
        """The replay as plain values."""
        return {**asdict(self), "score_date": self.score_date.isoformat(), "is_equal": self.is_equal}


def replay(spark: SparkSession, project: Project, run_id: str, *, sample: int | None = None) -> Replay:
    """Score a published run again: its inputs at their versions, its model at its digest, its configuration.

    Args:
        spark: the session.
        project: where the ledger, the registry and the feature functions are.
        run_id: the run.
        sample: compare so many of its rows only; the same ones each time.

    Raises:
        UsageError: there is no such run, or it published nothing.
        PipelineError: scoring failed.
    """
    entry = _published(project, run_id)
    manifest = manifest_of(entry)
    if manifest is None:
        return _without(Replay(run_id, entry.pipeline, entry.score_date), ["its manifest: a repair entered the run"])
    found = Replay(run_id, entry.pipeline, entry.score_date, environment=tuple(_environment(manifest)))
    rebuilt = rebuild(spark, project, manifest, run_id)
    if not isinstance(rebuilt, Rebuilt):
        return _without(found, rebuilt)
    definition, model = rebuilt.definition, rebuilt.model
    pipeline = definition.pipeline
    layout = require_tables(spark, project, pipeline)
    then = _predictions(spark, layout, entry)
    if isinstance(then, str):
        return _without(found, [then])
    try:
        frame = read_slice(spark, pipeline, definition.query, rebuilt.sources, entry.score_date)
        if sample is not None:
            then = then.orderBy(F.xxhash64(*map(column, _key_then(pipeline)))).limit(sample)
            of_sample = then.select(*map(column, _key_then(pipeline)))
            frame = frame.join(F.broadcast(of_sample), _same_key(frame, of_sample, pipeline), "left_semi")
        refused = None if sample is not None else _refused(spark, layout, pipeline, run_id)
        row = _compared(definition, model, project, frame, then, refused)
    except SourceError as error:
        return _without(found, [error.brief])
    return replace(
        found,
        compared=row["compared"],
        differing=row["differing"],
        lost=row["lost"],
        gained=row["gained"],
        largest={name: row[f"largest_{name}"] for name in _numeric(then, pipeline) if row[f"largest_{name}"]},
        example=_example(row, pipeline),
    )


def _published(project: Project, run_id: str) -> Entry:
    history = ledger_of(project).of_run(run_id)
    if "published" not in {entry.state for entry in history}:
        raise UsageError(
            f"run '{run_id}' published nothing to compare with",
            expected="a run that was published",
            found=f"state {history[-1].state}",
        )
    (entry,) = last_words(history)
    return entry


def _environment(manifest: Manifest) -> list[str]:
    """What is not as it was: it may change a result, and need not."""
    then = {"python": manifest.python, "lakescore": manifest.code_version, **manifest.packages}
    now = {"python": platform.python_version(), "lakescore": code_version(), **package_versions()}
    return [
        f"{name}: {then.get(name, 'none')} then, {now.get(name, 'none')} now"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]


def _predictions(spark: SparkSession, layout: Layout, entry: Entry) -> DataFrame | str:
    """What the run published: as it stands, or, where another run stands there now, at the version of its commit.

    Or else why that can no longer be had.
    """
    reader = spark.read.format("delta")
    slice_ = Slice(entry.score_date, entry.model_name)
    if not look_at_slice(layout.predictions, slice_).is_of(entry.run_id, entry.fence):
        version = version_published(layout.predictions, entry.run_id)
        if version is None:
            return f"its predictions: the log of {layout.predictions} no longer has their commit"
        reader = reader.option("versionAsOf", version)
    try:
        rows = reader.load(layout.predictions).where(slice_.predicate).where(F.col("run_id") == entry.run_id)
    except PySparkException as error:
        return f"its predictions: {first_line(error)}"
    return rows.select(*[column(name).alias(f"{THEN}{name}") for name in rows.columns])


def _refused(spark: SparkSession, layout: Layout, pipeline: Pipeline, run_id: str) -> DataFrame:
    """The keys of the rows that the run refused; those that break a rule of the slice as a whole are among them."""
    rows = spark.read.format("delta").load(layout.quarantine).where(F.col("run_id") == run_id)
    return rows.select(*[column(name).alias(f"{THEN}{name}") for name in pipeline.key]).distinct()


def _compared(
    definition: Definition,
    model: RegisteredModel,
    project: Project,
    frame: DataFrame,
    then: DataFrame,
    refused: DataFrame | None,
) -> Row:
    """Score the rows that break no rule of their own, join them with what was published, and count: one Spark job."""
    pipeline = definition.pipeline
    prepared = prepare(definition, model, frame)
    clean = tagged(with_features(frame, definition, prepared), prepared.checks.rules).where(~F.col(REFUSED))
    scoring = scoring_of(pipeline, prepared, model, project.environment.cache)
    scored, workers = with_outputs(clean, scoring, prepared.types, prepared.output_types)
    now = scored.select(
        *[column(name) for name in pipeline.key],
        *[F.col(OUTPUTS)[name].alias(f"{NOW}{name}") for name in pipeline.outputs],
        F.col(OUTPUTS)[FAILURE].isNull().alias("__now"),
    )
    then = then.withColumn("__then", F.lit(True))
    if refused is not None:
        kept = refused.withColumn("__refused_then", F.lit(True))
        now = now.join(kept, _same_key(now, kept, pipeline), "left").drop(*_key_then(pipeline))
    else:
        now = now.withColumn("__refused_then", F.lit(True))  # of a sample, nothing can be gained
    joined = now.join(then, _same_key(now, then, pipeline), "full_outer")
    was, now_is = F.coalesce("__then", F.lit(False)), F.coalesce("__now", F.lit(False))
    same = reduce(Column.__and__, [_comparable(then, f"{THEN}{name}", f"{NOW}{name}") for name in pipeline.outputs])
    wrong = was & (~now_is | ~same)
    sums = [
        F.count_if(was & now_is).alias("compared"),
        F.count_if(was & now_is & ~same).alias("differing"),
        F.count_if(was & ~now_is).alias("lost"),
        F.count_if(~was & now_is & F.col("__refused_then").isNull()).alias("gained"),
        F.first(F.when(wrong, F.struct(*map(column, _key_then(pipeline)))), ignorenulls=True).alias("example"),
        *[
            F.max(F.abs(column(f"{NOW}{name}").cast("double") - column(f"{THEN}{name}").cast("double"))).alias(
                f"largest_{name}"
            )
            for name in _numeric(then, pipeline)
        ],
    ]

    def means(error: SparkError) -> PipelineError | None:
        return cut_short(error, model, workers, frame) or meaning(error, pipeline, prepared, model)

    with translated(means):
        row = joined.agg(*sums).first()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return row


def _comparable(then: DataFrame, one: str, other: str) -> Column:
    """Whether two values are the same, nulls and NaN too; Spark does not compare maps, but their texts."""
    if isinstance(then.schema[one].dataType, T.MapType):
        return F.to_json(column(one)).eqNullSafe(F.to_json(column(other)))
    return column(one).eqNullSafe(column(other))


def _same_key(one: DataFrame, then: DataFrame, pipeline: Pipeline) -> Column:
    equal = [one[quoted(name)].eqNullSafe(then[quoted(f"{THEN}{name}")]) for name in pipeline.key]
    return reduce(Column.__and__, equal)


def _key_then(pipeline: Pipeline) -> list[str]:
    """The names of the key columns of what was published."""
    return [f"{THEN}{name}" for name in pipeline.key]


def _numeric(then: DataFrame, pipeline: Pipeline) -> list[str]:
    return [name for name in pipeline.outputs if isinstance(then.schema[f"{THEN}{name}"].dataType, T.NumericType)]


def _example(row: Row, pipeline: Pipeline) -> dict[str, str] | None:
    if row["example"] is None or not set(pipeline.key).isdisjoint(pipeline.personal):
        return None
    return {name: str(row["example"][f"{THEN}{name}"]) for name in pipeline.key}


def _without(found: Replay, unavailable: Sequence[str]) -> Replay:
    return replace(found, unavailable=tuple(unavailable))
