"""The command line: `lakescore VERB`. Parses, calls a run, shows what it came to."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs import rendering
from jobs.verbs import analysis, backfilling, initializing, models, quarantine, reporting, upkeep, validation
from jobs.verbs.options import (
    AsJson,
    PipelineName,
    ResultFile,
    ScoreDate,
    Settings,
    SomePipeline,
    date_of,
    print_json,
    project_of,
    session_of,
    write_error,
    write_result,
)
from pipelines.config import pipeline_names
from pipelines.config.schema import write_schemas
from pipelines.errors import PipelineError, UsageError

app = typer.Typer(
    name="lakescore",
    help="Score slices of Delta tables with registered models; every row accounted for.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use or configuration, 3 rejected by a gate.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
tables = typer.Typer(help="Create and evolve the tables that scoring writes to.", no_args_is_help=True)
app.add_typer(tables, name="tables")
app.add_typer(quarantine.app, name="quarantine")


@app.callback()
def options(
    conf: Annotated[
        Path | None, typer.Option(help="The configuration folder. Default: $LAKESCORE_CONF or ./conf.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option("--env", help="A file in conf/environments. Default: $LAKESCORE_ENVIRONMENT or local.")
    ] = None,
) -> None:
    """Take the options that all verbs share."""
    Settings.conf, Settings.environment = conf, environment


@app.command()
def score(
    pipeline: PipelineName,
    date: ScoreDate,
    force: Annotated[
        bool, typer.Option("--force", help="Score again although nothing changed, or it was retracted.")
    ] = False,
    model_version: Annotated[int | None, typer.Option(help="Take this version in place of the configured one.")] = None,
    accept: Annotated[
        list[str] | None, typer.Option(metavar="CHECK_ID", help="Publish although this check fails.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why a failed check is accepted; kept in the ledger.")] = "",
    result_file: ResultFile = None,  # noqa: ARG001 - its callback remembers it, for errors too
    as_json: AsJson = False,
) -> None:
    """Score one slice and publish it. Example: `lakescore score flight_delays --date 2013-07-01`."""
    from pipelines.runs.results import Acceptance
    from pipelines.runs.scoring import score as score_slice

    score_date = date_of(date)
    if accept and not reason.strip():
        raise UsageError("--accept needs a --reason: it is kept on the record", remedy='add --reason "…"')
    if reason and not accept:
        raise UsageError("--reason says why a check is accepted", remedy="name the check by --accept CHECK_ID")
    project = project_of(pipeline)
    spark = session_of(project)
    with rendering.progress(f"{pipeline} {score_date}", quiet=as_json) as tell:
        result = score_slice(
            spark,
            project,
            pipeline,
            score_date,
            force=force,
            model_version=model_version,
            accepted=Acceptance(tuple(accept or ()), reason),
            progress=tell,
        )
    write_result(result.as_json())
    print_json(result.as_json()) if as_json else rendering.show_result(result)


@app.command()
def check(
    pipeline: SomePipeline = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Look at files only, not at registry and sources; starts no Spark.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check configuration, suite, sources and model, but read no row. Example: `lakescore check flight_delays`."""
    from pipelines.runs.checking import check_pipeline

    project = project_of(pipeline)
    names = [pipeline] if pipeline else pipeline_names(project)
    if not names:
        raise UsageError("there is no pipeline to check", expected=f"a YAML file in {project.conf / 'pipelines'}")
    reports, errors = [], []
    for name in names:
        try:
            reports.append(check_pipeline(project, name, None if offline else partial(session_of, project)))
        except PipelineError as error:
            errors.append((name, error))
    if as_json:
        ok = [{**asdict(report), "ok": True} for report in reports]
        print_json(ok + [{"pipeline": name, "ok": False, "error": str(wrong)} for name, wrong in errors])
    else:
        rendering.show_reports(reports)
        for name, wrong in errors:
            rendering.show_error(f"{name}: {wrong}")
    if errors:
        raise typer.Exit(max(wrong.exit_code for _, wrong in errors))


@tables.command("create")
def create_tables(pipeline: SomePipeline = None, as_json: AsJson = False) -> None:
    """Make the tables of one pipeline, or of all. Example: `lakescore tables create flight_delays`."""
    from pipelines.runs.tables import create_tables as create

    _change_tables(create, pipeline, as_json)


@tables.command("evolve")
def evolve_tables(pipeline: SomePipeline = None, as_json: AsJson = False) -> None:
    """Add the columns that tables lack. Example: `lakescore tables evolve flight_delays`."""
    from pipelines.runs.tables import evolve_tables as evolve

    _change_tables(evolve, pipeline, as_json)


@app.command()
def retract(
    pipeline: PipelineName,
    date: ScoreDate,
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")],
    as_json: AsJson = False,
) -> None:
    """Take a slice back. Example: `lakescore retract flight_delays --date 2013-07-01 --reason "wrong weather"`."""
    from pipelines.runs.retracting import retract as take_back

    score_date = date_of(date)
    if not reason.strip():
        raise UsageError("a retraction needs a reason: it is kept on the record")
    project = project_of(pipeline)
    retraction = take_back(session_of(project), project, pipeline, score_date, reason)
    if as_json:
        print_json({**vars(retraction), "score_date": score_date.isoformat()})
    else:
        rendering.say(f"The slice {score_date} of {pipeline} is taken back; its run was {retraction.run_id}.")


@app.command()
def runs(
    pipeline: Annotated[
        str | None, typer.Argument(metavar="[PIPELINE | show]", help="A pipeline; or `show` and a run.")
    ] = None,
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN_ID]", help="With `show`: the run.")] = None,
    most: Annotated[int, typer.Option(min=1, help="List this many of the newest runs.")] = 30,
    as_json: AsJson = False,
) -> None:
    """List runs, or show one whole. Example: `lakescore runs flight_delays`; `lakescore runs show RUN_ID`."""
    from pipelines.runs.layout import ledger_of
    from pipelines.tables.ledger import last_words

    shown = pipeline == "show"
    if shown != (run_id is not None):
        raise UsageError("runs takes a pipeline, or `show` and a run's id", remedy="lakescore runs show RUN_ID")
    project = project_of(None if shown else pipeline)
    ledger = ledger_of(project)
    if not shown:
        entries = ledger.latest(pipeline=pipeline)[-most:]
        print_json([rendering.as_plain(entry) for entry in entries]) if as_json else rendering.show_runs(entries)
        return
    history = ledger.of_run(str(run_id))
    if as_json:
        print_json([rendering.as_plain(entry) for entry in history])
    else:
        rendering.show_run(history, *last_words(history))


@app.command()
def schema() -> None:
    """Write the JSON Schema of the configuration to conf/schema, for editors."""
    for file in write_schemas(project_of(None).conf / "schema"):
        rendering.say(str(file))


for verb in (
    initializing.init,
    backfilling.plan,
    backfilling.backfill,
    upkeep.doctor,
    upkeep.repair,
    upkeep.maintain,
    validation.validate,
    validation.suggest,
    validation.results,
    models.certify,
    analysis.why,
    reporting.report,
    analysis.replay,
    analysis.views,
):
    app.command()(verb)


def main(verb: str | None = None) -> None:
    """Run the command line; with `verb`, as that verb.

    Exits with 0 when done, 1 when it failed, 2 on wrong use or configuration, 3 when a gate rejected the slice.
    """
    try:
        app(args=[verb, *sys.argv[1:]] if verb else sys.argv[1:], prog_name="lakescore")
    except PipelineError as error:
        spark_log = _spark_log() if error.exit_code == 1 else None
        rendering.show_error(f"{error}\n  Spark's log: {spark_log}" if spark_log is not None else str(error))
        with contextlib.suppress(PipelineError):  # it is told above
            write_error(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os._exit(0)  # whoever read our output has seen enough, as with `| head`
    except Exception as error:
        with tempfile.NamedTemporaryFile("w", prefix="lakescore-", suffix=".log", delete=False) as log:
            traceback.print_exc(file=log)
        first = (str(error).strip().splitlines() or [""])[0]
        spark_log = _spark_log()
        also = f", and Spark's log in {spark_log}" if spark_log is not None else ""
        told = f"unexpected: {type(error).__name__}: {first}\n  to do: the whole story is in {log.name}{also}"
        rendering.show_error(told)
        sys.exit(1)


def _spark_log() -> Path | None:
    """The file with Spark's log, where Spark was started; it is kept, as an error names it."""
    spark = sys.modules.get("pipelines.spark")  # not imported for this: a command that needs no Spark starts at once
    log: Path | None = None if spark is None else spark.log_file()
    if spark is not None:
        spark.keep_log()
    return log


def _change_tables(change: Any, pipeline: str | None, as_json: bool) -> None:
    from pipelines.runs.views import create_catalog_views

    project = project_of(pipeline)
    spark = session_of(project)
    names = [pipeline] if pipeline else pipeline_names(project)
    changes = [item for name in names for item in change(spark, project, name)]
    views = [view for name in names for view in create_catalog_views(spark, project, name)]
    if as_json:
        print_json([vars(item) for item in changes])
        return
    rendering.show_tables(changes)
    for view in views:
        rendering.say(f"{'view':<12}{view}")


if __name__ == "__main__":
    main()
