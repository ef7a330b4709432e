"""The command line as a user meets it: exit codes, errors without a traceback, plain lines when piped."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import typer.main
from support.documented_commands import found_verb, taken, verbs_of

import jobs.cli.app as command_line
from jobs.cli import main, terminal
from jobs.cli.app import app
from jobs.cli.verbs import init
from pipelines.resolution.versions import code_version
from pipelines.runs.tables import TableChange

ROOT = Path(__file__).parents[3]
NO_JAVA = {"JAVA_HOME": "/nonexistent"}


def lakescore(conf: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with the test's configuration."""
    environment = {**os.environ, "LAKESCORE_CONF": str(conf), "LAKESCORE_ENVIRONMENT": "local", **variables}
    command = [sys.executable, "-m", "jobs.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False, timeout=60)
    assert "Traceback" not in done.stderr
    return done


DAY = ["--date", "2013-07-01"]
WRONG_USE: dict[str, tuple[list[str], list[str]]] = {
    "unknown pipeline": (
        ["score", "flight_delay", *DAY],
        ["there is no pipeline 'flight_delay'", "did you mean 'flight_delays'?"],
    ),
    "no date": (
        ["score", "flight_delays", "--date", "2013-02-30"],
        ["--date: this is no date", "expected: YYYY-MM-DD", "found: 2013-02-30"],
    ),
    "accepted without a reason": (["score", "flight_delays", *DAY, "--accept", "x"], ["--accept needs a --reason"]),
    "period that ends before it begins": (
        ["backfill", "flight_delays", "--from", "2013-07-02", "--to", "2013-07-01"],
        ["--to is before --from", "found: 2013-07-02 2013-07-01"],
    ),
    "unknown cause": (
        ["plan", "flight_delays", "--from", "2013-07-01", "--to", "2013-07-02", "--stale-because", "code,modle"],
        ["--stale-because: there is no 'modle'", "expected: model, code, packages", "did you mean 'model'?"],
    ),
    "files removed too early": (
        ["maintain", "flight_delays", "--keep-days", "-1"],
        ["Invalid value for '--keep-days'", "see lakescore maintain --help"],
    ),
    "no Java": (
        ["score", "flight_delays", *DAY],
        ["Spark needs Java, and there is none", "found: /nonexistent", "openjdk-17", "JAVA_HOME"],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "expected"), WRONG_USE.values(), ids=WRONG_USE)
def test_wrong_use_ends_with_2_and_says_what_to_do(conf: Path, arguments: list[str], expected: list[str]) -> None:
    done = lakescore(conf, *arguments, **NO_JAVA)
    assert done.returncode == 2, done.stderr
    assert [text for text in expected if text not in done.stderr] == []
    assert done.stdout == ""
    assert not (conf.parent / "warehouse").exists()


@pytest.mark.slow
def test_a_package_that_is_not_installed_is_told_with_what_brings_it(conf: Path) -> None:
    program = "import sys; sys.modules['pyspark'] = None; from jobs.cli import main; main()"
    command = [sys.executable, "-c", program, "--conf", str(conf), "check", "flight_delays", "--offline"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "found: no 'pyspark' for" in done.stderr
    assert 'pip install "lakescore[spark]"' in done.stderr


def in_process(conf: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """The exit code of a command that needs no process of its own."""
    monkeypatch.setattr(sys, "argv", ["lakescore", "--conf", str(conf), *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["runs", "flight_delays"], (1, "lakescore tables create")),
        (["runs", "flight_delay"], (2, "did you mean 'flight_delays'?")),
        (["runs", "show"], (2, "lakescore runs show RUN_ID")),
        (["score", "flight_delays"], (2, "--date")),
        (["score", "flight_delays", "--date", "2013-07-01", "--reason", "x"], (2, "--accept CHECK_ID")),
        (["retract", "flight_delays", "--date", "2013-07-01", "--reason", " "], (2, "needs a reason")),
        (["--env", "locla", "check"], (2, "did you mean 'local'?")),
        (["scroe", "flight_delays"], (2, "error: No such command 'scroe'. Did you mean 'score'?")),
        (["quarantine", "lst", "flight_delays"], (2, "Did you mean 'list'?")),
        (["score", "flight_delays", "--dat", "2013-07-01"], (2, "Possible options: --accept, --date")),
        (["quarantine"], (2, "see lakescore quarantine --help")),
        (["report", "flight_delay"], (2, "did you mean 'flight_delays'?")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_error_has_its_exit_code_and_says_what_to_do(
    conf: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: tuple[int, str],
) -> None:
    monkeypatch.delenv("LAKESCORE_ENVIRONMENT", raising=False)
    code = in_process(conf, monkeypatch, *arguments)
    assert (code, expected[1] in capsys.readouterr().err) == (expected[0], True)


def test_machines_are_told_of_tables_and_views(
    conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = TableChange("predictions", "/somewhere")
    monkeypatch.delenv("LAKESCORE_ENVIRONMENT", raising=False)
    monkeypatch.setattr("jobs.cli.verbs.check_and_tables.session_of", lambda project: None)
    monkeypatch.setattr("pipelines.runs.tables.create_tables", lambda *_: [made])
    monkeypatch.setattr("pipelines.reports.views.create_catalog_views", lambda *_: ["sales.flight_delays_runs"])
    assert in_process(conf, monkeypatch, "tables", "create", "flight_delays", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "tables": [{"table": "predictions", "location": "/somewhere", "columns_added": []}],
        "views": ["sales.flight_delays_runs"],
    }


INIT = ["init", "rain", "--source", "weather.csv", "--model"]


@pytest.mark.parametrize("model", ["m@", "@c", "m", "m/", "m/x", "m/0", "m/²", "/1", "@", "/", ""])
def test_a_model_without_an_alias_or_version_is_refused_before_spark_starts(
    conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    monkeypatch.delenv("LAKESCORE_ENVIRONMENT", raising=False)
    monkeypatch.setattr("jobs.cli.verbs.init.session_of", None)
    assert in_process(conf, monkeypatch, *INIT, model) == 2
    told = capsys.readouterr().err
    assert "--model: no alias or version is named" in told
    assert "expected: NAME@ALIAS or NAME/VERSION" in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m@champion", ("m", "champion", None)),
        ("m/12", ("m", None, 12)),
        ("main.sales.m/3", ("main.sales.m", None, 3)),
        ("a/b@c", ("a/b", "c", None)),
    ],
)
def test_a_model_is_named_by_alias_or_version(text: str, expected: tuple[str, str | None, int | None]) -> None:
    model = init.read_model(text, False, False, [])
    assert (model.name, model.alias, model.version) == expected


def test_a_question_without_an_answer_ends_in_a_line(
    conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unanswered(**_: object) -> None:
        raise typer.Abort

    monkeypatch.setattr(command_line, "app", unanswered)
    assert in_process(conf, monkeypatch, "init") == command_line.INTERRUPTED
    assert capsys.readouterr().err == "error: no answer was given; nothing was changed\n"


def test_an_error_of_the_projects_own_keeps_its_traceback_in_a_file(
    conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(project: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr("pipelines.config.pipeline_names", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert in_process(conf, monkeypatch, "runs", "flight_delays") == 1
    observed = capsys.readouterr().err
    (log,) = tmp_path.glob("lakescore-*.log")
    assert "unexpected: ZeroDivisionError: a mistake of ours" in observed
    assert str(log) in observed
    assert "Traceback" not in observed
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_a_data_file_that_is_gone_is_said_in_one_sentence_by_every_verb(
    conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from pyspark.errors import PySparkException

    def broken(project: object) -> None:
        raise PySparkException("[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file a.parquet.")

    monkeypatch.setattr("pipelines.config.pipeline_names", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert in_process(conf, monkeypatch, "runs", "flight_delays") == 1
    observed = capsys.readouterr().err
    assert observed.startswith("error: a data file of the input cannot be read")
    assert "a.parquet" in observed
    assert not list(tmp_path.glob("lakescore-*.log"))


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "expected"), [("flig", ["flight_delays"]), ("x", [])])
def test_the_shell_completes_names_of_pipelines(conf: Path, typed: str, expected: list[str]) -> None:
    words = {"COMP_WORDS": f"lakescore score {typed}", "COMP_CWORD": "2", "_LAKESCORE_COMPLETE": "complete_bash"}
    assert lakescore(conf, **words).stdout.split() == expected


VERBS = sorted(verbs_of(typer.main.get_command(app)))


def test_a_line_is_plain_when_piped(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = terminal.new_table(("slice", "state"), ("rows",), ("why",))
    table.add_row("2013-07-01", "stale", "966", "a long reason " * 30)
    terminal.show(table)
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["slice", "state", "rows", "why"]
    assert row.split("  ")[:3] == ["2013-07-01", "stale", " 966"]
    assert row.endswith("a long reason")


def test_the_version_is_told_as_runs_record_it(
    conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_process(conf, monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"lakescore {code_version()}\n"


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_every_verb_has_an_example_that_is_taken_and_answers_machines(words: tuple[str, ...]) -> None:
    command, context = found_verb(words)
    examples = re.findall(r"`(lakescore .*?)`", command.help.partition("Example: ")[2])
    assert examples
    for example in examples:
        taken(shlex.split(example))
        assert example.split()[1 : len(words) + 1] == list(words)
    assert {"--json", "--help"} <= {option for item in command.get_params(context) for option in item.opts}


def test_without_words_it_says_what_there_is(
    conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["lakescore"])
    with pytest.raises(SystemExit) as caught:
        main()
    told = capsys.readouterr().out
    assert caught.value.code == 0
    assert [purpose for purpose in command_line.VERBS if purpose not in told] == []


def test_every_verb_has_a_script_for_spark_submit() -> None:
    verbs = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    scripts = {file.stem for file in (ROOT / "jobs").glob("*.py")}
    assert verbs - scripts == {"new", "schema"}  # writes files beside the configuration
