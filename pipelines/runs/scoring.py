"""Scores slices: from what was resolved to what is published, and on the record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyspark.sql import SparkSession

from pipelines.config import Project
from pipelines.errors import (
    AbandonedError,
    ConfigurationError,
    ConflictError,
    PipelineError,
    RejectedError,
    SetupError,
    UsageError,
)
from pipelines.models.registry import RegisteredModel
from pipelines.models.workers.warming import warm_up
from pipelines.passes.union_or_scan import most_slices
from pipelines.resolution.definition import Definition, define
from pipelines.resolution.layout import Layout
from pipelines.resolution.resolved_run import Resolved, look_up, resolve_runs
from pipelines.runs.pass_over_slices import Pass, always, halves
from pipelines.runs.progress import Progress, Steps, silent
from pipelines.runs.recording import Record
from pipelines.runs.recovery import Past, look_back_at, settle
from pipelines.runs.results import Result, already_done, overtaken
from pipelines.runs.tables import require_tables, require_telling_empty
from pipelines.tables.ledger import Entry
from pipelines.tables.slices import Slice, look_at_slices
from pipelines.validation.verdict import NOTHING_ACCEPTED, Acceptance


def score(
    spark: SparkSession,
    project: Project,
    pipeline_name: str,
    score_date: dt.date,
    *,
    model_version: int | None = None,
    force: bool = False,
    accepted: Acceptance | None = None,
    progress: Progress = silent,
) -> Result:
    """Score one slice and publish it, or leave everything as it is.

    Args:
        spark: the session.
        project: the configuration.
        pipeline_name: which pipeline.
        score_date: which day, in the pipeline's time zone.
        model_version: a version to take in place of the configured one.
        force: score again although the slice's published run has this run key.
        accepted: checks that may fail.
        progress: called with each step as it begins.

    Raises:
        RejectedError: a gate failed; the stage stays as evidence.
        UsageError: `model_version` would replace the predictions of another version, and `force` is not given.
        PipelineError: anything else that kept the slice from being published.
    """
    (ended,) = score_days(
        spark,
        project,
        pipeline_name,
        [score_date],
        model_version=model_version,
        force=force,
        accepted=accepted,
        progress=progress,
    )
    return ended.result()


def score_days(
    spark: SparkSession,
    project: Project,
    pipeline_name: str,
    days: Sequence[dt.date],
    *,
    model_version: int | None = None,
    force: bool = False,
    accepted: Acceptance | None = None,
    progress: Progress = silent,
) -> list[Ended]:
    """Score several slices, in as few passes as they share; see `score`.

    Returns:
        What became of each, in the order of the dates given.

    Raises:
        PipelineError: pipeline, tables or model are wrong, so that no slice was begun.
    """
    steps = Steps(progress)
    with steps("resolve"):
        definition = define(project, pipeline_name)
        configured = definition.pipeline.model
        layout = require_tables(spark, project, definition.pipeline)
        require_telling_empty(layout, definition.pipeline)
        # Before anything is looked up: who looks later must see no older model or input, and wins.
        states = look_at_slices(layout.predictions, [Slice(day, configured.name) for day in days])
        wanted = [
            Wanted(state.slice.score_date, state.next_fence(), force, model_version is not None) for state in states
        ]
        model = look_up(project, configured if model_version is None else configured.with_version(model_version))
        if configured.environment != "isolate":
            warm_up(spark, model.artifact)
        most = 1 if len(days) == 1 else most_slices(spark, project, layout, definition, model)
    ends: list[Ended] = []
    for begin in range(0, len(wanted), most):
        ends += score_slices(
            spark,
            project,
            layout,
            definition,
            model,
            wanted[begin : begin + most],
            accepted=accepted or NOTHING_ACCEPTED,
            steps=steps if begin == 0 else Steps(progress),
        )
    return ends


@dataclass(frozen=True)
class Wanted:
    """A slice that is to be scored.

    Args:
        score_date: which day.
        fence: the attempt's number, taken before definition and model were; see `SliceState.next_fence`.
        force: score again although the slice's published run has this run key.
        keeps_other_versions: whether a slice that another version of the model scored stays, unless it is forced.
    """

    score_date: dt.date
    fence: int
    force: bool = False
    keeps_other_versions: bool = False


@dataclass(frozen=True)
class Ended:
    """What became of a slice.

    Args:
        score_date: which day.
        end: the run's result, or what kept the slice from being published.
    """

    score_date: dt.date
    end: Result | Exception

    def result(self) -> Result:
        """The run's result.

        Raises:
            Exception: what kept the slice from being published.
        """
        if isinstance(self.end, Exception):
            raise self.end
        return self.end


def score_slices(
    spark: SparkSession,
    project: Project,
    layout: Layout,
    definition: Definition,
    model: RegisteredModel,
    wanted: Sequence[Wanted],
    *,
    accepted: Acceptance = NOTHING_ACCEPTED,
    may_go_on: Callable[[int], bool] = always,
    steps: Steps,
) -> list[Ended]:
    """Score slices in one pass; each is published or not by itself, by a run of its own.

    A pass that fails is halved until what made it fail stands alone.

    Args:
        spark: the session.
        project: the configuration.
        layout: where the pipeline's tables are.
        definition: the pipeline and its texts.
        model: what scores.
        wanted: the slices.
        accepted: checks that may fail.
        may_go_on: asked before each part of a halved pass, with the number of slices that failed.
        steps: timed and reported as they begin.

    Returns:
        What became of each.

    Raises:
        PipelineError: configuration, options or machine are wrong, so that no slice was begun.
    """
    ends: dict[dt.date, Result | Exception] = {}
    try:
        with steps("resolve"):
            runs = _begun(spark, project, layout, definition, model, wanted, ends, steps)
    except (ConfigurationError, SetupError, UsageError, AbandonedError):
        raise
    except Exception as error:  # files that are missing, as it may be, of one slice alone
        if len(wanted) == 1:
            return [Ended(wanted[0].score_date, error)]
        given, found = (spark, project, layout, definition, model), []
        for part in halves(wanted):
            steps.anew()
            found += score_slices(*given, part, accepted=accepted, may_go_on=may_go_on, steps=steps)
        return found
    if runs:
        forced = {one.score_date for one in wanted if one.force}
        with Record(runs) as record:
            Pass(spark, record, accepted, may_go_on, steps, ends, len(runs)).over(runs, forced)
    return [Ended(one.score_date, ends[one.score_date]) for one in wanted]


def _begun(
    spark: SparkSession,
    project: Project,
    layout: Layout,
    definition: Definition,
    model: RegisteredModel,
    wanted: Sequence[Wanted],
    ends: dict[dt.date, Result | Exception],
    steps: Steps,
) -> list[Resolved]:
    """The runs of slices of which something is to be scored; what becomes of the others goes into `ends`."""
    pipeline = definition.pipeline
    slices = [Slice(one.score_date, model.name) for one in wanted]
    pasts = look_back_at(layout, pipeline.name, slices)
    left = []
    for one, past in zip(wanted, pasts, strict=True):
        if past.state.last_fence >= one.fence:
            ends[one.score_date] = _overtaken(past, layout, steps)
        else:
            left.append((one, past))
    if not left:
        return []
    asked = [(past.state.slice, one.fence, past.known_sources(pipeline)) for one, past in left]
    resolved = resolve_runs(spark, project, layout, definition, model, asked)
    settled = [settle(layout, past, past.state.slice) for _, past in left]
    if any(settled):
        pasts = look_back_at(layout, pipeline.name, [past.state.slice for _, past in left])
        left = [(one, past) for (one, _), past in zip(left, pasts, strict=True)]
    runs = []
    for run, (one, past) in zip(resolved, left, strict=True):
        try:
            done = None if one.force else _published_already(run, past, one, steps)
        except PipelineError as error:
            ends[one.score_date] = error
            continue
        if done is None:
            runs.append(run)
        else:
            ends[one.score_date] = done
    return runs


def _overtaken(past: Past, layout: Layout, steps: Steps) -> Result | Exception:
    """The end of an attempt that is older than what the table has."""
    newest = past.published() or (past.runs[-1] if past.runs else None)
    if newest is not None:
        return overtaken(newest, layout, dict(steps.timings))
    return ConflictError(
        f"the slice {past.state.slice.score_date} was taken by an attempt that the ledger does not know",
        remedy="lakescore repair enters it; then run again",
    )


def _published_already(run: Resolved, past: Past, one: Wanted, steps: Steps) -> Result | None:
    """The published run where it has the same run key.

    Raises:
        UsageError: it is of another version of the model, which is to stay.
        RejectedError: a run of the same run key was taken back.
    """
    published = past.published()
    if published is not None and published.run_key == run.manifest.run_key:
        return already_done(published, run.layout, dict(steps.timings))
    if one.keeps_other_versions and published is not None:
        _refuse_other_version(published, run.model)
    _refuse_retracted(run, past)
    return None


def _refuse_other_version(published: Entry, model: RegisteredModel) -> None:
    if published.model_version != model.version:
        raise UsageError(
            f"version {model.version} would replace what version {published.model_version} predicted for "
            f"{published.score_date}: a slice holds one version of a model at a time",
            found=f"run {published.run_id}, {published.rows_scored} rows",
            remedy="replace it by --force; or score the other version in a pipeline with an `output` of its own",
        )


def _refuse_retracted(resolved: Resolved, past: Past) -> None:
    entry = past.retracted(resolved.manifest.run_key)
    if entry is not None:
        name = f"the slice {resolved.slice.score_date} of '{entry.pipeline}'"
        raise RejectedError(
            f"{name} was taken back, and this run would publish the same rows",
            expected="another input, model or configuration than that of the retracted run",
            found=f"run {entry.run_id}, retracted {entry.at:%Y-%m-%d %H:%M} UTC: {entry.error}",
            remedy="mend what was wrong; or publish it all the same with --force",
        )
