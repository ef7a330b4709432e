"""`lakescore score` and `lakescore retract`."""

from __future__ import annotations

from typing import Annotated

import typer

import lakescore
from jobs.cli import terminal
from jobs.cli.rendering.progress import progress
from jobs.cli.rendering.runs import show_result
from jobs.cli.result_file import print_json, write_result
from jobs.cli.verbs.options import AsJson, PipelineName, ResultFile, ScoreDate, date_of, project_of, session_of
from pipelines.errors import UsageError


def score(
    pipeline: PipelineName,
    date: ScoreDate,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Score again although nothing changed, it was retracted, or another version's rows stand there.",
        ),
    ] = False,
    model_version: Annotated[int | None, typer.Option(help="Take this version in place of the configured one.")] = None,
    accept: Annotated[
        list[str] | None, typer.Option(metavar="CHECK_ID", help="Publish although this check fails.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why a failed check is accepted; kept in the ledger.")] = "",
    result_file: ResultFile = None,  # noqa: ARG001 - its callback remembers it, for errors too
    as_json: AsJson = False,
) -> None:
    """Score one slice and publish it.

    Example: `lakescore score flight_delays --date 2013-07-01`
    """
    score_date = date_of(date)
    if accept and not reason.strip():
        raise UsageError("--accept needs a --reason: it is kept on the record", remedy='add --reason "…"')
    if reason and not accept:
        raise UsageError("--reason says why a check is accepted", remedy="name the check by --accept CHECK_ID")
    project = project_of(pipeline)
    spark = session_of(project)
    with progress(f"{pipeline} {score_date}", quiet=as_json) as tell:
        result = lakescore.score(
            project,
            pipeline,
            score_date,
            spark=spark,
            force=force,
            model_version=model_version,
            accept=accept or (),
            reason=reason,
            progress=tell,
        )
    write_result(result.as_json())
    print_json(result.as_json()) if as_json else show_result(result)


def retract(
    pipeline: PipelineName,
    date: ScoreDate,
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")],
    as_json: AsJson = False,
) -> None:
    """Take a published slice back.

    Example: `lakescore retract flight_delays --date 2013-07-01 --reason "wrong weather"`
    """
    score_date = date_of(date)
    if not reason.strip():
        raise UsageError("a retraction needs a reason: it is kept on the record")
    project = project_of(pipeline)
    spark = session_of(project)
    with terminal.working(f"{pipeline} {score_date}: taking it back"):
        retraction = lakescore.retract(project, pipeline, score_date, reason=reason, spark=spark)
    if as_json:
        print_json({**vars(retraction), "score_date": score_date.isoformat()})
    else:
        terminal.say(f"The slice {score_date} of {pipeline} is taken back; its run was {retraction.run_id}.")
