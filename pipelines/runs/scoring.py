"""Scores one slice: from what was resolved to what is published, and on the record."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from pyspark.sql import SparkSession

from pipelines.config import Project
from pipelines.config.models import Model
from pipelines.errors import ConflictError, RejectedError, UsageError, did_you_mean, shortened
from pipelines.runs.auditing import NEVER_ACCEPTED, Counts, audit, look_at
from pipelines.runs.preparation import Resolved, define, prepare, resolve_run
from pipelines.runs.recovery import known_sources, reusable_stage, settle
from pipelines.runs.staging import predictions_of, quarantine_of, read_stage, write_stage
from pipelines.runs.steps import Progress, Steps, silent
from pipelines.runs.tables import require_columns, require_tables
from pipelines.tables.ledger import Entry, State
from pipelines.tables.locking import RunLock
from pipelines.tables.quarantine import append_quarantine
from pipelines.tables.slices import Slice, look_at_slice, publish
from pipelines.tables.stages import Stage
from pipelines.validation.verdict import CheckResult, Verdict


@dataclass(frozen=True)
class Acceptance:
    """A person's word that a slice may be published although these checks failed."""

    checks: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Result:
    """What a run came to.

    Args:
        outcome: published, already_done or superseded.
        run_id: the run's; of the published one where nothing was to do.
        model: name, version, alias and digest.
        sources: name, location, version and fingerprint of each.
        counts: rows of the input, scored and quarantined.
        verdict: every check's result.
        timings: seconds by step.
        workers: rows evaluated by the model and models loaded, as the workers counted them.
        tables: where predictions and quarantine are.
    """

    outcome: Literal["published", "already_done", "superseded"]
    run_id: str
    pipeline: str
    score_date: dt.date
    model: dict[str, Any]
    sources: list[dict[str, Any]]
    counts: Counts
    verdict: Verdict
    timings: dict[str, float]
    workers: dict[str, int] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The result as plain values."""
        plain = {**asdict(self), "score_date": self.score_date.isoformat()}
        return {**plain, "verdict": self.verdict.as_json()}


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
        PipelineError: anything else that kept the slice from being published.
    """
    steps = Steps(progress)
    with steps("resolve"):
        definition = define(project, pipeline_name)
        layout = require_tables(spark, project, definition.pipeline)
        model = definition.pipeline.model
        model = model if model_version is None else Model(name=model.name, version=model_version)
        slice_ = Slice(score_date, model.name)
        state = look_at_slice(layout.predictions, slice_)
        earlier = [
            entry
            for entry in layout.ledger.latest(pipeline=pipeline_name, score_date=score_date)
            if entry.model_name == model.name
        ]
        known = known_sources(earlier, state.published_run)
        resolved = resolve_run(spark, project, layout, definition, slice_, model, state.next_fence(), known)
        settle(layout, earlier, state.published_run)
        if not force:
            if (done := _already_done(resolved, earlier, state.published_run, steps)) is not None:
                return done
            _refuse_retracted(resolved, earlier)
        lock = RunLock(layout.stages, resolved.manifest.run_id)
        lock.acquire()
        layout.ledger.append(_entry(resolved, "started", manifest=resolved.manifest.as_json()))
    try:
        return _attempt(spark, resolved, accepted or Acceptance(), steps, lock, force)
    except RejectedError:
        raise  # on the record already, with its verdict
    except BaseException as error:
        ended: State = "conflict" if isinstance(error, ConflictError) else "failed"
        if look_at_slice(layout.predictions, slice_).published_run != resolved.manifest.run_id:
            layout.ledger.append(_entry(resolved, ended, error=shortened(str(error) or type(error).__name__, 2000)))
        raise
    finally:
        lock.release()


def _attempt(
    spark: SparkSession, resolved: Resolved, accepted: Acceptance, steps: Steps, lock: RunLock, force: bool
) -> Result:
    pipeline, layout, manifest = resolved.definition.pipeline, resolved.layout, resolved.manifest
    stage = None if force else reusable_stage(layout, manifest)
    if stage is None:
        with steps("read"):
            prepared = prepare(resolved)
            require_columns(layout, prepared.keys, pipeline)
        with steps("score"):
            stage = write_stage(spark, resolved, prepared, lock)
    try:
        with steps("audit"):
            marker = stage.marker() or {}
            rows = read_stage(spark, stage, marker)
            observed = look_at(rows, pipeline.key, rows.select(*pipeline.outputs).schema)
            counts, gates = audit(observed, marker["rows_input"], pipeline.outputs, pipeline.limits)
            verdict = Verdict((*[CheckResult(**result) for result in marker["suite"]], *gates))
            stage.finish({**marker, "counts": asdict(counts), "verdict": verdict.as_json()})
            _reject_unless_accepted(resolved, stage, verdict, counts, accepted)
        staged_at = dt.datetime.fromisoformat(marker["staged_at"])
        with steps("quarantine"):
            if counts.quarantined:
                append_quarantine(quarantine_of(rows, resolved, staged_at), layout.quarantine, manifest.run_id)
        with steps("publish"):
            frame = predictions_of(rows, resolved, staged_at)
            outcome = publish(frame, layout.predictions, resolved.slice, manifest.fence, manifest.commit_metadata())
        with steps("record"):
            waived = json.dumps(asdict(accepted)) if accepted.checks else None
            layout.ledger.append(
                replace(
                    _judged(_entry(resolved, outcome), verdict, counts),
                    timings=json.dumps(steps.timings),
                    accepted=waived,
                )
            )
            stage.discard()
    finally:
        stage.leave()
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
        tables={"predictions": layout.predictions, "quarantine": layout.quarantine},
    )


def _already_done(
    resolved: Resolved, earlier: Sequence[Entry], published_run: str | None, steps: Steps
) -> Result | None:
    """The published run's result, where it has this run's key."""
    layout = resolved.layout
    entry = next((entry for entry in earlier if entry.run_id == published_run), None)
    if entry is None or entry.run_key != resolved.manifest.run_key:
        return None
    manifest = entry.value("manifest")
    return Result(
        outcome="already_done",
        run_id=entry.run_id,
        pipeline=entry.pipeline,
        score_date=entry.score_date,
        model=manifest["model"],
        sources=manifest["sources"],
        counts=Counts(entry.rows_input or 0, entry.rows_scored or 0, entry.rows_quarantined or 0),
        verdict=Verdict(tuple(CheckResult(**result) for result in entry.value("verdict") or [])),
        timings=dict(steps.timings),
        tables={"predictions": layout.predictions, "quarantine": layout.quarantine},
    )


def _refuse_retracted(resolved: Resolved, earlier: Sequence[Entry]) -> None:
    pipeline, slice_ = resolved.definition.pipeline.name, resolved.slice
    for entry in earlier:
        if entry.state == "retracted" and entry.run_key == resolved.manifest.run_key:
            raise RejectedError(
                f"the slice {slice_.score_date} of '{pipeline}' was taken back; this run would publish the same rows",
                expected="another input, model or configuration than that of the retracted run",
                found=f"run {entry.run_id}, retracted {entry.at:%Y-%m-%d %H:%M} UTC: {entry.error}",
                remedy="mend what was wrong; or publish it all the same with --force",
            )


def _reject_unless_accepted(
    resolved: Resolved, stage: Stage, verdict: Verdict, counts: Counts, accepted: Acceptance
) -> None:
    known = [result.check_id for result in verdict.results]
    for check_id in accepted.checks:
        if check_id not in known:
            raise UsageError(f"--accept: there is no check '{check_id}'", remedy=did_you_mean(check_id, known))
        if check_id in NEVER_ACCEPTED:
            raise UsageError(f"--accept: '{check_id}' cannot be waived: a slice that fails it is never right")
    failed = verdict.failed_gates(accepted.checks)
    if not failed:
        return
    resolved.layout.ledger.append(
        replace(
            _judged(_entry(resolved, "rejected"), verdict, counts),
            error="; ".join(f"{result.check_id}: {result.observed}" for result in failed),
        )
    )
    waivable = [result.check_id for result in failed if result.check_id not in NEVER_ACCEPTED]
    command = f"lakescore score {resolved.definition.pipeline.name} --date {resolved.slice.score_date}"
    publish_anyway = " ".join([command, *[f"--accept {check_id}" for check_id in waivable], "--reason …"])
    raise RejectedError(
        f"the slice {resolved.slice.score_date} of '{resolved.definition.pipeline.name}' is rejected by "
        f"{len(failed)} {'gate' if len(failed) == 1 else 'gates'}; what was published before stays",
        expected="; ".join(f"{result.check_id}: {result.expected}" for result in failed),
        found="; ".join(f"{result.check_id}: {_number(result.observed)}" for result in failed),
        remedy=(
            f"look at `lakescore runs show {resolved.manifest.run_id}`, with the rows in {stage.rows}; "
            + (f"to publish all the same: {publish_anyway}" if len(waivable) == len(failed) else "mend the input")
        ),
    )


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _entry(resolved: Resolved, state: State, *, manifest: str | None = None, error: str | None = None) -> Entry:
    return Entry(
        run_id=resolved.manifest.run_id,
        pipeline=resolved.definition.pipeline.name,
        score_date=resolved.slice.score_date,
        model_name=resolved.slice.model_name,
        model_version=resolved.model.version,
        run_key=resolved.manifest.run_key,
        fence=resolved.manifest.fence,
        state=state,
        manifest=manifest,
        error=error,
    )


def _judged(entry: Entry, verdict: Verdict, counts: Counts) -> Entry:
    return replace(
        entry,
        rows_input=counts.input,
        rows_scored=counts.scored,
        rows_quarantined=counts.quarantined,
        verdict=json.dumps(verdict.as_json()),
    )
