"""Why a row has the prediction that it has, or none: one answer from the tables, the ledger and the model itself."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
from deltalake import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.backfills.planning import plan
from pipelines.config import Pipeline, Project, load_pipeline
from pipelines.errors import PipelineError, root_cause
from pipelines.expressions.names import quoted
from pipelines.expressions.rules import FEATURES
from pipelines.inputs.pinning import ANY_DAY, PinnedSource, pin_sources
from pipelines.inputs.reading import days_of_rows, read_now, read_slice, read_whole
from pipelines.inputs.spark_errors import reading, translated
from pipelines.models.registry import metrics_of
from pipelines.provenance.recorded_run import Rebuilt, rebuild
from pipelines.provenance.row_key import key_of
from pipelines.resolution.definition import define
from pipelines.resolution.layout import Layout, outputs_in_catalog
from pipelines.resolution.manifest import ManifestModel, manifest_of, model_of
from pipelines.resolution.preparation import prepare, with_features
from pipelines.runs.recovery import look_back
from pipelines.runs.tables import lacks_output, require_tables
from pipelines.tables.ledger import Entry
from pipelines.tables.locations import for_delta_rs
from pipelines.tables.quarantine import Reason
from pipelines.tables.reading import equal, plain_rows, read_rows
from pipelines.tables.slices import Slice, look_at_slices
from pipelines.validation.verdict import CheckResult, Verdict

if TYPE_CHECKING:
    from pipelines.models.explanations.contributions import Contributions

Status = Literal["scored", "quarantined", "waiting", "absent"]


@dataclass(frozen=True)
class SourceVersion:
    """A source as the run read it; without a version where it is files."""

    name: str
    location: str
    version: int | None


@dataclass(frozen=True)
class Run:
    """The run that decided about the row.

    Args:
        run_id: its id.
        at: when it ended, in UTC.
        model: what scored; None where the ledger does not know the run.
        metrics: of the model version, as MLflow has them.
        sources: name, location and version of each.
        broken: the checks that the slice failed or that warned, with what was found.
        accepted: what a person waived, with the reason.
    """

    run_id: str
    at: dt.datetime | None
    state: str
    model: ManifestModel | None
    metrics: Mapping[str, float]
    sources: tuple[SourceVersion, ...]
    broken: tuple[str, ...]
    accepted: str | None


@dataclass(frozen=True)
class Answer:
    """Why a row has its prediction, or none.

    Args:
        pipeline: its name.
        key: the row's.
        status: `scored`; `quarantined`: refused by a rule; `waiting`: in the input, and no published run has judged it;
            `absent`: in no table, and not in the input either.
        score_date: the slice; None where it is unknown.
        other_dates: further slices that hold the key.
        outputs: what was predicted.
        reasons: why the row was refused.
        row: what the quarantine keeps of it; personal columns masked.
        run: which run decided.
        slice_state: what a run of the slice would find now: `current`, `stale`, `missing`, `rejected` and so on.
        slice_reasons: why.
        features: the model's inputs, as the model saw them.
        contributions: what each added to the prediction.
        notes: what is not known, and why.
    """

    pipeline: str
    key: Mapping[str, Any]
    status: Status
    score_date: dt.date | None = None
    other_dates: tuple[dt.date, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    row: Mapping[str, Any] = field(default_factory=dict)
    run: Run | None = None
    slice_state: str | None = None
    slice_reasons: tuple[str, ...] = ()
    features: Mapping[str, Any] | None = None
    contributions: Contributions | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The answer as plain values."""
        plain = asdict(self)
        if self.run is not None and self.run.model is None:
            plain["run"]["model"] = {}
        return plain


def why(
    session: Callable[[], SparkSession],
    project: Project,
    name: str,
    words: Sequence[str],
    score_date: dt.date | None = None,
    *,
    quick: bool = False,
) -> Answer:
    """Why a row has the prediction that it has, or none.

    Args:
        session: gives the Spark session, once something must be read that tables alone do not tell.
        project: the configuration.
        name: the pipeline's.
        words: the key, as `keys.key_of` takes it.
        score_date: the slice; by default the newest that holds the key.
        quick: only what tables and ledger tell; no features, and no look into the input. Spark is started only where
            the pipeline's own tables are in a catalog.

    Raises:
        UsageError: the key is not one.
        PipelineError: the pipeline or its tables are wrong.
    """
    pipeline = load_pipeline(project, name)
    layout = require_tables(session() if outputs_in_catalog(pipeline) else None, project, pipeline)
    key = key_of(words, pipeline.key, layout.predictions, pipeline.timezone)
    answer = _by_tables(project, pipeline, layout, Answer(name, key, "absent", score_date))
    if answer.status == "absent" and not quick:
        with translated(reading(pipeline)):
            answer = _by_input(session(), project, name, answer)
    if answer.score_date is not None and quick and pipeline.reads_rows_to_plan:
        answer = _noted(answer, "whether the slice is stale: its input is text files, which --quick does not read")
    elif answer.score_date is not None and quick and pipeline.is_in_catalog and not outputs_in_catalog(pipeline):
        answer = _noted(answer, "whether the slice is stale: its input is in a catalog, which --quick does not ask")
    elif answer.score_date is not None:
        answer = _with_state(session, project, answer, answer.score_date)
    if answer.status == "scored" and answer.run is not None and not quick:
        answer = _with_features(session(), project, layout.ledger.of_run(answer.run.run_id), answer)
    return answer


def _with_state(session: Callable[[], SparkSession], project: Project, answer: Answer, day: dt.date) -> Answer:
    """What a run of the slice would find now; the rest of the answer stands where registry or sources do not."""
    try:
        (planned,) = plan(session, project, answer.pipeline, day, day).slices
    except PipelineError as error:
        return _noted(answer, f"whether the slice is stale: {error.brief}")
    return replace(answer, slice_state=planned.state, slice_reasons=planned.reasons)


def _by_tables(project: Project, pipeline: Pipeline, layout: Layout, asked: Answer) -> Answer:
    wanted = {**asked.key, "model_name": pipeline.model.name}
    if asked.score_date is not None:
        wanted["score_date"] = asked.score_date
    condition = " AND ".join(equal(name, value) for name, value in wanted.items())
    scored = plain_rows(read_rows(DeltaTable(for_delta_rs(layout.predictions)), None, condition))
    refused = plain_rows(read_rows(DeltaTable(for_delta_rs(layout.quarantine)), None, condition))
    dates = sorted({row["score_date"] for row in scored + refused}, reverse=True)
    if not dates:
        return _noted_if_empty(pipeline, layout, asked)
    day = dates[0]
    found = replace(asked, score_date=day, other_dates=tuple(dates[1:]))
    for row in scored:
        if row["score_date"] == day:
            outputs = {name: row[name] for name in pipeline.outputs if name in row}
            notes = tuple(lacks_output(pipeline.name, name) for name in pipeline.outputs if name not in row)
            run = _run(project, layout, row["run_id"])
            return replace(found, status="scored", outputs=outputs, run=run, notes=notes)
    (state,) = look_at_slices(layout.predictions, [Slice(day, pipeline.model.name)])
    of_day = [row for row in refused if row["score_date"] == day]
    standing = [row for row in of_day if row["run_id"] in state.runs]
    row = max(standing or of_day, key=lambda row: row["run_id"])
    run = _run(project, layout, row["run_id"])
    if not standing:
        note = f"run {row['run_id']} refused it and is {run.state}: it says nothing about what is published"
        found = replace(found, notes=(note,))
    return replace(
        found,
        status="quarantined" if standing else "waiting",
        reasons=tuple(Reason(**reason) for reason in row["reasons"]),
        row=json.loads(row["row"]),
        run=run,
    )


def _noted_if_empty(pipeline: Pipeline, layout: Layout, asked: Answer) -> Answer:
    """The answer for a key in no table, with what is published of the slice that was asked for."""
    if asked.score_date is None:
        return asked
    past = look_back(layout, pipeline.name, Slice(asked.score_date, pipeline.model.name))
    if past.state.empty_fence is None:
        return asked
    run = f"by run {past.published_run}" if past.published_run else "by a run that the ledger does not know"
    return _noted(asked, f"the slice of {asked.score_date} is published as empty, {run}: its input had no row then")


def _run(project: Project, layout: Layout, run_id: str) -> Run:
    found = layout.ledger.latest(run_id=run_id)
    if not found:
        return Run(run_id, None, "unknown to the ledger", None, {}, (), (), None)
    (entry,) = found
    manifest = manifest_of(entry)
    model = model_of(entry, manifest)
    return Run(
        run_id=run_id,
        at=entry.at,
        state=entry.state,
        model=model,
        metrics={}
        if model.version is None
        else metrics_of(project.environment.tracking_uri, model.name, model.version),
        sources=tuple(
            SourceVersion(one.name, one.location, one.version) for one in (() if manifest is None else manifest.sources)
        ),
        broken=tuple(_broken(result) for result in Verdict.from_json(entry.verdict).results if not result.success),
        accepted=entry.accepted,
    )


def _broken(result: CheckResult) -> str:
    count = f"{result.unexpected_count} rows" if result.unexpected_count else f"found {result.observed}"
    return f"{result.check_id} ({result.severity}): {count}, expected {result.expected}"


def _by_input(spark: SparkSession, project: Project, name: str, asked: Answer) -> Answer:
    """Look for the row in the input as it is now."""
    definition = define(project, name)
    pipeline = definition.pipeline
    if asked.score_date is not None:
        day: dt.date | None = asked.score_date
        rows = read_now(spark, project, pipeline, definition.query, asked.score_date)
        is_there = bool(rows.where(_is(asked.key, rows)).take(1))
    else:
        sources = pin_sources(spark, project, pipeline, ANY_DAY, {})
        rows = read_whole(spark, pipeline, definition.query, sources)
        days = days_of_rows(rows, pipeline)
        first = rows.where(_is(asked.key, rows)).select(F.lit(None) if days is None else days).first()
        day, is_there = (None if first is None else first[0]), first is not None
    if not is_there:
        return asked
    note = () if day is not None else ("the row is in the input; give --date to see its slice",)
    return replace(asked, status="waiting", score_date=day, notes=(*asked.notes, *note))


def _with_features(spark: SparkSession, project: Project, history: Sequence[Entry], answer: Answer) -> Answer:
    """The row's features, from the inputs of the run that scored it, and what they added up to."""
    manifest = next((found for entry in history if (found := manifest_of(entry)) is not None), None)
    if manifest is None or answer.score_date is None:
        return _noted(answer, "features: the run has no manifest, a repair entered it")
    rebuilt = rebuild(spark, project, manifest, history[0].run_id)
    if not isinstance(rebuilt, Rebuilt):
        return _noted(answer, *(f"features: {line}" for line in rebuilt))
    try:
        with translated(reading(rebuilt.definition.pipeline)):
            seen = _features(spark, rebuilt, answer.key, answer.score_date)
    except PipelineError as error:
        versions = ", ".join(_version(source) for source in rebuilt.sources)
        seen = f"of the run's input, {versions}: {error.brief}"
    if isinstance(seen, str):
        return _noted(answer, f"features: {seen}")
    answer = replace(answer, features=seen.to_pylist()[0])
    added = _contributions(rebuilt, seen)
    return _noted(answer, added) if isinstance(added, str) else replace(answer, contributions=added)


def _contributions(rebuilt: Rebuilt, seen: pa.Table) -> Contributions | str:
    """What each input added, or else why that is not known."""
    from pipelines.models.explanations.contributions import contributions
    from pipelines.models.predictors.features import Features
    from pipelines.models.predictors.predictor import Pyfunc

    try:
        model = Pyfunc(rebuilt.model.folder, rebuilt.definition.pipeline.model.params).raw
        found = contributions(model, Features.of(seen))
    except Exception as error:  # loading and asking a model runs its library's code, which may raise anything
        return f"contributions: {type(error).__name__}: {root_cause(error)}"
    return f"contributions: {found}" if isinstance(found, str) else found


def _features(spark: SparkSession, rebuilt: Rebuilt, key: Mapping[str, Any], day: dt.date) -> pa.Table | str:
    """One row of the model's inputs, or else why it cannot be shown."""
    definition = rebuilt.definition
    frame = read_slice(spark, definition.pipeline, definition.query, rebuilt.sources, day)
    prepared = prepare(definition, rebuilt.model, frame)
    if not prepared.tells_values(definition.pipeline):
        return "they come from personal columns, and are not shown"
    rows = with_features(frame, definition, prepared)
    inputs = [F.col(FEATURES)[name].alias(name) for name in prepared.types]
    found = rows.where(_is(key, rows)).select(*inputs).limit(1).toArrow()
    return found if found.num_rows else "the input of that run no longer has the row"


def _version(source: PinnedSource) -> str:
    return source.name if source.pinned.version is None else f"{source.name} version {source.pinned.version}"


def _is(key: Mapping[str, Any], rows: DataFrame) -> Column:
    return reduce(Column.__and__, [rows[quoted(name)] == F.lit(value) for name, value in key.items()])


def _noted(answer: Answer, *notes: str) -> Answer:
    return replace(answer, notes=(*answer.notes, *notes))
