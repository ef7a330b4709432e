"""`lakescore backfill` and spark-submit: ended by a person, killed at random, gone on with; the tables end the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from support.faults.random_kills import LAKESCORE, ROOT, begun, killed_as_undisturbed
from support.small_project import DAYS, REFUSED, ROWS, SmallProject, copy_of, without_run

pytestmark = pytest.mark.slow

PERIOD = ["orders", "--from", str(DAYS[0]), "--to", str(DAYS[-1])]


@pytest.fixture(scope="module")
def undisturbed(empty: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A project of which spark-submit backfilled all days."""
    small = copy_of(empty, tmp_path_factory.mktemp("k"))
    submit = [str(Path(sys.executable).with_name("spark-submit")), "--master", "local[2]", "--driver-memory", "1g"]
    variables = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    settings = {**os.environ, **variables, "LAKESCORE_CONF": str(small.root / "conf"), "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [*submit, str(ROOT / "jobs" / "backfill.py"), *PERIOD, "--json"],
        env=settings,
        cwd=small.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)
    assert [slice_["outcome"] for slice_ in summary["slices"]] == ["published"] * len(DAYS)
    return small


def test_spark_submit_backfills_all_days_and_answers_in_json(undisturbed: SmallProject) -> None:
    assert len(undisturbed.predictions()) == len(DAYS) * (ROWS - len(REFUSED))


def test_ctrl_c_lets_the_slice_at_work_finish_and_says_how_to_go_on(
    empty: SmallProject, undisturbed: SmallProject, tmp_path: Path
) -> None:
    small = copy_of(empty, tmp_path)
    command = [LAKESCORE, "backfill", *PERIOD, "--slices-a-pass", "1", "--parallel", "1", "--grace", "600"]
    with tempfile.TemporaryFile("w+") as output:
        process = begun(small, *command, output=output)
        while "started" not in small.states() and process.poll() is None:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to Spark's processes too
        code = process.wait(timeout=600)
        output.seek(0)
        told = output.read()
    assert code == 1, told
    assert "Traceback" not in told
    assert "[1/3] 2024-03-01 published" in told
    assert "Not begun: 2 from 2024-03-02 to 2024-03-03: the backfill was asked to end" in told
    assert "To go on: lakescore backfill orders --from 2024-03-02 --to 2024-03-03 --slices-a-pass 1" in told
    assert {row["score_date"] for row in small.predictions()} == {DAYS[0]}
    with tempfile.TemporaryFile("w+") as output:
        assert begun(small, *command, output=output).wait(timeout=300) == 0
    assert without_run(small.predictions()) == without_run(undisturbed.predictions())


@pytest.mark.soak  # CI kills at each step, in test_killed_at_any_point.py
def test_killed_at_random_moments_nothing_is_lost_and_nothing_twice(empty: SmallProject, tmp_path: Path) -> None:
    found = killed_as_undisturbed(empty, tmp_path, days=8, kills=3)
    assert (found.kills, found.starts) == (3, 4)


def test_a_plan_of_what_is_done_needs_no_spark(undisturbed: SmallProject) -> None:
    settings = {**os.environ, "LAKESCORE_CONF": str(undisturbed.root / "conf"), "JAVA_HOME": "/nonexistent"}
    ended = subprocess.run(
        [LAKESCORE, "plan", *PERIOD], env=settings, cwd=undisturbed.root, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "orders: 3 current" in ended.stdout
    assert "Nothing to do." in ended.stdout
