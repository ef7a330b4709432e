"""A pass over several slices, killed at any point and run again: each slice ends as in an undisturbed one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.kinds import kept
from support.small_project import DAYS, REFUSED, ROWS, SmallProject, copy_of, without_run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STEPS = kept(("read", "score", "audit", "quarantine", "publish", "record"), "publish".__eq__)
"""`publish` is between the commits of quarantine and predictions, `record` between those of predictions and ledger."""
SCORED = [number for number in range(ROWS) if REFUSED.get(number, "model_input").startswith("model_input")]


def run(step: str, *projects: SmallProject) -> subprocess.CompletedProcess[str]:
    script = ROOT / "tests/support/killed_run.py"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, str(script), step, str(len(DAYS)), *[str(small.root) for small in projects]],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=projects[0].root,
        env={**os.environ, "PYTHONPATH": paths},
    )


def of_all_days(small: SmallProject) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What is published: predictions, and the refused rows of the published runs."""
    refused = [row for day in DAYS for row in small.quarantine_current(day)]
    return without_run(small.predictions()), without_run(refused)


@pytest.mark.parametrize("step", STEPS)
def test_each_slice_of_a_killed_pass_ends_as_in_an_undisturbed_one(
    counting: SmallProject, tmp_path: Path, step: str
) -> None:
    undisturbed, small = (copy_of(counting, tmp_path / name) for name in ("undisturbed", "killed"))
    ended = run(step, small)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    killed_runs = {entry.run_id for entry in small.ledger.latest()}
    assert len(killed_runs) == len(DAYS)
    is_published, is_staged = step == "record", step not in ("read", "score")
    assert len(small.predictions()) == (len(DAYS) * len(SCORED) if is_published else 0)
    assert len(small.stages()) == (len(DAYS) if is_staged else 0)
    again = run("none", undisturbed, small)
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout.splitlines()[-1])[1]
    assert of_all_days(small) == of_all_days(undisturbed)
    assert len(small.predictions()) == len(DAYS) * len(SCORED)
    assert small.stages() == []
    assert [slice_["outcome"] for slice_ in told["slices"]] == ([] if is_published else ["published"] * len(DAYS))
    assert told["asked"] == (0 if is_staged else len(SCORED))  # the ids are the same each day
    states = {entry.run_id: entry.state for entry in small.ledger.latest()}
    assert {states[run_id] for run_id in killed_runs} == {"published" if is_published else "failed"}
    assert {row["run_id"] for row in small.predictions()} == {
        run_id for run_id, state in states.items() if state == "published"
    }
