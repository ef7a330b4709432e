"""Killed at any point and run again: the tables are those of an undisturbed run, and the ledger tells the truth."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.small_project import DAY, REFUSED, ROWS, SmallProject, copy_of, without_run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BEFORE_THE_STAGE = ("read", "score")
STEPS = (*BEFORE_THE_STAGE, "audit", "quarantine", "publish", "record")
"""All but the first, before which a run leaves no trace: `publish` is between quarantine and predictions, `record`
after the predictions' commit and before the ledger's."""
SCORED = [number for number in range(ROWS) if REFUSED.get(number, "model_input").startswith("model_input")]


@dataclass
class Killed:
    """A project whose run was killed, and what became of it.

    Args:
        small: the project.
        return_code: the killed process's.
        run_id: the killed run's.
        published: the ids that were published when it was dead.
        stages: the stages that were left.
        rerun: the result of the run after it.
    """

    small: SmallProject
    return_code: int
    run_id: str
    published: list[int]
    stages: list[str]
    rerun: dict[str, Any]


def run(step: str, *projects: SmallProject) -> subprocess.CompletedProcess[str]:
    script = ROOT / "tests/support/killed_run.py"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, str(script), step, "1", *[str(small.root) for small in projects]],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=projects[0].root,
        env={**os.environ, "PYTHONPATH": paths},
    )


@pytest.fixture(scope="module")
def undisturbed(counting: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A project of its own; scored together with the killed ones."""
    return copy_of(counting, tmp_path_factory.mktemp("k"))


@pytest.fixture(scope="module")
def killed(
    counting: SmallProject, undisturbed: SmallProject, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Killed]:
    """Each step's project: killed there, looked at, run again (all in one process, which saves starts of Spark)."""
    found = {}
    for step in STEPS:
        small = copy_of(counting, tmp_path_factory.mktemp("k"))
        ended = run(step, small)
        (entry,) = small.ledger.latest()
        published = [row["id"] for row in small.predictions()]
        stages = [stage.name for stage in small.stages()]
        found[step] = Killed(small, ended.returncode, entry.run_id, published, stages, {})
    again = run("none", undisturbed, *[item.small for item in found.values()])
    assert again.returncode == 0, again.stderr
    _, *results = json.loads(again.stdout.splitlines()[-1])
    for item, result in zip(found.values(), results, strict=True):
        item.rerun = result
    return found


@pytest.mark.parametrize("step", STEPS)
def test_the_process_was_killed_where_it_should_be(killed: dict[str, Killed], step: str) -> None:
    item = killed[step]
    assert item.return_code == -signal.SIGKILL
    assert item.published == (SCORED if step == "record" else [])
    assert item.stages == ([] if step in BEFORE_THE_STAGE else [item.run_id])


@pytest.mark.parametrize("step", STEPS)
def test_the_tables_end_as_those_of_an_undisturbed_run(
    killed: dict[str, Killed], undisturbed: SmallProject, step: str
) -> None:
    small = killed[step].small
    expected = without_run(undisturbed.predictions())
    assert [row["id"] for row in expected] == SCORED
    assert without_run(small.predictions()) == expected
    assert without_run(small.quarantine_current()) == without_run(undisturbed.quarantine_current())
    assert len(small.quarantine_current()) == ROWS - len(SCORED)
    assert len({row["run_id"] for row in small.predictions()}) == 1


@pytest.mark.parametrize("step", STEPS)
def test_the_ledger_tells_what_became_of_each_run(killed: dict[str, Killed], step: str) -> None:
    item = killed[step]
    states = {entry.run_id: entry.state for entry in item.small.ledger.latest()}
    if step == "record":
        assert item.rerun["outcome"] == "already_done"
        assert states == {item.run_id: "published"}
    else:
        assert item.rerun["outcome"] == "published"
        assert states == {item.run_id: "failed", item.rerun["run_id"]: "published"}
    assert "its process ended" in str(item.small.entry(item.run_id).error)
    assert {row["run_id"] for row in item.small.predictions(DAY)} == {item.rerun["run_id"]}


@pytest.mark.parametrize("step", STEPS)
def test_the_published_run_has_its_counts_and_verdict_on_the_record(
    killed: dict[str, Killed], undisturbed: SmallProject, step: str
) -> None:
    item = killed[step]
    entry = item.small.entry(item.rerun["run_id"])
    (expected,) = undisturbed.ledger.latest()
    assert (entry.rows_input, entry.rows_scored, entry.rows_quarantined) == (ROWS, len(SCORED), ROWS - len(SCORED))
    assert entry.value("verdict") == expected.value("verdict")
    assert entry.manifest is not None


@pytest.mark.parametrize("step", STEPS)
def test_the_run_after_it_reports_the_counts_of_what_is_published(killed: dict[str, Killed], step: str) -> None:
    result = killed[step].rerun
    assert result["counts"] == {"input": ROWS, "scored": len(SCORED), "quarantined": ROWS - len(SCORED)}
    assert "audit:rows_reconciled" in [check["check_id"] for check in result["verdict"]]


@pytest.mark.parametrize("step", STEPS)
def test_a_complete_stage_is_not_scored_twice(killed: dict[str, Killed], step: str) -> None:
    assert killed[step].rerun["asked"] == (len(SCORED) if step in BEFORE_THE_STAGE else 0)


@pytest.mark.parametrize("step", STEPS)
def test_no_stage_is_left_after_success(killed: dict[str, Killed], step: str) -> None:
    assert killed[step].small.stages() == []
