"""`lakescore report`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from jobs import rendering
from jobs.verbs.options import project_of, session_of, write_file
from pipelines.config import pipeline_names


def report(
    subject: Annotated[str, typer.Argument(metavar="PIPELINE_OR_RUN_ID", help="A pipeline, or one of its runs.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write into this file. Default: report-….html here.")
    ] = None,
) -> None:
    """Write one page of HTML of a run, or of a pipeline's newest slices; it needs no network and no server.

    Example: `lakescore report flight_delays`
    """
    from jobs.pages.page import pipeline_page, run_page
    from pipelines.runs.report_facts import pipeline_facts, run_facts

    project = project_of(None)
    session = partial(session_of, project)
    if subject in pipeline_names(project):
        text = pipeline_page(pipeline_facts(session, project, subject))
    else:
        text = run_page(run_facts(session, project, subject))
    file = output or Path(f"report-{subject}.html")
    write_file(file, text, "--output")
    rendering.say(str(file))
