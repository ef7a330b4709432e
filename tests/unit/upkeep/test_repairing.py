"""After a repair the ledger tells what the tables hold, and what no run can use is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from pipelines.runs.results import already_done
from pipelines.tables.locking import RunLock
from pipelines.tables.stages import at
from pipelines.upkeep.repairing import Repair, repair
from unit.samples import DAY_1, DAY_2
from unit.slices_without_scoring import PREDICTIONS, Planned, no_session


def repaired(planned: Planned) -> list[Repair]:
    return repair(no_session, planned.project, "churn")


def stage_of(planned: Planned, run_id: str, *, complete: bool) -> Path:
    """Rows that a run staged."""
    lock = RunLock(planned.layout.stages, run_id)
    assert lock.acquire()
    stage = at(planned.layout.stages, run_id, lock)
    stage.begin("{}")
    if complete:
        stage.finish({"rows_input": 3})
    stage.leave()
    return Path(stage.location)


def test_tables_in_order_are_left_alone(planned: Planned) -> None:
    planned.publish(planned.manifest())
    assert repaired(planned) == []


def test_a_run_whose_process_is_gone_is_closed_and_its_unfinished_stage_removed(planned: Planned) -> None:
    run = planned.ran("started", planned.manifest())
    place = stage_of(planned, run.run_id, complete=False)
    (observed,) = repaired(planned)
    assert (observed.what, observed.run_id, observed.score_date) == ("closed", run.run_id, DAY_1)
    assert not place.exists()
    assert planned.layout.ledger.latest()[0].state == "failed"
    assert repaired(planned) == []


def test_a_run_at_work_is_left_alone_with_its_stage(planned: Planned) -> None:
    run = planned.ran("started", planned.manifest())
    place = stage_of(planned, run.run_id, complete=False)
    lock = RunLock(planned.layout.stages, run.run_id)
    assert lock.acquire()
    (observed,) = repaired(planned)
    assert (observed.what, observed.run_id) == ("left", run.run_id)
    assert place.exists()
    lock.release()


def test_a_run_that_published_and_never_said_so_is_completed(planned: Planned) -> None:
    manifest = planned.manifest()
    planned.publish(manifest, told=False)
    planned.ran("started", manifest)
    (observed,) = repaired(planned)
    assert (observed.what, observed.run_id) == ("completed", manifest.run_id)
    assert planned.slice().state == "current"


def test_a_published_run_that_the_ledger_lost_is_entered_of_what_table_and_log_tell(planned: Planned) -> None:
    manifest = planned.manifest()
    planned.publish(manifest)
    shutil.rmtree(planned.layout.ledger.location)
    planned.layout.ledger.create()
    (observed,) = repaired(planned)
    assert (observed.what, observed.score_date, observed.run_id) == ("recovered", DAY_1, manifest.run_id)
    (entry,) = planned.layout.ledger.latest()
    assert (entry.state, entry.model_version, entry.fence) == ("published", 1, 1)
    assert entry.run_key == manifest.run_key
    assert (entry.rows_input, entry.rows_scored, entry.rows_quarantined) == (1, 1, 0)
    assert planned.slice().state == "current"
    assert already_done(entry, planned.layout, {}).model.version == 1
    assert repaired(planned) == []


def test_a_run_that_the_ledger_takes_for_failed_although_its_rows_stand_is_entered(planned: Planned) -> None:
    manifest = planned.manifest()
    planned.publish(manifest, told=False)
    planned.ran("failed", manifest, error="the answer was lost")
    assert [item.why for item in repaired(planned)] == ["the ledger said: failed"]
    assert planned.slice().state == "current"


def test_rows_of_several_runs_are_told_with_the_way_out(planned: Planned) -> None:
    planned.publish(planned.manifest())
    row = {"score_date": DAY_1, "model_name": "churn", "run_id": "another"}
    write_deltalake(planned.layout.predictions, pa.Table.from_pylist([row], schema=PREDICTIONS), mode="append")
    (observed,) = repaired(planned)
    assert observed.what == "left"
    assert "lakescore score churn --date 2013-07-01 --force" in observed.why


def test_stages_that_a_run_may_use_and_evidence_stay_others_go(planned: Planned) -> None:
    published = planned.publish(planned.manifest())
    rejected = planned.ran("rejected", planned.manifest(DAY_2))
    failed = planned.ran("failed", planned.manifest(DAY_2))
    gone = [stage_of(planned, published.run_id, complete=True), stage_of(planned, "unknown", complete=False)]
    kept = [stage_of(planned, run.run_id, complete=True) for run in (rejected, failed)]
    assert {item.what for item in repaired(planned)} == {"stage removed"}
    assert [place.exists() for place in gone + kept] == [False, False, True, True]
