"""`lakescore runs`."""

from __future__ import annotations

from typing import Annotated

import typer

import lakescore
from jobs.cli.rendering.runs import show_run, show_runs
from jobs.cli.result_file import print_json
from jobs.cli.verbs.options import AsJson, project_of
from pipelines.errors import UsageError


def runs(
    pipeline: Annotated[
        str | None, typer.Argument(metavar="PIPELINE|show", help="A pipeline, all by default; or `show` and a run.")
    ] = None,
    run_id: Annotated[str | None, typer.Argument(metavar="RUN_ID", help="With `show`: the run.")] = None,
    most: Annotated[int, typer.Option(min=1, help="List this many of the newest runs.")] = 30,
    as_json: AsJson = False,
) -> None:
    """List runs; or show one whole: its states, what fixed its result, and every check.

    Example: `lakescore runs flight_delays`; `lakescore runs show 20261122T210104-4afbeeb1`
    """
    from pipelines.resolution.layout import ledger_of
    from pipelines.tables.ledger import last_words

    shown = pipeline == "show"
    if shown != (run_id is not None):
        raise UsageError("runs takes a pipeline, or `show` and a run's id", remedy="lakescore runs show RUN_ID")
    project = project_of(None if shown else pipeline)
    if not shown:
        entries = lakescore.runs(project, pipeline)[-most:]
        print_json([entry.as_json() for entry in entries]) if as_json else show_runs(entries)
        return
    history = ledger_of(project).of_run(str(run_id))
    if as_json:
        print_json([entry.as_json() for entry in history])
    else:
        show_run(history, *last_words(history))
