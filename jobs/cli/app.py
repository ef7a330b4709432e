"""The command line: `lakescore VERB`. Puts the verbs together, and ends with the exit code that they came to."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from jobs.cli import terminal
from jobs.cli.result_file import write_error
from jobs.cli.settings import Settings
from jobs.cli.verbs import quarantine
from jobs.cli.verbs.certify import certify
from jobs.cli.verbs.check_and_tables import check, schema, tables
from jobs.cli.verbs.doctor_repair_maintain import doctor, maintain, repair
from jobs.cli.verbs.init import init
from jobs.cli.verbs.new import new
from jobs.cli.verbs.plan_and_backfill import backfill, plan
from jobs.cli.verbs.report import report
from jobs.cli.verbs.runs import runs
from jobs.cli.verbs.score_and_retract import retract, score
from jobs.cli.verbs.validate_suggest_results import results, suggest, validate
from jobs.cli.verbs.why_replay_views import replay, views, why
from pipelines.errors import PipelineError, SetupError, UsageError

OURS = ("lakescore", "pipelines", "jobs", "dags")
INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    name="lakescore",
    help="Score slices of Delta tables with registered models; every row accounted for.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use or configuration, 3 rejected by a gate.",
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _tell_version(asked: bool) -> None:
    if asked:
        from pipelines.resolution.versions import code_version

        terminal.say(f"lakescore {code_version()}")
        raise typer.Exit


@app.callback()
def options(
    conf: Annotated[
        Path | None, typer.Option(help="The configuration folder. Default: $LAKESCORE_CONF or ./conf.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option("--env", help="A file in conf/environments. Default: $LAKESCORE_ENVIRONMENT or local.")
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback tells it
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_tell_version, help="Say which version this is, as runs record it."
        ),
    ] = False,
) -> None:
    """Take the options that all verbs share."""
    Settings.conf, Settings.environment = conf, environment


VERBS: dict[str, tuple[Callable[..., None] | typer.Typer, ...]] = {
    "Begin": (new, init, check, tables, schema),
    "Score": (plan, score, backfill, retract),
    "Ask": (why, runs, report, quarantine.app, replay, views),
    "Validate": (validate, suggest, results, certify),
    "Look after": (doctor, repair, maintain),
}
"""All verbs, by what they are for."""

for purpose, verbs in VERBS.items():
    for verb in verbs:
        if isinstance(verb, typer.Typer):
            app.add_typer(verb, rich_help_panel=purpose)
        else:
            app.command(rich_help_panel=purpose)(verb)


def main(verb: str | None = None) -> None:
    """Run the command line; with `verb`, as that verb.

    Exits with 0 when done, 1 when it failed, 2 on wrong use or configuration, 3 when a gate rejected the slice.
    """
    words = [verb, *sys.argv[1:]] if verb else sys.argv[1:]
    try:
        code = app(args=words or ["--help"], prog_name="lakescore", standalone_mode=False)
        spark_log = _spark_log() if code == 1 else None
        terminal.note(f"Spark's log: {spark_log}", quiet=spark_log is None)
        sys.exit(code if isinstance(code, int) else 0)
    except PipelineError as error:
        _end_with(error)
    except TyperException as error:  # words that the command line does not take
        context = getattr(error, "ctx", None)
        asked = context.command_path if context is not None else "lakescore"
        _end_with(UsageError(error.format_message(), remedy=f"see {asked} --help"))
    except typer.Abort:
        terminal.show_error("no answer was given; nothing was changed")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os._exit(0)  # whoever read our output has seen enough, as with `| head`
    except Exception as error:
        known = _lacking(error) if isinstance(error, ModuleNotFoundError) else _meaning(error)
        if known is not None:
            _end_with(known)
        import tempfile
        import traceback

        with tempfile.NamedTemporaryFile("w", prefix="lakescore-", suffix=".log", delete=False) as log:
            traceback.print_exc(file=log)
        first = (str(error).strip().splitlines() or [""])[0]
        spark_log = _spark_log()
        also = f", and Spark's log in {spark_log}" if spark_log is not None else ""
        message = f"unexpected: {type(error).__name__}: {first}\n  to do: the whole story is in {log.name}{also}"
        terminal.show_error(message)
        sys.exit(1)


def _lacking(error: ModuleNotFoundError) -> PipelineError | None:
    """What to install for a module that is not there; None where it is one of ours."""
    package = (error.name or "").partition(".")[0]
    if package in ("", *OURS):
        return None
    return SetupError(
        "a package that this needs is not installed",
        expected="the packages of lakescore's extra 'spark', in the environment of this Python",
        found=f"no '{package}' for {sys.executable}",
        remedy='install lakescore with it: pip install "lakescore[spark]", with the wheel\'s path in place of the name',
    )


def _meaning(error: Exception) -> PipelineError | None:
    """The meaning of Spark's error if a data file or a value caused it, in whatever verb."""
    if "pyspark" not in sys.modules:
        return None
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    from pipelines.inputs.spark_errors import meaning_of_data

    return meaning_of_data(error) if isinstance(error, PySparkException | Py4JJavaError) else None


def _end_with(error: PipelineError) -> NoReturn:
    spark_log = _spark_log() if error.exit_code == 1 else None
    terminal.show_error(f"{error}\n  Spark's log: {spark_log}" if spark_log is not None else str(error))
    with contextlib.suppress(PipelineError):  # it is shown above
        write_error(error)
    sys.exit(error.exit_code)


def _spark_log() -> Path | None:
    """The file with Spark's log, where Spark was started; it is kept, as an error names it."""
    spark = sys.modules.get("pipelines.spark")  # not imported for this: a command that needs no Spark starts at once
    log: Path | None = None if spark is None else spark.log_file()
    if spark is not None:
        spark.keep_log()
    return log
