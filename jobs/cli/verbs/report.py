"""`lakescore report`."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli import terminal
from jobs.cli.result_file import print_json, write_file
from jobs.cli.verbs.options import AsJson, complete_pipelines, pipelines_of, project_of, session_of
from pipelines.errors import UsageError, did_you_mean

RUN_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")


def report(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="PIPELINE_OR_RUN_ID", help="A pipeline, or one of its runs.", autocompletion=complete_pipelines
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write into this file. Default: report-….html here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one page of HTML of a run, or of a pipeline's newest slices; it needs no network and no server.

    Example: `lakescore report flight_delays`
    """
    from jobs.cli.pages.page import pipeline_page, run_page
    from pipelines.reports.facts import pipeline_facts, run_facts

    project = project_of(None)
    session = partial(session_of, project)
    names = pipelines_of(project, None)
    if subject in names:
        text = pipeline_page(pipeline_facts(session, project, subject))
    elif RUN_ID.fullmatch(subject):
        text = run_page(run_facts(session, project, subject))
    else:
        raise UsageError(f"'{subject}' is neither a pipeline nor a run's id", remedy=did_you_mean(subject, names))
    file = output or Path(f"report-{subject}.html")
    write_file(file, text, "--output")
    print_json({"file": str(file)}) if as_json else terminal.say(str(file))
