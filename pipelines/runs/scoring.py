"""Scores one slice: from what was resolved to what is published, and on the record."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, replace

from pyspark.sql import SparkSession

from pipelines.config import Project
from pipelines.errors import RejectedError, UsageError, did_you_mean
from pipelines.models.registry import RegisteredModel
from pipelines.models.warming import warm_up
from pipelines.passes.publishing import append_quarantine, publish
from pipelines.runs.auditing import NEVER_ACCEPTED, audited
from pipelines.runs.definition import Definition, define
from pipelines.runs.layout import Layout
from pipelines.runs.preparation import Resolved, look_up, prepare, resolve_run
from pipelines.runs.recording import judged, on_record
from pipelines.runs.recovery import Past, look_back, reusable_stage, settle
from pipelines.runs.rejection import describe, rejection
from pipelines.runs.results import NOTHING_ACCEPTED, Acceptance, Result, already_done, overtaken
from pipelines.runs.staging import predictions_of, quarantine_of, write_stage
from pipelines.runs.steps import Progress, Steps, silent
from pipelines.runs.tables import require_columns, require_tables
from pipelines.tables.commit_log import latest_version
from pipelines.tables.ledger import Entry
from pipelines.tables.locking import RunLock
from pipelines.tables.slices import Slice, look_at_slice
from pipelines.tables.stages import Stage
from pipelines.validation.verdict import Verdict


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
        progress: told of each step as it begins.

    Raises:
        RejectedError: a gate failed; the stage stays as evidence.
        UsageError: `model_version` would replace the predictions of another version, and `force` is not given.
        PipelineError: anything else that kept the slice from being published.
    """
    steps = Steps(progress)
    with steps("resolve"):
        definition = define(project, pipeline_name)
        configured = definition.pipeline.model
        layout = require_tables(spark, project, definition.pipeline)
        # Before anything is looked up: who looks later must see no older model or input, and wins.
        fence = look_at_slice(layout.predictions, Slice(score_date, configured.name)).next_fence()
        model = look_up(project, configured if model_version is None else configured.with_version(model_version))
        if configured.environment != "isolate":
            warm_up(spark, model.artifact)
    return score_slice(
        spark,
        project,
        layout,
        definition,
        model,
        score_date,
        fence,
        force=force,
        keeps_other_versions=model_version is not None,
        accepted=accepted or NOTHING_ACCEPTED,
        steps=steps,
    )


def score_slice(
    spark: SparkSession,
    project: Project,
    layout: Layout,
    definition: Definition,
    model: RegisteredModel,
    score_date: dt.date,
    fence: int,
    *,
    force: bool = False,
    keeps_other_versions: bool = False,
    accepted: Acceptance = NOTHING_ACCEPTED,
    steps: Steps,
) -> Result:
    """Like `score`, with a configuration and a model that were loaded once for many slices.

    Args:
        spark: the session.
        project: the configuration.
        layout: where the pipeline's tables are.
        definition: the pipeline and its texts.
        model: what scores.
        score_date: which day.
        fence: the attempt's number, taken before definition and model were; see `SliceState.next_fence`.
        force: as for `score`.
        keeps_other_versions: whether a slice that another version of the model scored stays, unless it is forced.
        accepted: as for `score`.
        steps: timed and told as they begin.

    Raises:
        PipelineError: as `score`.
    """
    with steps("resolve"):
        pipeline, slice_ = definition.pipeline, Slice(score_date, model.name)
        past = look_back(layout, pipeline.name, slice_)
        if past.state.last_fence >= fence:
            newest = past.published() or past.runs[-1]
            return overtaken(newest, layout, dict(steps.timings))
        known = past.known_sources(pipeline)
        resolved = resolve_run(spark, project, layout, definition, slice_, model, fence, known)
        if settle(layout, past, slice_):
            past = look_back(layout, pipeline.name, slice_)
    if not force:
        published = past.published()
        if published is not None and published.run_key == resolved.manifest.run_key:
            return already_done(published, layout, dict(steps.timings))
        if keeps_other_versions and published is not None:
            _refuse_other_version(published, model)
        _refuse_retracted(resolved, past)
    with on_record(resolved) as lock:
        stage = None if force else reusable_stage(layout, resolved.manifest, pipeline.history, lock)
        if stage is None:
            stage = _scored(spark, resolved, lock, steps)
        try:
            return _published(spark, resolved, stage, accepted, steps)
        finally:
            stage.leave()


def _scored(spark: SparkSession, resolved: Resolved, lock: RunLock, steps: Steps) -> Stage:
    """Every row of the slice, staged."""
    with steps("read"):
        prepared = prepare(resolved.definition, resolved.model, resolved.frame)
        require_columns(resolved.layout, prepared.keys, resolved.definition.pipeline)
    with steps("score"):
        return write_stage(spark, resolved, prepared, lock)


def _published(spark: SparkSession, resolved: Resolved, stage: Stage, accepted: Acceptance, steps: Steps) -> Result:
    """The stage, audited and put in place."""
    pipeline, layout, manifest = resolved.definition.pipeline, resolved.layout, resolved.manifest
    with steps("audit"):
        marker = stage.marker() or {}
        staged_at = dt.datetime.fromisoformat(marker["staged_at"])
        rows, counts, verdict = audited(spark, resolved, stage, marker)
        _require_known(accepted, verdict)
        waived = asdict(accepted) if accepted.checks else None
        stage.finish({**marker, "counts": asdict(counts), "verdict": verdict.as_json(), "accepted": waived})
    failed = verdict.rejecting(accepted.checks)
    with steps("quarantine"):
        if failed:
            error = describe(failed, verdict, counts)
            layout.ledger.append(
                replace(judged(resolved, "rejected", verdict, counts, steps.timings, accepted), error=error)
            )
        # Of a rejected run too, as evidence: its rows count as published nowhere.
        if counts.quarantined:
            append_quarantine(
                quarantine_of(rows, resolved, staged_at),
                layout.quarantine,
                resolved.slice,
                manifest.run_id,
                rows=counts.quarantined,
            )
    if failed:
        raise rejection(resolved, stage, failed, verdict, counts)
    with steps("publish"):
        frame = predictions_of(rows, resolved, staged_at)
        said = manifest.commit_metadata()
        outcome = publish(frame, layout.predictions, resolved.slice, manifest.fence, said, rows=counts.scored)
    with steps("record"):
        layout.ledger.append(judged(resolved, outcome, verdict, counts, steps.timings, accepted))
        stage.discard()
    return Result(
        outcome=outcome,
        run_id=manifest.run_id,
        pipeline=pipeline.name,
        score_date=resolved.slice.score_date,
        model=manifest.model,
        sources=manifest.sources,
        counts=counts,
        verdict=verdict,
        timings=dict(steps.timings),
        workers=marker["workers"],
        tables=layout.outputs(),
        predictions_version=latest_version(layout.predictions),
    )


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


def _require_known(accepted: Acceptance, verdict: Verdict) -> None:
    known = [result.check_id for result in verdict.results]
    for check_id in accepted.checks:
        if check_id not in known:
            raise UsageError(f"--accept: there is no check '{check_id}'", remedy=did_you_mean(check_id, known))
        if check_id in NEVER_ACCEPTED:
            raise UsageError(f"--accept: '{check_id}' cannot be waived: a slice that fails it is never right")
