"""Days without a row: rejected, or published as empty slices that everything tells from missing ones."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from support.faults.at_steps import BrokenOffError, broken_off
from support.small_project import DAY, DAYS, SUITE, SmallProject, copy_of, orders_of, without_run
from support.views_in_duckdb import views_in_duckdb

from jobs.cli.pages.page import pipeline_page, run_page
from pipelines.backfills.planning import PlannedSlice, plan
from pipelines.errors import ConfigurationError, RejectedError, UsageError
from pipelines.provenance.explaining import why
from pipelines.provenance.reproducing import replay
from pipelines.reports.facts import pipeline_facts, run_facts
from pipelines.reports.views import create_views
from pipelines.runs.scoring import score_days
from pipelines.runs.tables import require_tables
from pipelines.tables.slices import Slice, look_at_slice
from pipelines.upkeep import retracting
from pipelines.upkeep.repairing import repair
from pipelines.upkeep.retracting import retract

pytestmark = pytest.mark.spark
EMPTY = DAYS[-1] + dt.timedelta(days=1)
OF_ROWS = [expectation for expectation in SUITE if "row_count" not in expectation["type"]]


@pytest.fixture
def accepting(small: SmallProject) -> SmallProject:
    return accept(small)


def accept(small: SmallProject) -> SmallProject:
    small.suite(*OF_ROWS)
    small.configure(empty="accept")
    return small


def no_session() -> SparkSession:
    raise AssertionError("plans and reports of tables that are folders need no Spark")


def planned(small: SmallProject, day: dt.date = EMPTY) -> PlannedSlice:
    (found,) = plan(no_session, small.project, "orders", day, day).slices
    return found


@pytest.fixture(scope="module")
def published(base: SmallProject, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A copy with a slice of rows and one without; for tests that only look."""
    small = accept(copy_of(base, tmp_path_factory.mktemp("p")))
    small.score(spark)
    result = small.score(spark, EMPTY)
    assert (result.outcome, result.counts.input, result.counts.scored) == ("published", 0, 0)
    return small


def test_without_a_word_on_it_such_a_day_is_rejected_and_says_what_to_do(
    spark: SparkSession, small: SmallProject
) -> None:
    small.suite(*OF_ROWS)
    assert planned(small).state == "empty"
    with pytest.raises(RejectedError, match="some_rows_scored") as caught:
        small.score(spark, EMPTY)
    assert "empty: accept" in str(caught.value)
    assert not look_at_slice(small.predictions_path, Slice(EMPTY, "returns")).is_published
    small.configure(empty="accept")
    found = planned(small)
    assert (found.state, found.is_due) == ("missing", True)
    assert "since then: empty" in found.reasons[0]


def test_the_table_tells_it_from_a_slice_that_is_missing(published: SmallProject) -> None:
    state = look_at_slice(published.predictions_path, Slice(EMPTY, "returns"))
    (entry,) = published.ledger.latest(score_date=EMPTY)
    assert (state.runs, state.empty_fence) == (frozenset(), entry.fence)
    assert state.is_of(entry.run_id, entry.fence)
    missing = look_at_slice(published.predictions_path, Slice(DAYS[1], "returns"))
    assert (missing.is_published, missing.empty_fence) == (False, None)
    assert (entry.state, entry.rows_input, entry.rows_scored) == ("published", 0, 0)


def test_a_plan_finds_it_current_until_rows_come(spark: SparkSession, accepting: SmallProject) -> None:
    before = planned(accepting)
    assert (before.state, before.rows, before.reasons) == ("missing", 0, ("orders has no row of it",))
    run = accepting.score(spark, EMPTY)
    now = planned(accepting)
    assert (now.state, now.is_due) == ("current", False)
    assert now.replaces is not None
    assert (now.replaces.run_id, now.replaces.rows_scored) == (run.run_id, 0)
    assert accepting.score(spark, EMPTY).outcome == "already_done"
    accepting.land(orders_of(EMPTY))
    assert planned(accepting).state == "stale"
    assert accepting.score(spark, EMPTY).counts.input == len(orders_of(EMPTY))
    assert len(accepting.predictions(EMPTY)) > 0
    assert look_at_slice(accepting.predictions_path, Slice(EMPTY, "returns")).empty_fence is None


def test_a_slice_whose_rows_are_gone_from_the_input_becomes_empty(spark: SparkSession, accepting: SmallProject) -> None:
    accepting.score(spark)
    accepting.remove(DAY)
    assert planned(accepting, DAY).state == "stale"
    assert accepting.score(spark).counts.scored == 0
    assert (accepting.predictions(DAY), planned(accepting, DAY).state) == ([], "current")


def test_it_shares_a_pass_with_others(spark: SparkSession, accepting: SmallProject, published: SmallProject) -> None:
    ends = [ended.result() for ended in score_days(spark, accepting.project, "orders", [DAY, EMPTY, DAYS[1]])]
    assert [(end.outcome, end.counts.scored > 0) for end in ends] == [
        ("published", True),
        ("published", False),
        ("published", True),
    ]
    assert without_run(accepting.predictions(DAY)) == without_run(published.predictions(DAY))
    assert accepting.stages() == []


def test_refused_rows_are_no_empty_slice(spark: SparkSession, accepting: SmallProject) -> None:
    accepting.mend({number: {"amount": -1.0} for number in range(len(orders_of(DAY)))})
    accepting.configure(limits={"quarantined_share": 1.0})
    with pytest.raises(RejectedError, match="some_rows_scored"):
        accepting.score(spark)


def test_a_process_that_ended_before_it_told_of_it_is_completed(spark: SparkSession, accepting: SmallProject) -> None:
    with pytest.raises(BrokenOffError):
        accepting.score(spark, EMPTY, progress=broken_off("record"))
    assert accepting.states(day=EMPTY) == ["started"]  # the table has it: it is no failed run
    result = accepting.score(spark, EMPTY)
    assert result.outcome == "already_done"
    assert accepting.states(run_id=result.run_id) == ["started", "published"]


def test_rows_that_were_published_before_the_process_ended_are_in_no_view_twice(
    spark: SparkSession, accepting: SmallProject
) -> None:
    accepting.score(spark, EMPTY)
    accepting.land(orders_of(EMPTY))
    with pytest.raises(BrokenOffError):
        accepting.score(spark, EMPTY, progress=broken_off("record"))
    assert told_empty(spark, accepting) == []
    assert [row["score_date"] for row in spark.table("daily_summary").collect()] == [EMPTY]


def test_a_retraction_that_was_broken_off_is_made_again(
    spark: SparkSession, accepting: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = accepting.score(spark, EMPTY)

    def broken(*asked: Any) -> None:
        raise BrokenOffError("broken off")

    with monkeypatch.context() as patch:
        patch.setattr(retracting, "publish", broken)
        with pytest.raises(BrokenOffError):
            retract(spark, accepting.project, "orders", EMPTY, "a mistake")
    assert look_at_slice(accepting.predictions_path, Slice(EMPTY, "returns")).is_published
    assert "although it was retracted" in repair(no_session, accepting.project, "orders")[0].why
    assert retract(spark, accepting.project, "orders", EMPTY, "a mistake").run_id == run.run_id
    assert not look_at_slice(accepting.predictions_path, Slice(EMPTY, "returns")).is_published


def test_a_repair_enters_a_run_that_the_ledger_calls_failed(spark: SparkSession, accepting: SmallProject) -> None:
    run = accepting.score(spark, EMPTY)
    accepting.ledger.append(replace(accepting.entry(run.run_id), state="failed", error="as if it were", manifest=None))
    (told,) = repair(no_session, accepting.project, "orders")
    assert (told.what, told.run_id) == ("recovered", run.run_id)
    entry = accepting.entry(run.run_id)
    assert (entry.state, entry.rows_input, entry.rows_scored) == ("published", 0, 0)
    assert planned(accepting).state == "current"


def test_a_run_that_the_ledger_lost_is_scored_again(spark: SparkSession, accepting: SmallProject) -> None:
    run = accepting.score(spark, EMPTY)
    DeltaTable(accepting.ledger.location).delete(f"run_id = '{run.run_id}'")
    found = planned(accepting)
    assert (found.state, found.reasons) == (
        "stale",
        ("it is published as empty, by a run that the ledger does not know",),
    )
    assert accepting.score(spark, EMPTY).outcome == "published"
    assert planned(accepting).state == "current"


def test_only_rejected_days_without_rows_are_due_again_once_such_are_accepted(
    spark: SparkSession, small: SmallProject
) -> None:
    small.suite(*OF_ROWS)
    small.configure(limits={"quarantined_share": 0.0})
    for day in (DAY, EMPTY):
        with pytest.raises(RejectedError):
            small.score(spark, day)
    small.configure(empty="accept")
    assert [planned(small, day).state for day in (DAY, EMPTY)] == ["rejected", "missing"]


def test_plans_go_on_where_no_run_had_a_row(spark: SparkSession, accepting: SmallProject) -> None:
    days = [EMPTY + dt.timedelta(days=number) for number in range(6)]
    assert {ended.result().outcome for ended in score_days(spark, accepting.project, "orders", days)} == {"published"}
    assert planned(accepting, DAY).state == "missing"
    assert accepting.score(spark).outcome == "published"


def test_gates_of_history_pass_over_it(spark: SparkSession, accepting: SmallProject) -> None:
    gates = {
        "rows": {"of": "rows", "slices": 3, "at_least": 1, "within": 0.2},
        "nulls": {"of": "null_share", "column": "amount", "slices": 3, "at_least": 1, "within": 0.2},
    }
    accepting.remove(DAYS[1])
    accepting.configure(history={"nulls": gates["nulls"]})
    accepting.score(spark)
    assert accepting.score(spark, DAYS[1]).counts.scored == 0
    accepting.configure(history=gates)
    assert accepting.score(spark, DAYS[2]).outcome == "published"
    with pytest.raises(RejectedError, match="history:rows"):
        accepting.score(spark, EMPTY)


def test_it_is_taken_back_and_stays_away(spark: SparkSession, accepting: SmallProject) -> None:
    run = accepting.score(spark, EMPTY)
    assert retract(spark, accepting.project, "orders", EMPTY, "a mistake").run_id == run.run_id
    assert not look_at_slice(accepting.predictions_path, Slice(EMPTY, "returns")).is_published
    assert planned(accepting).state == "retracted"
    with pytest.raises(UsageError, match="is not published"):
        retract(spark, accepting.project, "orders", EMPTY, "again")
    with pytest.raises(RejectedError, match="was taken back"):
        accepting.score(spark, EMPTY)
    assert accepting.score(spark, EMPTY, force=True).outcome == "published"


def test_a_slice_of_rows_that_is_taken_back_is_missing_not_empty(spark: SparkSession, accepting: SmallProject) -> None:
    accepting.score(spark, EMPTY)
    accepting.land(orders_of(EMPTY))
    accepting.score(spark, EMPTY)
    retract(spark, accepting.project, "orders", EMPTY, "a mistake")
    assert not look_at_slice(accepting.predictions_path, Slice(EMPTY, "returns")).is_published
    assert told_empty(spark, accepting) == []


def told_empty(spark: SparkSession, small: SmallProject) -> list[dt.date]:
    """The dates of the view `empty_slices`, by both engines."""
    create_views(spark, small.project, "orders")
    in_spark = [row["score_date"] for row in spark.table("empty_slices").collect()]
    connection = views_in_duckdb(small, require_tables(spark, small.project, small.pipeline))
    assert [row[0] for row in connection.execute("SELECT score_date FROM empty_slices").fetchall()] == in_spark
    return in_spark


def test_views_tell_it_from_missing_ones(spark: SparkSession, published: SmallProject) -> None:
    assert told_empty(spark, published) == [EMPTY]
    rows: dict[dt.date, Any] = {row["score_date"]: row for row in spark.table("daily_summary").collect()}
    assert set(rows) == {DAY, EMPTY}
    assert (rows[EMPTY]["rows_input"], rows[EMPTY]["rows_scored"], rows[EMPTY]["mean_probability"]) == (0, 0, None)
    checks = spark.table("validation_results_current").where(f"score_date = DATE'{EMPTY}'")
    assert {row["run_id"] for row in checks.collect()} == {rows[EMPTY]["run_id"]}


def test_why_says_that_the_slice_is_empty(spark: SparkSession, published: SmallProject) -> None:
    answer = why(lambda: spark, published.project, "orders", [f"day={EMPTY}", "id=5"], EMPTY)
    assert (answer.status, answer.slice_state) == ("absent", "current")
    assert f"the slice of {EMPTY} is published as empty, by run " in answer.notes[0]


def test_a_report_tells_it_from_missing_ones(published: SmallProject) -> None:
    page = pipeline_page(pipeline_facts(no_session, published.project, "orders"))
    assert page.count("published as empty") == 1
    (entry,) = published.ledger.latest(score_date=EMPTY)
    facts = run_facts(no_session, published.project, entry.run_id)
    assert facts.stands
    assert "Not shown: there is none." in run_page(facts)


def test_its_run_is_replayed(spark: SparkSession, published: SmallProject) -> None:
    (entry,) = published.ledger.latest(score_date=EMPTY)
    found = replay(spark, published.project, entry.run_id)
    assert (found.is_equal, found.compared) == (True, 0)


def test_a_table_that_spark_has_to_write_cannot_tell_it(spark: SparkSession, accepting: SmallProject) -> None:
    spark.sql(f"ALTER TABLE delta.`{accepting.predictions_path}` ADD CONSTRAINT some_run CHECK (run_id IS NOT NULL)")
    for refused in (lambda: planned(accepting), lambda: accepting.score(spark, EMPTY)):
        with pytest.raises(ConfigurationError, match="cannot tell an empty slice from a missing one"):
            refused()
    accepting.configure(empty=None)
    assert accepting.score(spark).outcome == "published"
    assert retract(spark, accepting.project, "orders", DAY, "a mistake").score_date == DAY
