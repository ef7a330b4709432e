"""`lakescore validate`, `suggest` and `results`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

import lakescore
from jobs.cli import terminal
from jobs.cli.rendering import validation
from jobs.cli.result_file import print_json, write_file
from jobs.cli.settings import command
from jobs.cli.verbs.options import AsJson, FirstDate, LastDate, PipelineName, period_of, project_of, session_of
from pipelines.errors import UsageError

OtherSuite = Annotated[
    Path | None, typer.Option("--suite", metavar="FILE", help="Another suite, held against the present one.")
]
SuiteFile = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Write the suite here; by default it is printed.")
]
DocsFolder = Annotated[
    Path | None, typer.Option("--docs", metavar="FOLDER", help="Build Great Expectations' Data Docs there.")
]


def validate(
    pipeline: PipelineName,
    first: FirstDate,
    last: LastDate,
    suite: OtherSuite = None,
    as_json: AsJson = False,
) -> None:
    """Judge past slices without scoring them: what a suite would quarantine or reject, day by day.

    Example: `lakescore validate flight_delays --from 2013-03-01 --to 2013-03-31 --suite stricter.json`
    """
    begin, end = period_of(first, last)
    if suite is not None and not suite.is_file():
        raise UsageError(f"--suite: there is no file {suite}", expected="a suite as Great Expectations writes it")
    project = project_of(pipeline)
    spark, days = session_of(project), []
    with terminal.working(f"{pipeline}: validating"):
        for day in lakescore.validate(project, pipeline, begin, end, suite=suite, spark=spark):
            days.append(day)
            terminal.note(f"{pipeline} {day.score_date}: {day.present.rows} rows", quiet=as_json)
    if as_json:
        print_json([validation.day_as_plain(day) for day in days])
    else:
        validation.show_days(days)


def suggest(
    pipeline: PipelineName,
    first: FirstDate,
    last: LastDate,
    output: SuiteFile = None,
    as_json: AsJson = False,
) -> None:
    """Profile a reference period in one pass, and suggest a suite with the evidence of each expectation in `meta`.

    Example: `lakescore suggest flight_delays --from 2013-05-01 --to 2013-06-30 --output suggested.json`
    """
    begin, end = period_of(first, last)
    if output is not None and output.exists():
        raise UsageError(f"--output: {output} is there already", remedy="name another file, or remove that one")
    if output is not None and not output.parent.is_dir():
        raise UsageError(f"--output: there is no folder {output.parent}")
    project = project_of(pipeline)
    spark = session_of(project)
    with terminal.working(f"{pipeline}: profiling {begin} to {end}"):
        found = lakescore.suggest(project, pipeline, begin, end, spark=spark)
    text = json.dumps(found, indent=2, default=str) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    write_file(output, text, "--output")
    count = len(found["expectations"])
    if as_json:
        print_json({"file": str(output), "expectations": count})
        return
    terminal.say(f"{output}: {count} expectations. Try them:")
    terminal.say(f"  {command('validate', pipeline, '--from', first, '--to', last, '--suite', str(output))}")


def results(
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN_ID…", help="Runs that were judged.")],
    docs: DocsFolder = None,
    as_json: AsJson = False,
) -> None:
    """Print runs' validation results as Great Expectations' JSON (always JSON), or build its Data Docs of them.

    Example: `lakescore results 20261122T210104-4afbeeb1 --docs docs`
    """
    from pipelines.reports.judged_runs import judged_runs
    from pipelines.resolution.layout import ledger_of
    from pipelines.validation.reporting import build_data_docs, suite_result

    runs = judged_runs(ledger_of(project_of(None)), run_ids)
    if docs is not None:
        index = str(build_data_docs(docs, runs))
        print_json({"file": index}) if as_json else terminal.say(index)
        return
    plain = [suite_result(run) for run in runs]
    print_json(plain[0] if len(plain) == 1 else plain)
