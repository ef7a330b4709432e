"""What runs whose process is gone left behind: told by the ledger as it is, and cleared."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import types as T

from pipelines.config import load_pipeline, load_project
from pipelines.models.workers.report import WorkerReport
from pipelines.passes.stage_record import Audit, StageRecord
from pipelines.resolution.layout import Layout
from pipelines.resolution.manifest import Configuration, Manifest, ManifestModel, ManifestSource
from pipelines.runs.recovery import Past, settle
from pipelines.tables.fingerprints import Known
from pipelines.tables.ledger import Entry, Ledger
from pipelines.tables.locking import RunLock
from pipelines.tables.slices import Slice, SliceState
from pipelines.tables.stages import at
from pipelines.validation.verdict import Acceptance, Counts, Verdict
from unit.samples import DAY_1

SLICE = Slice(DAY_1, "m")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    ledger = Ledger(str(tmp_path / "ops" / "runs"))
    ledger.create()
    publish(tmp_path / "p", None)
    return Layout(str(tmp_path / "p"), str(tmp_path / "q"), str(tmp_path / "_stage"), ledger)


def publish(location: Path, run_id: str | None) -> None:
    """A predictions table whose slice holds one row of the run, or none."""
    rows = [] if run_id is None else [{"score_date": DAY_1, "model_name": "m", "run_id": run_id}]
    schema = pa.schema([("score_date", pa.date32()), ("model_name", pa.string()), ("run_id", pa.string())])
    table = pa.Table.from_pylist(rows, schema=schema)
    write_deltalake(str(location), table, mode="overwrite", partition_by=["score_date", "model_name"])


def past(runs: list[Entry], published_run: str | None = None) -> Past:
    return Past(SliceState(SLICE, frozenset({published_run} if published_run else ()), 0), tuple(runs))


def started(layout: Layout, run_id: str, marker: dict[str, Any] | None) -> Entry:
    """A run that began, and whose process ended after it had staged this much."""
    entry = Entry(run_id, "churn", DAY_1, "m", "started")
    layout.ledger.append(entry)
    lock = RunLock(layout.stages, run_id)
    assert lock.acquire()
    stage = at(layout.stages, run_id, lock)
    stage.begin("{}")
    if marker is not None:
        stage.finish(marker)
    stage.leave()
    return entry


def manifest_with(configured: dict[str, Any]) -> Manifest:
    """That of a run that read a table and a folder of files."""
    sources = (ManifestSource("a", "/a", "delta", 3, "f"), ManifestSource("b", "/b", "csv", None, "g"))
    model, configuration = ManifestModel("m", 1), Configuration(configured)
    day, at = DAY_1.isoformat(), "2024-01-01T00:00:00+00:00"
    return Manifest("run", "key", "churn", day, "UTC", at, 1, sources, model, configuration, "", "0.1", "3.11", {})


def record_with(audit: Audit) -> dict[str, Any]:
    """What is on record of a stage of five rows."""
    at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    workers, schema = WorkerReport(4, 1, "native"), T.StructType([])
    return dict(StageRecord("run", "key", "0.1", {}, schema, 5, (), {}, {}, at, True, workers, None, audit).as_json())


def said_of(layout: Layout, run_id: str) -> Entry:
    return layout.ledger.latest(run_id=run_id)[0]


def test_a_run_that_ended_before_its_stage_was_complete_failed_and_is_cleared(layout: Layout) -> None:
    entry = started(layout, "run", None)
    settle(layout, past([entry]), SLICE)
    observed = said_of(layout, "run")
    assert observed.state == "failed"
    assert "before its stage was complete" in (observed.error or "")
    assert not Path(at(layout.stages, "run").location).exists()


def test_a_complete_stage_of_a_dead_run_is_kept(layout: Layout) -> None:
    entry = started(layout, "run", {"rows_input": 1})
    settle(layout, past([entry]), SLICE)
    assert said_of(layout, "run").state == "failed"
    stage = at(layout.stages, "run")
    assert stage.marker() == {"rows_input": 1}
    assert stage.lock.acquire()
    stage.leave()


def test_a_run_whose_rows_are_the_slice_was_published(layout: Layout) -> None:
    accepted = Acceptance(("a_check",), "known")
    entry = started(layout, "run", record_with(Audit(Counts(5, 4, 1), Verdict(()), accepted)))
    publish(Path(layout.predictions), "run")
    settle(layout, past([entry], "run"), SLICE)
    observed = said_of(layout, "run")
    assert (observed.state, observed.rows_input, observed.rows_scored, observed.rows_quarantined) == (
        "published",
        5,
        4,
        1,
    )
    assert Acceptance.from_json(observed.accepted) == accepted
    assert not Path(at(layout.stages, "run").location).exists()


@pytest.mark.parametrize("state", ["published", "superseded", "retracted", "failed", "rejected"])
def test_what_a_run_left_that_was_killed_after_it_told_its_end_is_cleared_unless_it_is_evidence(
    layout: Layout, state: Any
) -> None:
    entry = replace(started(layout, "run", {"rows_input": 1}), state=state)
    layout.ledger.append(entry)
    settle(layout, past([entry]), SLICE)
    assert Path(at(layout.stages, "run").location).exists() == (state in ("failed", "rejected"))
    assert at(layout.stages, "run").lock.acquire()


def test_an_incomplete_stage_is_cleared_before_the_ledger_says_so(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in between, the run must look as it did, so that the next one settles it."""
    entry = started(layout, "run", None)

    def killed(*_: Entry) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Ledger, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        settle(layout, past([entry]), SLICE)
    monkeypatch.undo()
    assert said_of(layout, "run").state == "started"
    assert not Path(at(layout.stages, "run").location).exists()
    settle(layout, past([entry]), SLICE)
    assert said_of(layout, "run").state == "failed"


def test_a_run_that_is_alive_is_left_alone(layout: Layout) -> None:
    entry = started(layout, "run", None)
    lock = RunLock(layout.stages, "run")
    assert lock.acquire()
    settle(layout, past([entry]), SLICE)
    assert said_of(layout, "run").state == "started"
    assert Path(at(layout.stages, "run").location).exists()
    lock.release()


@pytest.mark.parametrize("state", ["published", "failed", "rejected", "superseded", "conflict", "retracted"])
def test_a_run_that_ended_is_not_told_again(layout: Layout, state: Any) -> None:
    entry = Entry("run", "churn", DAY_1, "m", state)
    layout.ledger.append(entry)
    settle(layout, past([entry]), SLICE)
    assert len(layout.ledger.history()) == 1


def test_a_run_that_ended_after_we_looked_keeps_the_end_that_it_told(layout: Layout) -> None:
    entry = started(layout, "run", {"rows_input": 1})
    seen = past([entry])  # and then the run goes on: it publishes, tells so, and frees its lock
    publish(Path(layout.predictions), "run")
    layout.ledger.append(replace(entry, state="published", rows_input=1))
    assert not settle(layout, seen, SLICE)
    assert said_of(layout, "run").state == "published"


def test_a_stage_that_changes_hands_is_the_new_runs_own(layout: Layout) -> None:
    started(layout, "old", {"rows_input": 1})
    lock, old = RunLock(layout.stages, "new"), at(layout.stages, "old")
    assert lock.acquire()
    assert old.lock.acquire()
    stage = old.handed_to("new", lock)
    assert (stage.marker(), at(layout.stages, "old").marker()) == ({"rows_input": 1}, None)
    assert RunLock(layout.stages, "old").acquire()
    assert not RunLock(layout.stages, "new").acquire()
    stage.discard()


def test_what_is_known_of_sources_is_what_the_published_run_found(conf: Path) -> None:
    pipeline = load_pipeline(load_project(conf), "flight_delays")
    configured = pipeline.model_dump(mode="json", exclude_defaults=True)
    entries = [
        Entry("other", "churn", DAY_1, "m", "published", manifest=manifest_with({}).as_json()),
        Entry("new", "churn", DAY_1, "m", "published", manifest=manifest_with(configured).as_json()),
    ]
    assert past(entries, "new").known_sources(pipeline) == {"a": Known(3, "f")}
    assert past(entries, "other").known_sources(pipeline) == {}  # its slice may have been another part of the source
    assert past(entries).known_sources(pipeline) == {}
    assert past([], "new").known_sources(pipeline) == {}
