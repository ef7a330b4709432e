"""The life of the quarantine: listed, shown, replayed after a fix, and proven."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, DAYS, REFUSED, ROWS, SUITE, SmallProject, expectation, orders_of

from pipelines.errors import RejectedError, UsageError
from pipelines.quality.quarantine import count_reasons, refused_rows
from pipelines.quality.quarantine_replay import Replayable, Replayed, plan_replay, replay
from pipelines.resolution.layout import locate

pytestmark = pytest.mark.spark

LOOSER = expectation(
    "column_values_to_be_between", "amount_is_plausible", column="amount", min_value=-10, max_value=1000
)


def loosen(small: SmallProject) -> None:
    """Let the amount of order 3 pass."""
    small.suite(LOOSER, *SUITE[1:])


def plan(spark: SparkSession, small: SmallProject, rule: str | None = None) -> list[Replayable]:
    return list(plan_replay(spark, small.project, "orders", DAYS[0], DAYS[-1], rule))


def run(spark: SparkSession, small: SmallProject, planned: list[Replayable]) -> list[Replayed]:
    return list(replay(spark, small.project, "orders", planned))


def test_refused_rows_are_counted_by_date_and_reason_and_shown(scored: SmallProject) -> None:
    layout = locate(None, scored.project, scored.pipeline)
    counts = count_reasons(layout, "returns", DAY, DAY)
    broken = {*REFUSED.values(), "model_input_not_null:is_web"}  # which order 7 breaks beside its own
    assert {(count.score_date, count.rule, count.rows) for count in counts} == {(DAY, rule, 1) for rule in broken}
    rows, in_all = refused_rows(layout, "returns", DAY, DAY, most=2)
    assert (len(rows), in_all) == (2, len(REFUSED))
    (row,), _ = refused_rows(layout, "returns", DAY, DAY, rule="amount_is_plausible")
    assert (row.row["id"], row.row["amount"], row.row["email"]) == (3, -5.0, "***")
    with pytest.raises(UsageError, match="did you mean 'amount_is_plausible'"):
        refused_rows(layout, "returns", DAY, DAY, rule="amount_is_plausibel")


def test_rows_of_runs_that_are_not_published_do_not_count(spark: SparkSession, small: SmallProject) -> None:
    first = small.score(spark)
    small.suite(*SUITE, expectation("table_row_count_to_equal", "more", value=1000))
    with pytest.raises(RejectedError):
        small.score(spark)
    layout = locate(None, small.project, small.pipeline)
    rejected = small.ledger.latest()[-1].run_id
    assert all(count.rows == 1 for count in count_reasons(layout, "returns", DAY, DAY))
    rows, in_all = refused_rows(layout, "returns", DAY, DAY, run_id=rejected)
    assert (in_all, {row.run_id for row in rows}) == (len(REFUSED), {rejected})
    assert first.run_id != rejected


def test_a_replay_says_before_and_proves_after_which_rows_move(spark: SparkSession, small: SmallProject) -> None:
    for day in DAYS:
        small.score(spark, day)
    assert [item.changed for item in plan(spark, small)] == [(), (), ()]
    loosen(small)
    before = small.versions()
    planned = plan(spark, small)
    assert small.versions() == before
    assert [(item.changed, item.refused, item.released, item.newly_refused) for item in planned] == [
        (("suite",), len(REFUSED), 1, 0)
    ] * 3
    replayed = run(spark, small, planned)
    assert [(item.rows_input, item.rows_scored, item.rows_quarantined) for item in replayed] == [
        (ROWS, ROWS - 3, 3)
    ] * 3
    assert all(item.is_proven for item in replayed)
    assert {row["id"] for row in small.quarantine_current()} == set(REFUSED) - {3}
    assert [item.is_stale for item in plan(spark, small)] == [False] * 3


def test_a_stricter_rule_refuses_rows_anew(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    small.suite(*SUITE, expectation("column_values_to_not_be_null", "amount_is_given", column="amount"))
    (planned,) = plan(spark, small)
    assert (planned.released, planned.newly_refused) == (0, 4)


def test_mended_data_is_seen_as_changed_input(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    small.mend({3: {"amount": 5.0}})
    (planned,) = plan(spark, small)
    assert (planned.changed, planned.released) == (("input",), 1)
    (replayed,) = run(spark, small, [planned])
    assert replayed.is_proven


def test_a_new_model_version_is_seen(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    small.configure(model={"name": "returns", "version": 2})
    (planned,) = plan(spark, small)
    assert (planned.changed, planned.released, planned.newly_refused) == (("model",), 0, 0)


def test_a_rule_narrows_the_replay_to_slices_with_its_rows(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark, DAYS[0])
    loosen(small)
    assert len(plan(spark, small, rule="amount_is_plausible")) == 1
    with pytest.raises(UsageError, match="did you mean 'amount_is_plausible'"):
        plan(spark, small, rule="amount_is_plausibel")


def test_a_slice_that_was_only_ever_rejected_is_replayed(spark: SparkSession, small: SmallProject) -> None:
    small.configure(limits={"quarantined_share": 0.05})
    with pytest.raises(RejectedError):
        small.score(spark)
    small.configure(limits={"quarantined_share": 0.2})
    (planned,) = plan(spark, small)
    assert planned.changed == ("limits",)
    (replayed,) = run(spark, small, [planned])
    assert replayed.is_proven


def test_a_slice_that_is_rejected_does_not_stop_the_others(spark: SparkSession, small: SmallProject) -> None:
    for day in DAYS:
        small.score(spark, day)
    loosen(small)
    small.land([{**order, "amount": -100.0} for order in orders_of(DAYS[0], rows=30, first=100)])
    planned = plan(spark, small)
    assert [result.check_id for result in planned[0].trial.rejecting] == ["limit:quarantined_share"]  # type: ignore[union-attr]
    replayed = run(spark, small, planned)
    assert [item.outcome for item in replayed] == ["rejected", "published", "published"]


def test_copies_that_a_rule_refused_are_told_apart_by_key(spark: SparkSession, small: SmallProject) -> None:
    unique = expectation("compound_columns_to_be_unique", "key_is_unique", column_list=["day", "id"])
    small.suite(*SUITE, unique)
    small.land(order for order in orders_of(DAY) if order["id"] in (1, 2))
    small.configure(limits={"quarantined_share": 0.5})
    small.score(spark)
    loosen(small)
    (planned,) = plan(spark, small)
    assert planned.refused == len(REFUSED) + 4
    assert planned.released == 1 + 4
    assert planned.trial is not None
    assert [result.check_id for result in planned.trial.rejecting] == ["audit:keys_unique"]
