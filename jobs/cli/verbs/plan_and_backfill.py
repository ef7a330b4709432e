"""`lakescore plan` and `lakescore backfill`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import lakescore
from jobs.cli import terminal
from jobs.cli.rendering import backfill as shown
from jobs.cli.result_file import print_json, write_result
from jobs.cli.settings import Settings
from jobs.cli.verbs.options import (
    AsJson,
    FirstDate,
    LastDate,
    PipelineName,
    ResultFile,
    period_of,
    project_of,
    session_of,
)
from pipelines.errors import PipelineError, UsageError, did_you_mean

if TYPE_CHECKING:
    from pipelines.backfills.planning import Plan
    from pipelines.backfills.slice_state import Cause
    from pipelines.config import Project

ModelVersion = Annotated[int | None, typer.Option(min=1, help="Take this version in place of the configured one.")]
StaleBecause = Annotated[
    str | None,
    typer.Option(
        metavar="model,code,packages",
        help="Count published slices as stale for these changes too; best seen by `plan`.",
    ),
]


def plan(
    pipeline: PipelineName,
    first: FirstDate,
    last: LastDate,
    model_version: ModelVersion = None,
    stale_because: StaleBecause = None,
    sample: Annotated[
        bool, typer.Option(help="Where no earlier run tells how long it takes, score a sample to nothing.")
    ] = True,
    result_file: ResultFile = None,  # noqa: ARG001 - its callback remembers it, for errors too
    as_json: AsJson = False,
) -> None:
    """Say what a backfill would do to each slice, and why; nothing is staged or written.

    Example: `lakescore plan flight_delays --from 2013-07-01 --to 2013-07-31`
    """
    begin, end = period_of(first, last)
    causes = _causes(stale_because)
    project = project_of(pipeline)
    with terminal.working(f"{pipeline}: planning {begin} to {end}"):
        session = partial(session_of, project)
        planned = lakescore.plan(
            project, pipeline, begin, end, spark=session, model_version=model_version, stale_because=causes
        )
    if sample and planned.pace is None:
        planned = _with_estimates(project, planned, quiet=as_json)
    write_result(planned.as_json())
    if as_json:
        print_json(planned.as_json())
    else:
        options = command_options(model_version, stale_because)
        shown.show_plan(planned, f"lakescore{Settings.as_options()} backfill {pipeline}", options)


def backfill(
    pipeline: PipelineName,
    first: FirstDate,
    last: LastDate,
    model_version: ModelVersion = None,
    stale_because: StaleBecause = None,
    only: Annotated[
        Literal["missing", "stale", "all"] | None,
        typer.Option(help="Run these only; `all` scores again what is published. Default: what is missing or stale."),
    ] = None,
    max_failures: Annotated[
        int | None, typer.Option(min=0, help="Begin no more slices after more than this many failed. Default: go on.")
    ] = None,
    slices_a_pass: Annotated[
        int | None,
        typer.Option(
            min=1, help="Slices that share a pass over the input. Default: as many as do so well; 1 for none."
        ),
    ] = None,
    parallel: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Passes at once. Default: 1; of one slice each, one a core, at most 4."),
    ] = None,
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds that running slices have to finish after Ctrl-C or SIGTERM.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Score every slice of a period that is missing or stale. Run again, it goes on from where it ended.

    Example: `lakescore backfill flight_delays --from 2013-07-01 --to 2013-07-31`
    """
    from pipelines.backfills.backfilling import NOTHING_DUE, arrange, due, plan_backfill
    from pipelines.backfills.stop_signal import Stop, on_signals

    begin, end = period_of(first, last)
    wishes = {"model_version": model_version, "stale_because": _causes(stale_because)}
    project = project_of(pipeline)
    with terminal.working(f"{pipeline}: planning {begin} to {end}"):
        planned = plan_backfill(partial(session_of, project), project, pipeline, begin, end, **wishes)
    wanted = due(planned, only)
    if not as_json:
        shown.show_standing(planned, wanted)
    if not wanted:
        if as_json:
            print_json(NOTHING_DUE.as_json())
        return
    spark = session_of(project)  # before the signals are ours: Spark's start takes Ctrl-C for itself
    with terminal.working("looking which slices can share a pass"):
        arranged = arrange(
            spark,
            project,
            planned,
            only=only,
            max_failures=max_failures,
            slices_a_pass=slices_a_pass,
            parallel=parallel,
        )
    if arranged.at_once < arranged.parallel:
        terminal.note("one pass after the other: history gates compare slices with those before them", quiet=as_json)
    with (
        shown.watching(planned, wanted, arranged.at_once, quiet=as_json) as watcher,
        on_signals(Stop(grace, on_ask=watcher.stopping)) as stop,
    ):
        summary = lakescore.backfill(
            project,
            pipeline,
            begin,
            end,
            spark=spark,
            only=only,
            max_failures=max_failures,
            planned=planned,
            arranged=arranged,
            watcher=watcher,
            stop=stop,
        )
    if as_json:
        print_json(summary.as_json())
    else:
        options = command_options(model_version, stale_because, only, max_failures, slices_a_pass, parallel)
        shown.show_summary(summary, planned, f"lakescore{Settings.as_options()} backfill {pipeline}", options)
    raise typer.Exit(summary.exit_code)


def _with_estimates(project: Project, planned: Plan, *, quiet: bool) -> Plan:
    """The plan with estimates by a sample; what keeps that from being scored is shown beside the plan."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    from pipelines.backfills.estimating import estimated

    if not any(slice_.is_due for slice_ in planned.slices):
        return planned
    terminal.note("no earlier run tells how long it takes: scoring a sample to nothing …", quiet=quiet)
    try:
        spark = session_of(project)
        with terminal.working("scoring the sample"):
            return estimated(spark, project, planned)
    except (PipelineError, PySparkException, Py4JError) as error:  # the plan stands without
        terminal.note(f"the sample could not be scored: {error}")
        return planned


def command_options(
    model_version: int | None,
    stale_because: str | None,
    only: str | None = None,
    max_failures: int | None = None,
    slices_a_pass: int | None = None,
    parallel: int | None = None,
) -> str:
    """The options of a command that does the same again.

    >>> command_options(5, None, parallel=2)
    ' --model-version 5 --parallel 2'
    """
    given = {
        "model-version": model_version,
        "stale-because": stale_because,
        "only": only,
        "max-failures": max_failures,
        "slices-a-pass": slices_a_pass,
        "parallel": parallel,
    }
    return "".join(f" --{name} {value}" for name, value in given.items() if value is not None)


def _causes(text: str | None) -> tuple[Cause, ...]:
    from pipelines.backfills.slice_state import CAUSES

    named = [part.strip() for part in (text or "").split(",") if part.strip()]
    for name in named:
        if name not in CAUSES:
            raise UsageError(
                f"--stale-because: there is no '{name}'", expected=", ".join(CAUSES), remedy=did_you_mean(name, CAUSES)
            )
    return tuple(cause for cause in CAUSES if cause in named)
