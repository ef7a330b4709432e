"""A certificate: one sample of a slice scored in every way that a run could, and how far apart the results are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass

import pyarrow as pa
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.config import Project
from pipelines.errors import ModelError, SourceError
from pipelines.expressions.names import column
from pipelines.expressions.rules import FEATURES
from pipelines.inputs.reading import read_now
from pipelines.inputs.spark_errors import reading, translated
from pipelines.models.predictors.features import Features
from pipelines.models.predictors.isolated import Isolated
from pipelines.models.predictors.outputs import outputs_of
from pipelines.models.predictors.predictor import Predictor, suits
from pipelines.models.workers.failures import cause_of
from pipelines.models.workers.proofs import ABSOLUTE, RELATIVE, compare
from pipelines.models.workers.udf import with_outputs
from pipelines.models.workers.worker import Scoring, load_model
from pipelines.passes.model_call import isolation_of, scoring_of
from pipelines.resolution.definition import Definition, define
from pipelines.resolution.preparation import Prepared, prepare, with_features
from pipelines.resolution.resolved_run import look_up
from pipelines.transforms.staging import OUTPUTS, REFUSED, tagged

BATCHES = (1, 7, 100)
MOST_BATCHES = 100
PARTITIONS = (1, 2, 7)
ROW = "__row"


@dataclass(frozen=True)
class Way:
    """One way of scoring the sample, held against the reference.

    Args:
        name: which way.
        rows: how many rows were compared.
        largest_difference: between two numbers; none where there are no results.
        differing_rows: rows of which a number is farther off than the tolerance, or anything else is not the same.
        example: the first of them.
    """

    name: str
    rows: int
    largest_difference: float | None
    differing_rows: int
    example: str = ""


@dataclass(frozen=True)
class CertifiedModel:
    """A registered model's version, and the digest of its files."""

    name: str
    version: int
    digest: str


@dataclass(frozen=True)
class Certificate:
    """What a model gives for a sample of a slice, however it is asked.

    Args:
        pipeline: its name.
        score_date: the slice's.
        model: which one.
        sample: how many rows.
        reference: what the others are held against.
        absolute: the tolerance, besides `relative` times the value.
        relative: see there.
        ways: the others.
    """

    pipeline: str
    score_date: dt.date
    model: CertifiedModel
    sample: int
    reference: str
    absolute: float
    relative: float
    ways: tuple[Way, ...]

    @property
    def holds(self) -> bool:
        """Whether every way gives every row the same within the tolerance."""
        return not any(way.differing_rows for way in self.ways)

    def as_json(self) -> dict[str, object]:
        """The certificate as plain values."""
        return {**asdict(self), "score_date": self.score_date.isoformat(), "holds": self.holds}


def certify(
    spark: SparkSession, project: Project, pipeline_name: str, day: dt.date, *, rows: int = 1000, isolated: bool = False
) -> Certificate:
    """Score a sample in every way: by pyfunc, natively, by the UDF, isolated; in batches and partitions of many sizes.

    Args:
        spark: the session.
        project: the configuration.
        pipeline_name: which pipeline.
        day: whose slice the sample is of: its first clean rows by their key.
        rows: how many at most.
        isolated: also in an environment of the model's own, which may have to be built first.

    Raises:
        PipelineError: what would keep a run from scoring; or there is no clean row.
    """
    definition = define(project, pipeline_name)
    pipeline = definition.pipeline
    model = look_up(project, pipeline.model)
    frame = read_now(spark, project, pipeline, definition.query, day)
    prepared = prepare(definition, model, frame)
    with translated(reading(pipeline)):
        sample = _sample(frame, definition, prepared, rows)
    scoring = scoring_of(pipeline, prepared, model, project.environment.cache)
    reference, native = load_model(model.folder, scoring)
    features = Features.of(_inputs_of(sample))
    try:
        expected = outputs_of(reference, features, scoring.outputs)
    except Exception as error:  # a model may raise anything
        raised = f"{type(error).__name__}: {error}" if scoring.tells_values else type(error).__name__
        raise ModelError(
            f"{model.label} raises on the sample",
            expected="a result for each of its rows",
            found=raised.splitlines()[0],
            remedy="see which rows those are: `lakescore score` quarantines them; take other --rows or another --date",
        ) from error

    def ways() -> Iterator[Way]:
        yield from _batched(reference, features, scoring, expected)
        if native is not None and suits(native, features):
            yield _way(f"{native.name}, one batch", outputs_of(native, features, scoring.outputs), expected)
            yield from _batched(native, features, scoring, expected)
        if isolated and scoring.isolation is None:
            own = isolation_of(pipeline, project.environment.cache)
            with closing(Isolated(model.folder, model.artifact, own, scoring.parameters)) as apart:
                yield _way("isolated, one batch", outputs_of(apart, features, scoring.outputs), expected)
        for count in PARTITIONS:
            name = f"on Spark, partitions: {count}"
            try:
                found = _by_spark(spark, sample, scoring, prepared, count)
            except PythonException as error:
                yield Way(name, len(features), None, len(features), cause_of(error))
            else:
                yield _way(name, found, expected)

    return Certificate(
        pipeline=pipeline.name,
        score_date=day,
        model=CertifiedModel(model.name, model.version, model.digest),
        sample=len(features),
        reference=f"{reference.name}, one batch",
        absolute=ABSOLUTE,
        relative=RELATIVE,
        ways=tuple(ways()),
    )


def _sample(frame: DataFrame, definition: Definition, prepared: Prepared, rows: int) -> pa.Table:
    """The first clean rows by their key: their features in one struct column, and their number."""
    pipeline = definition.pipeline
    clean = tagged(with_features(frame, definition, prepared), prepared.checks.rules).where(~F.col(REFUSED))
    first = clean.orderBy(*[column(name) for name in pipeline.key]).limit(rows).select(FEATURES)
    found = first.toArrow()
    if not found.num_rows:
        raise SourceError(
            f"there is no clean row in this slice of '{pipeline.name}'", expected="rows that break no rule",
            remedy="take another --date",
        )  # fmt: skip
    return found.append_column(ROW, pa.array(range(found.num_rows), pa.int64()))


def _inputs_of(sample: pa.Table) -> pa.Table:
    features = sample.column(FEATURES).combine_chunks()
    return pa.table({field.name: features.field(field.name) for field in features.type})


def _batched(predictor: Predictor, features: Features, scoring: Scoring, expected: pa.Array) -> Iterator[Way]:
    for size in BATCHES:
        if size >= len(features):
            continue
        rows = min(len(features), MOST_BATCHES * size)
        parts = [
            outputs_of(predictor, features.slice(start, min(size, rows - start)), scoring.outputs)
            for start in range(0, rows, size)
        ]
        yield _way(f"{predictor.name}, batches of {size}", pa.concat_arrays(parts), expected.slice(0, rows))


def _by_spark(spark: SparkSession, sample: pa.Table, scoring: Scoring, prepared: Prepared, partitions: int) -> pa.Array:
    """What a run's UDF gives, in so many partitions."""
    rows = spark.createDataFrame(sample).repartitionByRange(partitions, ROW).withColumn(REFUSED, F.lit(False))
    scored, _ = with_outputs(rows, scoring, prepared.types, prepared.output_types)
    return scored.select(ROW, OUTPUTS).toArrow().sort_by(ROW).column(OUTPUTS).combine_chunks()


def _way(name: str, found: pa.StructArray, expected: pa.StructArray) -> Way:
    names = [field.name for field in expected.type]
    largest, differing = 0.0, []
    for row in range(len(expected)):
        one = {name: found.field(name)[row].as_py() for name in names}
        apart = compare([one], [expected[row].as_py()])
        largest = max(largest, apart.largest)
        if apart.row is not None:
            differing.append(f"row {row + 1}: {apart.one}, by the reference {apart.other}")
    return Way(name, len(expected), largest, len(differing), differing[0] if differing else "")
