"""Score: one slice, or all of a period that are missing or stale; and take one back."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from lakescore.opening import Day, day_of, session
from pipelines.errors import UsageError

if TYPE_CHECKING:
    from lakescore.opening import Spark
    from pipelines.backfills.backfilling import Arrangement, Only, Summary, Watcher
    from pipelines.backfills.planning import Plan
    from pipelines.backfills.slice_state import Cause
    from pipelines.backfills.stop_signal import Stop
    from pipelines.config import Project
    from pipelines.runs.progress import Progress
    from pipelines.runs.results import Result
    from pipelines.upkeep.retracting import Retraction


def score(
    project: Project,
    pipeline: str,
    date: Day,
    *,
    spark: Spark = None,
    model_version: int | None = None,
    force: bool = False,
    accept: Collection[str] = (),
    reason: str = "",
    progress: Progress | None = None,
) -> Result:
    """Score one slice and publish it, or leave everything as it is.

    Args:
        project: as `open_project` gives it.
        pipeline: its name.
        date: which day, in the pipeline's time zone.
        spark: the session, or a function that gives it; by default one as the environment configures it.
        model_version: a version to take in place of the configured one.
        force: score again although nothing changed, the slice was retracted, or another version's rows stand there.
        accept: the ids of checks that may fail.
        reason: why they may; kept in the ledger.
        progress: called with the name of each step as it begins.

    Raises:
        RejectedError: a gate failed; the stage stays as evidence.
        UsageError: `accept` without a `reason`, or the reverse; or `model_version` would replace another's predictions.
        PipelineError: anything else that kept the slice from being published.
    """
    from pipelines.runs.progress import silent
    from pipelines.runs.scoring import score as score_slice
    from pipelines.validation.verdict import Acceptance

    if bool(accept) != bool(reason.strip()):
        raise UsageError("checks are accepted for a reason, which is kept on the record", expected="both, or neither")
    return score_slice(
        session(project, spark)(),
        project,
        pipeline,
        day_of(date),
        model_version=model_version,
        force=force,
        accepted=Acceptance(tuple(accept), reason),
        progress=progress or silent,
    )


def plan(
    project: Project,
    pipeline: str,
    first: Day,
    last: Day,
    *,
    spark: Spark = None,
    model_version: int | None = None,
    stale_because: Collection[Cause] = (),
) -> Plan:
    """What a backfill would do to each slice of a period, and why; nothing is staged or written.

    Args:
        project: as `open_project` gives it.
        pipeline: its name.
        first: the first day.
        last: the last day.
        spark: the session, or a function that gives it; only tables with names need one.
        model_version: the version that would score, in place of the configured one.
        stale_because: what else makes a published slice stale: `model`, `code`, `packages`.

    Raises:
        PipelineError: the pipeline, its model or a source is wrong.
    """
    from pipelines.backfills.planning import plan as plan_slices

    return plan_slices(
        session(project, spark),
        project,
        pipeline,
        day_of(first),
        day_of(last),
        model_version=model_version,
        stale_because=stale_because,
    )


def backfill(
    project: Project,
    pipeline: str,
    first: Day,
    last: Day,
    *,
    spark: Spark = None,
    model_version: int | None = None,
    stale_because: Collection[Cause] = (),
    only: Only | None = None,
    max_failures: int | None = None,
    slices_a_pass: int | None = None,
    parallel: int | None = None,
    planned: Plan | None = None,
    arranged: Arrangement | None = None,
    watcher: Watcher | None = None,
    stop: Stop | None = None,
) -> Summary:
    """Score every slice of a period that is missing or stale. Run again, it goes on from where it ended.

    Args:
        project: as `open_project` gives it.
        pipeline: its name.
        first: the first day.
        last: the last day.
        spark: the session, or a function that gives it; by default one as the environment configures it.
        model_version: the version that scores, in place of the configured one.
        stale_because: what else makes a published slice stale: `model`, `code`, `packages`.
        only: `missing` or `stale` ones; `all` scores again what is published. By default what is missing or stale.
        max_failures: begin no more slices after more than so many failed; by default go on.
        slices_a_pass: how many share a pass over the input; by default as many as do so well.
        parallel: how many passes at once; by default one, or of passes of one slice each one a core, at most four.
        planned: a plan of the same period, made just before; by default it is made here.
        arranged: how to go about its slices, as `arrange` has found; by default it is asked here.
        watcher: called with what happens.
        stop: by which a person may end it early.

    Raises:
        PipelineError: configuration, model or machine are wrong, so that no slice was begun.
    """
    from pipelines.backfills.backfilling import NOTHING_DUE, Unwatched, arrange, due, plan_backfill
    from pipelines.backfills.backfilling import backfill as run
    from pipelines.backfills.stop_signal import Stop as NeverStopped

    given = session(project, spark)
    if planned is None:
        planned = plan_backfill(
            given,
            project,
            pipeline,
            day_of(first),
            day_of(last),
            model_version=model_version,
            stale_because=stale_because,
        )
    if not due(planned, only):
        return NOTHING_DUE
    running = given()
    if arranged is None:
        arranged = arrange(
            running,
            project,
            planned,
            only=only,
            max_failures=max_failures,
            slices_a_pass=slices_a_pass,
            parallel=parallel,
        )
    return run(
        running,
        project,
        planned,
        only=only,
        max_failures=max_failures,
        parallel=arranged.parallel,
        together=arranged.together,
        watcher=watcher or Unwatched(),
        stop=stop or NeverStopped(),
    )


def retract(project: Project, pipeline: str, date: Day, *, reason: str, spark: Spark = None) -> Retraction:
    """Take a published slice back; its run, its quarantine and the table's history stay to be looked at.

    Args:
        project: as `open_project` gives it.
        pipeline: its name.
        date: which day.
        reason: why; kept in the ledger.
        spark: the session, or a function that gives it; by default one as the environment configures it.

    Raises:
        UsageError: the slice is not published, or there is no reason.
        ConflictError: another run published the slice meanwhile.
    """
    from pipelines.upkeep.retracting import retract as take_back

    if not reason.strip():
        raise UsageError("a retraction needs a reason: it is kept on the record")
    return take_back(session(project, spark)(), project, pipeline, day_of(date), reason)
