"""A stage is complete once its marker is there, and abandoned once nobody holds its lock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.tables.locking import RunLock
from pipelines.tables.stages import Stage, abandoned, at
from unit.tables.conftest import Hold


@pytest.fixture
def stages(tmp_path: Path) -> str:
    return str(tmp_path / "churn" / "_stage")


def begun(stages: str, run_id: str) -> Stage:
    lock = RunLock(stages, run_id)
    assert lock.acquire()
    stage = at(stages, run_id, lock)
    stage.begin(json.dumps({"run_id": run_id}))
    return stage


def abandoned_ids(stages: str) -> list[str]:
    found = []
    for stage in abandoned(stages):
        found.append(stage.run_id)
        stage.leave()
    return found


def test_a_new_stage_holds_its_manifest_and_is_not_complete(stages: str) -> None:
    stage = begun(stages, "run")
    assert (Path(stages) / "run" / "manifest.json").read_text(encoding="utf-8") == '{"run_id": "run"}'
    assert stage.rows == f"{stages}/run/rows"
    assert stage.marker() is None
    stage.leave()


def test_a_finished_stage_says_what_it_was_told(stages: str) -> None:
    stage = begun(stages, "run")
    stage.finish({"rows_input": 3})
    assert stage.marker() == {"rows_input": 3}
    stage.finish({"rows_input": 4})
    assert at(stages, "run").marker() == {"rows_input": 4}
    stage.leave()


def test_a_marker_half_written_is_no_marker(stages: str) -> None:
    stage = begun(stages, "run")
    (Path(stage.location) / "_COMPLETE.json.part").write_text('{"rows', encoding="utf-8")
    assert stage.marker() is None
    stage.leave()


def test_a_discarded_stage_is_gone_with_its_lock(stages: str) -> None:
    stage, other = begun(stages, "run"), begun(stages, "other")
    (Path(stage.rows) / "deep").mkdir(parents=True)
    stage.discard()
    stage.discard()
    assert not Path(stage.location).exists()
    assert Path(other.location).exists()
    assert at(stages, "run").lock.acquire()
    other.leave()


def test_stages_that_nobody_works_on_are_abandoned_newest_first(stages: str) -> None:
    for run_id in ("2013-a", "2013-c", "2013-b"):
        begun(stages, run_id).leave()
    assert abandoned_ids(stages) == ["2013-c", "2013-b", "2013-a"]


def test_an_abandoned_stage_is_held_until_it_is_left(stages: str) -> None:
    begun(stages, "run").leave()
    stage = next(abandoned(stages))
    assert abandoned_ids(stages) == []
    stage.leave()
    assert abandoned_ids(stages) == ["run"]


def test_a_stage_that_another_process_works_on_is_not_abandoned(stages: str, hold: Hold) -> None:
    begun(stages, "dead").leave()
    begun(stages, "alive").leave()
    process = hold(f"lock = RunLock({stages!r}, 'alive'); assert lock.acquire()")
    assert abandoned_ids(stages) == ["dead"]
    process.kill()
    process.wait()
    assert abandoned_ids(stages) == ["dead", "alive"]


def test_where_there_are_no_stages_none_is_abandoned_and_nothing_is_made(stages: str) -> None:
    assert abandoned_ids(stages) == []
    assert not Path(stages).exists()
    assert abandoned_ids("s3://bucket/_stage") == []
