"""A plan says of each slice what a run would do and why, and writes nothing."""

from __future__ import annotations

import datetime as dt
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from pipelines.backfills import planning
from pipelines.backfills.slice_state import Cause
from pipelines.errors import TableError, UsageError
from pipelines.resolution.resolved_run import look_up
from pipelines.tables import fingerprints, ledger, slices
from pipelines.tables.locking import RunLock
from pipelines.validation.verdict import CheckResult, Verdict
from unit.samples import DAY_1, DAY_2, DAY_3, land
from unit.slices_without_scoring import PREDICTIONS, Planned


def test_a_slice_of_which_nothing_is_published_is_missing(planned: Planned) -> None:
    observed = planned.slice()
    assert (observed.state, observed.is_due, observed.reasons, observed.replaces) == ("missing", True, (), None)
    assert (observed.rows, observed.seconds) == (3, None)
    assert (observed.model.version, dict(observed.sources)) == (1, {"customers": 0})


def test_a_slice_made_of_what_is_there_now_is_current(planned: Planned) -> None:
    run = planned.publish(planned.manifest())
    observed = planned.slice()
    assert (observed.state, observed.is_due, observed.reasons, observed.also) == ("current", False, (), ())
    assert observed.replaces is not None
    assert (observed.replaces.run_id, observed.replaces.rows_scored) == (run.run_id, 3)


def test_another_day_and_a_compaction_leave_a_slice_current(planned: Planned) -> None:
    land(planned.customers, {DAY_1: 1})
    planned.publish(planned.manifest())
    land(planned.customers, {DAY_3: 4})
    assert DeltaTable(planned.customers).optimize.compact()["numFilesRemoved"] > 0
    assert planned.slice().state == "current"


def test_a_late_row_makes_it_stale(planned: Planned) -> None:
    run = planned.publish(planned.manifest())
    land(planned.customers, {DAY_1: 1})
    observed = planned.slice()
    assert (observed.state, observed.reasons, observed.needs_force) == ("stale", ("input customers changed",), False)
    assert observed.is_due
    assert observed.rows == 4
    assert observed.replaces is not None
    assert observed.replaces.run_id == run.run_id


def test_a_change_of_a_joined_table_makes_it_stale(planned: Planned) -> None:
    land(planned.customers.with_name("prices"), {DAY_1: 1}, partitioned=False)
    (planned.project.conf / "pipelines" / "churn.sql").write_text("SELECT * FROM customers")
    tables = {"customers": {"path": "customers", "slice": {"column": "day"}}, "prices": {"path": "prices"}}
    planned.configure(source={"tables": tables, "query": "churn.sql"})
    planned.publish(planned.manifest())
    assert planned.slice().state == "current"
    land(planned.customers.with_name("prices"), {DAY_3: 1}, partitioned=False)
    assert planned.slice().reasons == ("joined table prices changed",)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"features": {"age": "age + 1", "spend": "spend"}}, ("configuration: features",)),
        ({"outputs": {"score": {"type": "double"}}}, ("configuration: outputs",)),
        ({"policy": {"rows": {"warning": "quarantine"}}}, ("configuration: policy",)),
        ({"personal": ["age"]}, ("configuration: personal",)),
        ({"description": "who leaves"}, ()),
        ({"limits": {"quarantined_share": 0.5}}, ()),
        ({"model": {"name": "churn", "version": 1}}, ()),
    ],
)
def test_only_what_changes_rows_makes_it_stale(
    planned: Planned, changes: dict[str, Any], expected: tuple[str, ...]
) -> None:
    planned.publish(planned.manifest())
    planned.configure(**changes)
    observed = planned.slice()
    assert observed.reasons == expected
    assert observed.state == ("stale" if expected else "current")


def test_a_moved_alias_is_told_but_makes_history_stale_for_those_only_who_ask(planned: Planned) -> None:
    planned.publish(replace(planned.manifest(), model=replace(planned.manifest().model, version=7, digest="other")))
    told = "model churn version 7 -> churn version 1"
    observed = planned.slice()
    assert (observed.state, observed.reasons, observed.also) == ("current", (), (told,))
    asked = planned.slice(stale_because=["model"])
    assert (asked.state, asked.reasons, asked.also) == ("stale", (told,), ())


def test_code_and_packages_make_history_stale_for_those_only_who_ask(planned: Planned) -> None:
    now = planned.manifest()
    planned.publish(replace(now, code_version="0.1+old", packages={**now.packages, "pyarrow": "1.0"}))
    code, packages = f"code 0.1+old -> {now.code_version}", f"packages pyarrow 1.0 -> {now.packages['pyarrow']}"
    assert planned.slice().also == (code, packages)
    both: tuple[Cause, ...] = ("code", "packages")
    asked = planned.slice(stale_because=both)
    assert asked.reasons == (code, packages)
    assert asked.needs_force  # its run key is the same: a run would find nothing to do
    assert planned.slice(stale_because=["packages"]).also == (code,)


def test_a_slice_published_with_a_version_as_asked_is_pinned_and_stays_with_it(planned: Planned) -> None:
    planned.publish(planned.manifest(version=2))
    observed = planned.slice()
    assert (observed.state, observed.is_due) == ("pinned", False)
    assert observed.reasons == ("published with version 2, as asked",)
    land(planned.customers, {DAY_1: 1})
    stale = planned.slice()
    assert (stale.state, stale.model.version) == ("stale", 2)
    assert planned.slice(model_version=1).model.version == 1
    assert planned.slice(stale_because=["model"]).model.version == 1


def test_a_pinned_version_that_is_gone_gives_way_to_the_configured_one(planned: Planned) -> None:
    now = planned.manifest(version=2)
    planned.publish(replace(now, model=replace(now.model, version=99)))
    observed = planned.slice()
    assert (observed.state, observed.model.version) == ("pinned", 1)
    assert observed.also[-1] == "version 99, which was asked for, is gone"


def test_what_was_rejected_or_retracted_is_not_due_until_something_changes(planned: Planned) -> None:
    for day, state in ((DAY_1, "rejected"), (DAY_2, "retracted")):
        planned.ran(state, planned.manifest(day), error="too many\nin all")
    rejected, retracted = planned.plan(DAY_1, DAY_2).slices
    assert (rejected.state, retracted.state) == ("rejected", "retracted")
    assert not rejected.is_due
    assert not retracted.is_due
    assert rejected.reasons[0].endswith("rejected: too many")
    land(planned.customers, {DAY_1: 1})
    (observed,) = planned.plan(DAY_1).slices
    assert (observed.state, observed.is_due) == ("missing", True)
    assert observed.reasons[0].endswith("was rejected; since then: input customers changed")


@pytest.mark.parametrize(
    "changes", [{"limits": {"quarantined_share": 0.5}}, {"history": {"usual": {"of": "rows", "within": 0.5}}}]
)
def test_what_only_a_verdict_depends_on_makes_a_rejected_slice_due(planned: Planned, changes: dict[str, Any]) -> None:
    planned.ran("rejected", planned.manifest())
    planned.configure(**changes)
    observed = planned.slice()
    assert observed.is_due
    assert observed.reasons[0].endswith(f"since then: {next(iter(changes))}")


def test_a_slice_rejected_by_its_history_is_due_again(planned: Planned) -> None:
    failed = Verdict((CheckResult("history:usual", "gate", "critical", success=False),))
    planned.ran("rejected", planned.manifest(), verdict=json.dumps(failed.as_json()))
    assert planned.slice().is_due


def test_late_data_that_was_rejected_leaves_the_published_slice_alone(planned: Planned) -> None:
    run = planned.publish(planned.manifest())
    land(planned.customers, {DAY_1: 1})
    planned.ran("rejected", planned.manifest())
    observed = planned.slice()
    assert observed.state == "rejected"
    assert observed.replaces is not None
    assert observed.replaces.run_id == run.run_id


def test_a_running_run_and_one_whose_process_is_gone_are_told_apart(planned: Planned) -> None:
    run = planned.ran("started", planned.manifest())
    lock = RunLock(planned.layout.stages, run.run_id)
    assert lock.acquire()
    running = planned.slice()
    assert (running.state, running.is_due, running.reasons) == ("running", False, (f"run {run.run_id} is running",))
    lock.release()
    gone = planned.slice()
    assert (gone.state, gone.reasons) == ("missing", (f"run {run.run_id} ended without saying how",))


def test_a_run_that_a_newer_one_overtook_is_not_waited_for(planned: Planned) -> None:
    run = planned.ran("started", replace(planned.manifest(), fence=0))
    lock = RunLock(planned.layout.stages, run.run_id)
    assert lock.acquire()
    planned.publish(planned.manifest())
    assert planned.slice().state == "running"  # without a fence in the ledger nothing tells
    planned.layout.ledger.append(replace(run, fence=0))
    assert planned.slice().state == "current"
    lock.release()


def test_what_was_retracted_stays_so_whatever_failed_since(planned: Planned) -> None:
    planned.ran("retracted", planned.manifest(), error="wrong weather")
    planned.ran("failed", planned.manifest())
    observed = planned.slice()
    assert (observed.state, observed.is_due) == ("retracted", False)


def test_a_slice_whose_last_run_failed_tells_why(planned: Planned) -> None:
    run = planned.ran("failed", planned.manifest(), error="no space\nleft")
    observed = planned.slice()
    assert (observed.state, observed.reasons) == ("missing", (f"run {run.run_id} failed: no space",))


def test_a_day_without_rows_is_empty_and_not_due(planned: Planned) -> None:
    observed = planned.slice(DAY_3)
    assert (observed.state, observed.is_due, observed.reasons) == ("empty", False, ("customers has no row of it",))


def test_a_day_off_is_not_due_and_what_is_published_of_it_stays(planned: Planned) -> None:
    planned.configure(days=[DAY_1.isoformat()])
    land(planned.customers, {DAY_3: 2})
    assert [(slice_.state, slice_.is_due) for slice_ in planned.plan(DAY_1, DAY_3).slices] == [
        ("missing", True), ("off", False), ("off", False),
    ]  # fmt: skip
    planned.configure(days="all")
    planned.publish(planned.manifest())
    planned.configure(days=[DAY_3.isoformat()])
    assert planned.slice().state == "current"
    land(planned.customers, {DAY_1: 1})
    assert planned.slice().state == "stale"


def test_rows_that_only_earlier_runs_tell_are_estimates(planned: Planned) -> None:
    planned.publish(planned.manifest())
    assert planned.slice().is_rows_estimated is False
    tables = {"customers": {"path": "customers", "slice": {"where": "day = :score_date"}}}
    planned.configure(source={"tables": tables})
    observed = planned.slice(DAY_2)
    assert (observed.rows, observed.is_rows_estimated) == (3, True)


@pytest.mark.parametrize(
    ("selection", "has_statistics", "expected"),
    [
        ({"column": "day"}, True, ()),
        ({"column": "day"}, False, ("customers",)),
        ({"where": "true"}, True, ("customers",)),
    ],
)
def test_files_that_do_not_tell_their_dates_are_said_to_count_as_a_whole(
    planned: Planned, selection: dict[str, str], has_statistics: bool, expected: tuple[str, ...]
) -> None:
    folder = planned.customers.with_name("files")
    folder.mkdir()
    pq.write_table(pa.table({"day": [DAY_1]}), folder / "1.parquet", write_statistics=has_statistics)
    planned.configure(source={"tables": {"customers": {"path": "files", "format": "parquet", "slice": selection}}})
    observed = planned.plan()
    assert observed.counted_whole == expected
    assert observed.as_json()["counted_whole"] == list(expected)
    assert planned.slice().state == "missing"


def test_another_zone_is_another_slice_and_another_calendar_is_not(planned: Planned) -> None:
    planned.publish(planned.manifest())
    planned.configure(days="weekdays")
    assert planned.slice().state == "current"
    planned.configure(timezone="America/New_York")
    assert planned.slice().reasons == ("configuration: timezone",)


def test_rows_of_several_runs_and_of_unknown_ones_are_stale(planned: Planned) -> None:
    planned.publish(planned.manifest(), told=False)
    assert "the ledger does not know" in planned.slice().reasons[0]
    row = {"score_date": DAY_1, "model_name": "churn", "run_id": "another"}
    write_deltalake(planned.layout.predictions, pa.Table.from_pylist([row], schema=PREDICTIONS), mode="append")
    observed = planned.slice()
    assert (observed.reasons, observed.needs_force) == (("rows of several runs stand in it",), True)


def test_time_is_estimated_by_the_ledger(planned: Planned) -> None:
    planned.publish(planned.manifest())
    observed = planned.plan(DAY_1, DAY_2)
    assert observed.pace is not None
    assert observed.pace.runs == 1
    assert [slice_.seconds for slice_ in observed.slices] == [3.0, 3.0]


def test_a_plan_opens_each_table_once_however_many_slices_there_are(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    class Counted(DeltaTable):
        def __init__(self, location: str, **options: Any) -> None:
            opened.append(Path(location).name)
            super().__init__(location, **options)

    for module in (fingerprints, slices, ledger):
        monkeypatch.setattr(module, "DeltaTable", Counted)
    assert len(planned.plan(DAY_1, DAY_1 + dt.timedelta(days=364)).slices) == 365
    assert sorted(opened) == ["customers", "predictions", "runs", "runs"]


def test_a_plans_attempts_are_numbered_before_anything_is_looked_up(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    real = look_up
    monkeypatch.setattr(planning, "look_up", lambda *given: begun.append(time.time_ns() // 1_000_000) or real(*given))
    assert planned.slice().fence <= begun[0]


def test_a_plan_writes_nothing(planned: Planned) -> None:
    def state() -> dict[str, int]:
        root = Path(planned.project.environment.warehouse)
        return {str(path): path.stat().st_mtime_ns for path in root.rglob("*") if "_locks" not in path.parts}

    planned.ran("started", planned.manifest())
    before = state()
    planned.plan(DAY_1, DAY_3)
    assert state() == before


def test_checks_that_cost_more_than_the_one_pass_are_told(planned: Planned) -> None:
    planned.configure(("rising", "column_values_to_be_increasing", {"column": "value"}))
    assert list(planned.plan().by_engine) == ["rising"]


def test_bad_input_is_told(planned: Planned, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the period ends before it begins"):
        planned.plan(DAY_2, DAY_1)
    import shutil

    shutil.rmtree(planned.layout.predictions)
    with pytest.raises(TableError, match="lakescore tables create churn"):
        planned.plan()


def test_a_plan_is_plain_values_for_machines(planned: Planned) -> None:
    planned.publish(planned.manifest())
    content = json.loads(json.dumps(planned.plan(DAY_1, DAY_2).as_json()))
    assert [slice_["state"] for slice_ in content["slices"]] == ["current", "missing"]
    assert content["slices"][1]["model"]["version"] == 1
    assert content["slices"][0]["score_date"] == "2013-07-01"
