"""What runs whose process is gone left behind: told by the ledger as it is, and cleared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.runs.layout import Layout
from pipelines.runs.recovery import Past, settle
from pipelines.tables.fingerprints import Known
from pipelines.tables.ledger import Entry, Ledger
from pipelines.tables.locking import RunLock
from pipelines.tables.slices import SliceState
from pipelines.tables.stages import at, begin
from unit.samples import DAY_1


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    ledger = Ledger(str(tmp_path / "ops" / "runs"))
    ledger.create()
    return Layout(str(tmp_path / "p"), str(tmp_path / "q"), str(tmp_path / "_stage"), ledger)


def past(runs: list[Entry], published_run: str | None) -> Past:
    return Past(SliceState(published_run, 0), tuple(runs))


def started(layout: Layout, run_id: str, marker: dict[str, Any] | None) -> Entry:
    """A run that began, and whose process ended after it had staged this much."""
    entry = Entry(run_id, "churn", DAY_1, "m", "started")
    layout.ledger.append(entry)
    lock = RunLock(layout.stages, run_id)
    assert lock.acquire()
    stage = begin(layout.stages, run_id, "{}", lock)
    if marker is not None:
        stage.finish(marker)
    stage.leave()
    return entry


def said_of(layout: Layout, run_id: str) -> Entry:
    return layout.ledger.latest(run_id=run_id)[0]


def test_a_run_that_ended_before_its_stage_was_complete_failed_and_is_cleared(layout: Layout) -> None:
    entry = started(layout, "run", None)
    settle(layout, past([entry], None))
    observed = said_of(layout, "run")
    assert observed.state == "failed"
    assert "before its stage was complete" in (observed.error or "")
    assert not Path(at(layout.stages, "run").location).exists()


def test_a_complete_stage_of_a_dead_run_is_kept(layout: Layout) -> None:
    entry = started(layout, "run", {"rows_input": 1})
    settle(layout, past([entry], None))
    assert said_of(layout, "run").state == "failed"
    stage = at(layout.stages, "run")
    assert stage.marker() == {"rows_input": 1}
    assert stage.lock.acquire()
    stage.leave()


def test_a_run_whose_rows_are_the_slice_was_published(layout: Layout) -> None:
    marker = {"counts": {"input": 5, "scored": 4, "quarantined": 1}, "verdict": []}
    entry = started(layout, "run", marker)
    settle(layout, past([entry], "run"))
    observed = said_of(layout, "run")
    assert (observed.state, observed.rows_input, observed.rows_scored, observed.rows_quarantined) == (
        "published",
        5,
        4,
        1,
    )
    assert not Path(at(layout.stages, "run").location).exists()


def test_a_run_that_is_alive_is_left_alone(layout: Layout) -> None:
    entry = started(layout, "run", None)
    lock = RunLock(layout.stages, "run")
    assert lock.acquire()
    settle(layout, past([entry], None))
    assert said_of(layout, "run").state == "started"
    assert Path(at(layout.stages, "run").location).exists()
    lock.release()


@pytest.mark.parametrize("state", ["published", "failed", "rejected", "superseded", "conflict", "retracted"])
def test_a_run_that_ended_is_not_told_again(layout: Layout, state: Any) -> None:
    entry = Entry("run", "churn", DAY_1, "m", state)
    layout.ledger.append(entry)
    settle(layout, past([entry], None))
    assert len(layout.ledger.history()) == 1


def test_what_is_known_of_sources_is_what_the_published_run_found() -> None:
    sources = [{"name": "a", "version": 3, "fingerprint": "f"}, {"name": "b", "version": None, "fingerprint": "g"}]
    manifest = json.dumps({"sources": sources})
    entries = [
        Entry("old", "churn", DAY_1, "m", "published", manifest='{"sources": []}'),
        Entry("new", "churn", DAY_1, "m", "published", manifest=manifest),
    ]
    assert past(entries, "new").known_sources() == {"a": Known(3, "f")}
    assert past(entries, "old").known_sources() == {}
    assert past(entries, None).known_sources() == {}
    assert past([], "new").known_sources() == {}
