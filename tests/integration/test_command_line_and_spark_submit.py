"""`lakescore` and spark-submit: the same rows, the same exit codes, JSON that a machine can read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.small_project import DAY, SPARK, SUITE, SmallProject, copy_of, expectation, without_run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run(small: SmallProject, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    settings = {
        **os.environ,
        "LAKESCORE_CONF": str(small.root / "conf"),
        "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]]),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        **variables,
    }
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env=settings, cwd=small.root
    )


def submit(small: SmallProject, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(
        small, str(BIN / "spark-submit"), "--master", "local[2]", "--driver-memory", "1g", str(ROOT / "jobs/score.py"),
        *arguments,
    )  # fmt: skip


@pytest.fixture(scope="module")
def by_command(empty: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A project whose slice was scored by `lakescore score`, with words for people."""
    small = copy_of(empty, tmp_path_factory.mktemp("k"))
    ended = run(small, str(BIN / "lakescore"), "score", "orders", "--date", str(DAY))
    assert ended.returncode == 0, ended.stderr
    assert "40 = 36 scored + 4 quarantined" in ended.stdout
    return small


@pytest.fixture(scope="module")
def submitted(empty: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A project of its own for spark-submit."""
    return copy_of(empty, tmp_path_factory.mktemp("k"))


@pytest.mark.soak  # CI holds a backfill by spark-submit against one by the command, in test_backfill_in_processes.py
def test_spark_submit_gives_the_rows_of_the_command_and_json_alone_on_stdout(
    by_command: SmallProject, submitted: SmallProject
) -> None:
    ended = submit(submitted, "orders", "--date", str(DAY), "--json")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["outcome"] == "published"
    assert result["counts"] == {"input": 40, "scored": 36, "quarantined": 4}
    assert without_run(submitted.predictions()) == without_run(by_command.predictions()) != []
    assert without_run(submitted.quarantine()) == without_run(by_command.quarantine()) != []


@pytest.mark.soak  # docs/rejected.md shows it, and CI types that
def test_a_gate_that_fails_exits_with_3(submitted: SmallProject, by_command: SmallProject) -> None:
    before = by_command.predictions()
    by_command.suite(*SUITE, expectation("table_row_count_to_be_between", "enough_orders", min_value=100))
    ended = submit(by_command, "orders", "--date", str(DAY))
    assert ended.returncode == 3
    told = ended.stdout + ended.stderr  # spark-submit merges the two of its Python process
    assert "enough_orders" in told
    assert "Traceback" not in told
    assert by_command.predictions() == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("order", "--date", str(DAY)), "did you mean 'orders'?"),
        (("orders", "--date", "2024-13-01"), "this is no date"),
        (("orders", "--date", str(DAY), "--accept", "x"), "--accept needs a --reason"),
    ],
    ids=["unknown pipeline", "no date", "no reason"],
)
def test_wrong_use_exits_with_2(submitted: SmallProject, arguments: tuple[str, ...], told: str) -> None:
    ended = submit(submitted, *arguments)
    assert ended.returncode == 2
    said = ended.stdout + ended.stderr
    assert told in said
    assert "Traceback" not in said


def test_bad_input_exits_with_1(empty: SmallProject, tmp_path: Path) -> None:
    small = copy_of(empty, tmp_path)
    small.configure(model={"name": "retrns", "alias": "champion"})
    ended = run(small, str(BIN / "lakescore"), "score", "orders", "--date", str(DAY), "--json")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "did you mean 'returns'?" in ended.stderr
    assert "Traceback" not in ended.stderr
    (log,) = re.findall(r"Spark's log: (\S+)", ended.stderr)
    assert " INFO org.apache.spark.SparkContext: " in Path(log).read_text()
    Path(log).unlink()


def test_a_run_that_ends_well_leaves_no_log_of_spark(empty: SmallProject, tmp_path: Path) -> None:
    small, temporary = copy_of(empty, tmp_path / "small"), tmp_path / "temporary"
    temporary.mkdir()
    ended = run(small, str(BIN / "lakescore"), "check", "orders", TMPDIR=str(temporary))
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""  # neither Java nor Spark says a word
    assert not list(temporary.glob("lakescore-*.log"))


def test_a_temporary_folder_with_a_space_takes_the_log_of_spark(empty: SmallProject, tmp_path: Path) -> None:
    small, temporary = copy_of(empty, tmp_path / "small"), tmp_path / "of 'mine' too"
    temporary.mkdir()
    ended = run(small, str(BIN / "lakescore"), "check", "orders", TMPDIR=str(temporary))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not list(temporary.glob("lakescore-*.log"))
    small.configure(model={"name": "retrns", "alias": "champion"})
    score = (str(BIN / "lakescore"), "score", "orders", "--date", str(DAY))
    failed = run(small, *score, TMPDIR=str(temporary))
    (log,) = temporary.glob("lakescore-spark-*.log")
    assert f"Spark's log: {log}\n" in failed.stderr
    assert " INFO org.apache.spark.SparkContext: " in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600  # it may tell of rows


def test_a_package_that_cannot_be_fetched_is_told_with_what_it_needs(empty: SmallProject, tmp_path: Path) -> None:
    small = copy_of(empty, tmp_path)
    nowhere = {"spark.jars.packages": "org.example:nothing:1.0", "spark.jars.ivy": str(tmp_path / "ivy")}
    small.environment(spark={**SPARK, **nowhere})
    ended = run(small, str(BIN / "lakescore"), "check", "orders")
    assert ended.returncode == 2
    assert "[unresolved dependency: org.example#nothing;1.0: not found]" in ended.stderr
    assert "the jars of spark.jars.packages are fetched over the network" in ended.stderr
    (log,) = re.findall(r"all that it said is in (\S+)", ended.stderr)
    Path(log).unlink()


@pytest.mark.parametrize(
    ("memory", "told"),
    [("1x", "found: Invalid maximum heap size: -Xmx1x"), ("900000g", "found: Could not reserve enough space for ")],
)
def test_a_java_that_does_not_start_is_told_with_its_own_words(
    empty: SmallProject, tmp_path: Path, memory: str, told: str
) -> None:
    small = copy_of(empty, tmp_path)
    small.environment(spark={**SPARK, "spark.driver.memory": memory})
    ended = run(small, str(BIN / "lakescore"), "check", "orders")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Java ended before Spark was there" in ended.stderr
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
    (log,) = re.findall(r"all that it said is in (\S+)", ended.stderr)
    Path(log).unlink()


@pytest.mark.soak  # the documentation types these commands too
def test_the_quarantine_is_looked_at_and_replayed_from_the_command_line(
    by_command: SmallProject, tmp_path: Path
) -> None:
    small = copy_of(by_command, tmp_path)
    small.suite(*SUITE[1:])
    command = str(BIN / "lakescore")
    listed = run(small, command, "quarantine", "list", "orders")
    assert "amount is -5.0; expected >= 0 and <= 1000" in listed.stdout
    shown = run(small, command, "quarantine", "show", "orders", "--date", str(DAY), "--rule", "email_is_one")
    assert "email is ***; expected a match of @" in shown.stdout
    assert "1 of 1 rows" in shown.stdout
    period = ("orders", "--from", str(DAY), "--to", str(DAY))
    asked = run(small, command, "quarantine", "replay", *period)
    assert "nothing was run; add --yes" in asked.stderr
    replayed = run(small, str(BIN / "spark-submit"), str(ROOT / "jobs/quarantine.py"), "replay", *period, "--yes")
    assert "in the tables 40 input = 37 scored + 3 quarantined, as it must be" in replayed.stdout
    assert [ended.returncode for ended in (listed, shown, asked, replayed)] == [0, 0, 0, 0]


def test_results_are_told_in_great_expectations_format_and_as_pages(by_command: SmallProject, tmp_path: Path) -> None:
    run_id = by_command.predictions()[0]["run_id"]
    told = run(by_command, str(BIN / "lakescore"), "results", run_id)
    result = json.loads(told.stdout)
    assert result["statistics"] == {
        "evaluated_expectations": 5,
        "successful_expectations": 2,
        "unsuccessful_expectations": 3,
        "success_percent": 40.0,
    }
    run(by_command, str(BIN / "lakescore"), "results", run_id, "--docs", str(tmp_path / "docs"))
    assert (tmp_path / "docs" / "index.html").is_file()
    assert list((tmp_path / "docs" / "validations").rglob("*.html"))


def test_check_tells_what_costs_more_and_why(by_command: SmallProject, tmp_path: Path) -> None:
    small = copy_of(by_command, tmp_path)
    unique = expectation("column_values_to_be_unique", "email_is_unique", column="email")
    increasing = expectation("column_values_to_be_increasing", "ids_grow", column="id")
    small.suite(*SUITE, unique, increasing)
    told = run(small, str(BIN / "lakescore"), "check", "orders")
    assert told.returncode == 0, told.stderr
    assert "judged on the stage, as they speak of the slice as a whole: email_is_unique" in told.stdout
    assert "ids_grow: computed by Great Expectations' engine, which reads the slice again" in told.stdout
