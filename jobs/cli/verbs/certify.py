"""`lakescore certify`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import lakescore
from jobs.cli import terminal
from jobs.cli.rendering.certificate import show_certificate
from jobs.cli.result_file import print_json
from jobs.cli.verbs.options import AsJson, PipelineName, ScoreDate, date_of, project_of, session_of

Rows = Annotated[int, typer.Option(min=1, max=100_000, help="How many of the slice's clean rows to take.")]
IsIsolated = Annotated[
    bool, typer.Option("--isolated", help="Also in an environment of the model's own, which may have to be built.")
]


def certify(
    pipeline: PipelineName, date: ScoreDate, rows: Rows = 1000, isolated: IsIsolated = False, as_json: AsJson = False
) -> None:
    """Score one sample in every way a run could, and tell how far the results are apart; exits with 3 if too far.

    Example: `lakescore certify flight_delays --date 2013-07-01`
    """
    score_date = date_of(date)
    project = project_of(pipeline)
    spark = session_of(project)
    with terminal.working(f"{pipeline} {score_date}: scoring a sample in every way"):
        certificate = lakescore.certify(project, pipeline, score_date, rows=rows, isolated=isolated, spark=spark)
    print_json(certificate.as_json()) if as_json else show_certificate(certificate)
    if not certificate.holds:
        sys.exit(3)
