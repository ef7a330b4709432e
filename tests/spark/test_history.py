"""Gates that look at history: what is a baseline, and what is none."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, DAYS, ROWS, SmallProject, orders_of

from pipelines.errors import RejectedError
from pipelines.upkeep.retracting import retract
from pipelines.validation.verdict import CheckResult

pytestmark = pytest.mark.spark

NEXT = dt.date(2024, 3, 4)


def gate(**options: Any) -> dict[str, Any]:
    return {"usual": {"of": "rows", "slices": 3, "at_least": 2, "within": 0.2, **options}}


def result_of(small: SmallProject, run_id: str) -> CheckResult:
    (found,) = [item for item in small.entry(run_id).value("verdict") if item["check_id"] == "history:usual"]
    return CheckResult(**found)


def test_a_slice_is_held_against_the_median_of_those_before(spark: SparkSession, small: SmallProject) -> None:
    small.configure(history=gate(), limits={"quarantined_share": 0.5})
    first = [small.score(spark, day) for day in DAYS]
    assert [result_of(small, run.run_id).success for run in first] == [True, True, True]
    assert "now 1" in result_of(small, first[1].run_id).expected
    small.land(orders_of(NEXT, rows=ROWS // 2))
    with pytest.raises(RejectedError, match=r"history:usual: rows: >= 32 and <= 48, by the median 40 of the last 3"):
        small.score(spark, NEXT)
    small.land(orders_of(NEXT, rows=ROWS // 2, first=ROWS // 2))
    assert small.score(spark, NEXT).outcome == "published"


@pytest.mark.soak
def test_later_slices_rejected_runs_and_retracted_ones_do_not_count(spark: SparkSession, small: SmallProject) -> None:
    small.configure(history=gate(), limits={"quarantined_share": 0.5})
    for day in DAYS[1:]:
        small.score(spark, day)
    backfilled = small.score(spark, DAY)
    assert "now 0" in result_of(small, backfilled.run_id).expected
    retract(spark, small.project, "orders", DAYS[1], "wrong")
    small.land(orders_of(NEXT, rows=ROWS // 2))
    with pytest.raises(RejectedError, match="of the last 2 published"):
        small.score(spark, NEXT)
    small.land(orders_of(dt.date(2024, 3, 5)))
    assert small.score(spark, dt.date(2024, 3, 5)).outcome == "published"


@pytest.mark.soak
def test_a_share_of_nulls_is_compared_too(spark: SparkSession, small: SmallProject) -> None:
    nulls = gate(of="null_share", column="amount", within=0.1)
    small.configure(history=nulls, limits={"quarantined_share": 0.5})
    for day in DAYS:
        run = small.score(spark, day)
    assert result_of(small, run.run_id).observed == pytest.approx(0.1)
    small.land({**order, "amount": None} for order in orders_of(NEXT))
    with pytest.raises(RejectedError, match="history:usual"):
        small.score(spark, NEXT)


def test_a_gate_of_another_weekday_waits_for_its_own(spark: SparkSession, small: SmallProject) -> None:
    small.configure(history=gate(same_weekday=True, at_least=1), limits={"quarantined_share": 0.5})
    for day in DAYS:
        small.score(spark, day)
    small.land(orders_of(NEXT, rows=ROWS // 2))
    assert small.score(spark, NEXT).outcome == "published"
    week_later = DAY + dt.timedelta(days=7)
    small.land(orders_of(week_later, rows=ROWS // 2))
    with pytest.raises(RejectedError, match="published slices of the same weekday"):
        small.score(spark, week_later)


def test_adding_a_gate_leaves_published_slices_alone_and_counts_them(spark: SparkSession, small: SmallProject) -> None:
    for day in DAYS:
        small.score(spark, day)
    small.configure(history=gate())
    assert small.score(spark, DAY).outcome == "already_done"
    small.land(orders_of(NEXT, rows=ROWS // 2))
    with pytest.raises(RejectedError, match="of the last 3 published"):
        small.score(spark, NEXT)


def test_a_gate_of_another_subject_takes_no_number_from_an_old_stage(spark: SparkSession, small: SmallProject) -> None:
    small.configure(history=gate(of="null_share", column="note", within=0.01), limits={"quarantined_share": 0.01})
    with pytest.raises(RejectedError, match="limit:quarantined_share"):
        small.score(spark)
    small.configure(history=gate(of="null_share", column="amount", within=0.01), limits={"quarantined_share": 0.5})
    result = small.score(spark)
    assert "score" in result.timings
    assert result_of(small, result.run_id).observed == pytest.approx(0.1)
