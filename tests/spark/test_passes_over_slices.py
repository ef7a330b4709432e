"""Passes over several slices: each slice ends as it does by itself, whatever becomes of the others."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from pyspark.sql import SparkSession
from support.faults.at_steps import STEPS, BrokenOffError
from support.kinds import kept
from support.small_project import (
    DAY,
    DAYS,
    ORDERS,
    REFUSED,
    ROWS,
    SUITE,
    SmallProject,
    copy_of,
    expectation,
    orders_of,
    without_run,
)

from pipelines.backfills.backfilling import Backfilled, Summary, backfill, due, most_a_pass, plan_backfill
from pipelines.backfills.planning import PlannedSlice, plan
from pipelines.backfills.stop_signal import Stop
from pipelines.errors import AbandonedError, ModelError
from pipelines.passes import committing
from pipelines.passes.union_or_scan import MOST_FRAMES, MOST_SLICES
from pipelines.runs.progress import WHOLE, Step, Steps
from pipelines.runs.scoring import Wanted, score_slices
from pipelines.runs.tables import create_tables
from pipelines.upkeep.retracting import retract

pytestmark = pytest.mark.spark

SECOND, THIRD = DAYS[1:]
SCORED = ROWS - len(REFUSED)


@dataclass
class Watcher:
    """Does something when a pass begins a step."""

    act: Callable[[Step], object] = lambda step: None
    told: list[Step] = field(default_factory=list)

    def at(self, day: dt.date, step: Step) -> None:
        if day == DAY:
            self.told.append(step)
            self.act(step)

    def ended(self, slice_: Backfilled, left: Sequence[PlannedSlice]) -> None:
        """Nothing to do."""


def run(
    small: SmallProject, spark: SparkSession, act: Callable[[Step], object] = lambda step: None, **options: Any
) -> Summary:
    """A backfill of all days, in one pass."""
    found = plan(lambda: spark, small.project, "orders", DAY, DAYS[-1])
    what = {"together": len(DAYS), "watcher": Watcher(act), "stop": Stop(), **options}
    return backfill(spark, small.project, found, **what)


def outcomes(summary: Summary) -> list[str]:
    return [slice_.outcome for slice_ in sorted(summary.done, key=lambda one: one.score_date)]


OF_WORKERS = {"audit:columns_read_by_workers", "audit:native_predictor", "audit:rows_keep_their_results"}
"""What tells of the workers, which several slices share."""


def verdicts(small: SmallProject) -> dict[dt.date, list[dict[str, Any]]]:
    """What was found of each slice."""
    entries = {entry.score_date: entry.value("verdict") or [] for entry in small.ledger.latest()}
    return {
        day: [result for result in results if result["check_id"] not in OF_WORKERS] for day, results in entries.items()
    }


def query(small: SmallProject, text: str, **tables: Any) -> None:
    (small.root / "conf" / "pipelines" / "orders.sql").write_text(text)
    source = {"orders": {"path": "orders", "slice": {"column": "day"}}, "customers": {"path": "customers"}, **tables}
    small.configure(source={"tables": source, "query": "orders.sql"}, limits={"quarantined_share": 0.5})


def as_it_is(small: SmallProject) -> None:
    """One table."""


def joined(small: SmallProject) -> None:
    query(small, "SELECT o.*, c.age FROM orders o LEFT JOIN customers c USING (customer)")
    small.features(amount="coalesce(amount, 0.0) + age")


def compared_with_others_of_the_day(small: SmallProject) -> None:
    query(small, "SELECT *, max(amount) OVER () AS most, count(*) OVER () AS orders FROM orders")
    small.features(amount="coalesce(amount, 0.0) / most + orders")


def named_as_the_source(small: SmallProject) -> None:
    query(small, "SELECT * FROM (SELECT *, max(amount) OVER () AS most FROM orders) orders")
    small.features(amount="coalesce(amount, 0.0) / most")


def by_times_of_a_zone(small: SmallProject) -> None:
    orders = [
        {**order, "day": dt.datetime(day.year, day.month, day.day, order["id"] % 24, tzinfo=dt.UTC)}
        for day in (*DAYS, DAYS[-1] + dt.timedelta(days=1))
        for order in orders_of(day)
    ]
    fields = [pa.field("day", pa.timestamp("us", "UTC")), *list(ORDERS)[1:]]
    small.replace_orders(pa.Table.from_pylist(orders, schema=pa.schema(fields)))
    small.configure(timezone="America/St_Johns", key=["id"], limits={"quarantined_share": 0.5})


def joined_with_itself(small: SmallProject) -> None:
    others = "SELECT customer, max(quantity) AS most FROM orders GROUP BY customer"
    query(small, f"SELECT o.*, m.most FROM orders o LEFT JOIN ({others}) m USING (customer)")
    small.features(amount="coalesce(amount, 0.0) + coalesce(most, 0)")


def looking_back(small: SmallProject) -> None:
    past = {"path": "orders", "slice": {"column": "day", "lookback_days": 1}}
    counted = "SELECT id, count(*) AS orders FROM past GROUP BY id"
    query(small, f"SELECT o.*, p.orders FROM orders o LEFT JOIN ({counted}) p USING (id)", past=past)
    small.features(amount="coalesce(amount, 0.0) + 100 * orders")


def by_a_condition(small: SmallProject) -> None:
    small.configure(
        source={"tables": {"orders": {"path": "orders", "slice": {"where": "CAST(day AS DATE) = :score_date"}}}}
    )


def by_a_function_of_the_day(small: SmallProject) -> None:
    (small.root / "of_the_day.py").write_text(
        "from pyspark.sql import functions as F\n\n\n"
        "def derive(frame):\n"
        "    usual = frame.agg(F.avg('amount')).first()[0] + len(frame.columns)\n"
        "    return frame.withColumn('is_web', (F.col('amount') > usual).cast('int'))\n"
    )
    given = [expectation("column_values_to_not_be_null", name, column=name) for name in ("amount", "channel")]
    small.suite(*given)
    small.configure(features={"function": "of_the_day:derive"}, limits={"quarantined_share": 0.5})


def judged_as_a_whole(small: SmallProject) -> None:
    small.land(order for day in DAYS for order in orders_of(day) if order["id"] == 1 + day.day)
    small.suite(
        *SUITE,
        expectation("compound_columns_to_be_unique", "key_is_unique", column_list=["day", "id"]),
        expectation(
            "column_value_z_scores_to_be_less_than", "usual", column="amount", threshold=1.7, double_sided=True
        ),
        expectation("column_median_to_be_between", "middle", column="amount", min_value=1, max_value=1000),
    )
    small.configure(limits={"quarantined_share": 0.5})


def measured_in_the_pass(small: SmallProject) -> None:
    small.suite(
        *SUITE,
        expectation("column_mean_to_be_between", "mean", column="amount", min_value=1, max_value=1000),
        expectation("column_max_to_be_between", "most", column="amount", min_value=1, max_value=1000),
    )
    gates = {
        "rows": {"of": "rows", "slices": 3, "at_least": 1, "within": 0.2},
        "nulls": {"of": "null_share", "column": "amount", "slices": 3, "at_least": 1, "within": 0.2},
    }
    small.configure(history=gates)


def by_great_expectations_itself(small: SmallProject) -> None:
    small.suite(*SUITE, expectation("column_values_to_be_increasing", "in_order", "warning", column="id"))


def of_texts(small: SmallProject) -> None:
    folder = small.root / "inputs" / "texts"
    folder.mkdir()
    for day in DAYS:
        pa_csv.write_csv(pa.Table.from_pylist(orders_of(day)), folder / f"{day}.csv")
    columns = {"id": "bigint", "amount": "double", "quantity": "int"}
    table = {"path": "texts", "format": "csv", "slice": {"column": "day"}, "columns": columns}
    small.configure(source={"tables": {"orders": table}}, limits={"quarantined_share": 0.5})


WAYS: dict[str, tuple[Callable[[SmallProject], None], int]] = {
    way.__name__: (way, most)
    for way, most in [
        (as_it_is, MOST_SLICES),
        (joined, MOST_SLICES),
        (compared_with_others_of_the_day, MOST_FRAMES),
        (joined_with_itself, MOST_FRAMES),
        (named_as_the_source, MOST_FRAMES),
        (by_times_of_a_zone, MOST_FRAMES),
        (looking_back, MOST_FRAMES),
        (by_a_condition, MOST_SLICES),
        (by_a_function_of_the_day, MOST_FRAMES),
        (judged_as_a_whole, MOST_SLICES),
        (measured_in_the_pass, MOST_SLICES),
        (by_great_expectations_itself, MOST_SLICES),
        (of_texts, MOST_SLICES),
    ]
}

WAYS_IN_CI = (
    "as_it_is",
    "compared_with_others_of_the_day",
    "joined_with_itself",
    "looking_back",
    "by_a_function_of_the_day",
    "judged_as_a_whole",
    "measured_in_the_pass",
)
"""Which of these share a scan, test_row_wise.py tells of all; `make soak` scores the others too."""


@pytest.mark.parametrize("way", kept(WAYS, WAYS_IN_CI.__contains__))
def test_slices_that_share_a_pass_end_as_by_themselves(
    spark: SparkSession, new_project: Callable[[], SmallProject], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    configure, most = WAYS[way]
    alone, together = new_project(), new_project()
    monkeypatch.syspath_prepend(str(alone.root))
    for small in (alone, together):
        configure(small)
        if configure is by_times_of_a_zone:  # its tables have another key
            shutil.rmtree(small.root / "warehouse")
            create_tables(spark, small.project, "orders")
    found = plan(lambda: spark, together.project, "orders", DAY, DAYS[-1])
    assert most_a_pass(spark, together.project, found) == most
    assert outcomes(run(alone, spark, together=1)) == outcomes(run(together, spark))
    assert len(together.predictions()) > len(DAYS)
    assert without_run(together.predictions()) == without_run(alone.predictions())
    assert without_run(together.quarantine()) == without_run(alone.quarantine())
    assert verdicts(together) == verdicts(alone)
    assert together.stages() == []


def test_folders_may_have_any_name(
    spark: SparkSession, base: SmallProject, filled: SmallProject, tmp_path: Path
) -> None:
    small = copy_of(base, tmp_path / "Größe 100% & mehr" / "rows" / "w")
    assert outcomes(run(small, spark)) == ["published"] * len(DAYS)
    assert without_run(small.predictions()) == without_run(filled.predictions())


def test_a_table_that_spark_has_to_write_takes_slice_by_slice(
    spark: SparkSession, small: SmallProject, filled: SmallProject
) -> None:
    for table in (small.predictions_path, small.quarantine_path):
        spark.sql(f"ALTER TABLE delta.`{table}` ADD CONSTRAINT some_run CHECK (run_id IS NOT NULL)")
    before = small.versions()["warehouse/orders/predictions"]
    assert outcomes(run(small, spark)) == ["published"] * len(DAYS)
    assert small.versions()["warehouse/orders/predictions"] == before + len(DAYS)
    assert without_run(small.predictions()) == without_run(filled.predictions())
    assert without_run(small.quarantine()) == without_run(filled.quarantine())


@pytest.fixture(scope="module")
def filled(base: SmallProject, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A copy with all days published by one pass; for tests that only look."""
    small = copy_of(base, tmp_path_factory.mktemp("p"))
    before = small.versions()
    assert outcomes(run(small, spark)) == ["published"] * len(DAYS)
    after = small.versions()
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {
        "warehouse/orders/predictions": 1,
        "warehouse/orders/quarantine": 1,
        "warehouse/ops/runs": 2,
    }
    return small


def test_each_slice_of_a_pass_has_a_run_of_its_own(filled: SmallProject) -> None:
    for day in DAYS:
        (entry,) = filled.ledger.latest(score_date=day)
        assert {row["run_id"] for row in filled.predictions(day)} == {entry.run_id}
        assert {row["run_id"] for row in filled.quarantine(day)} == {entry.run_id}
        assert (entry.rows_input, entry.rows_scored) == (ROWS, SCORED)
        assert entry.value("manifest")["score_date"] == day.isoformat()
        assert filled.states(run_id=entry.run_id) == ["started", "published"]


def test_no_more_jobs_are_run_for_more_slices(spark: SparkSession, new_project: Callable[[], SmallProject]) -> None:
    assert jobs_of(spark, new_project(), 2) == jobs_of(spark, new_project(), 3)


def jobs_of(spark: SparkSession, small: SmallProject, days: int) -> int:
    """The Spark jobs of one pass."""
    context = spark.sparkContext._jsc.sc()
    found = plan(lambda: spark, small.project, "orders", DAY, DAYS[days - 1])
    before = next_job(context)
    summary = backfill(spark, small.project, found, together=days, watcher=Watcher(), stop=Stop())
    assert outcomes(summary) == ["published"] * days
    return next_job(context) - before


def next_job(context: Any) -> int:
    return int(context.dagScheduler().nextJobId())


def test_a_slice_on_which_the_model_raises_too_often_takes_no_other_with_it(
    spark: SparkSession, small: SmallProject
) -> None:
    small.use_model("poisoned")
    small.configure(limits={"quarantined_share": 0.5, "model_raised_rows": 0})
    summary = run(small, spark)
    assert outcomes(summary) == ["rejected", "published", "published"]  # it raises on amounts of the first day
    assert [entry.state for entry in small.ledger.latest(score_date=DAY)] == ["rejected"]
    assert len(small.predictions(SECOND)) == len(small.predictions(THIRD)) == ROWS - 3  # of the rules' own
    assert summary.exit_code == 3


def test_a_slice_that_makes_a_pass_fail_stands_alone_in_the_end(spark: SparkSession, small: SmallProject) -> None:
    small.use_model("deadly")
    steps: list[Step] = []
    summary = run(small, spark, steps.append)
    assert steps.count("score") == 5  # of all three, of two, and of each by itself
    assert outcomes(summary) == ["failed", "published", "published"]  # it ends on an order of the first day
    assert small.states(day=DAY) == ["started", "failed"]
    assert [small.states(day=day) for day in DAYS[1:]] == [["started", "published"]] * 2
    assert small.stages() == []
    assert summary.exit_code == 1


def test_a_rejected_slice_is_kept_as_evidence_and_the_others_are_published(
    spark: SparkSession, small: SmallProject
) -> None:
    small.mend({number: {"amount": -1.0} for number in range(ROWS)}, SECOND)
    assert outcomes(run(small, spark)) == ["published", "rejected", "published"]
    (entry,) = small.ledger.latest(score_date=SECOND)
    assert [stage.name for stage in small.stages()] == [entry.run_id]
    assert len(small.quarantine(SECOND)) == ROWS
    assert small.predictions(SECOND) == []


def test_a_day_without_rows_is_rejected_alone(spark: SparkSession, small: SmallProject) -> None:
    small.configure(source={"tables": {"orders": {"path": "orders", "slice": {"where": "day = :score_date"}}}})
    found = plan(lambda: spark, small.project, "orders", DAY, DAYS[-1] + dt.timedelta(days=1))
    summary = backfill(spark, small.project, found, together=4, watcher=Watcher(), stop=Stop())
    assert outcomes(summary) == [*["published"] * 3, "rejected"]


@pytest.mark.parametrize("step", [step for step in STEPS if step in ("score", "audit", "quarantine", "publish")])
def test_a_slice_that_is_published_meanwhile_is_superseded_and_no_other(
    spark: SparkSession, small: SmallProject, step: Step
) -> None:
    newer: list[str] = []

    def publish(at: Step) -> None:
        if at == step and not newer:
            newer.append(small.score(spark, SECOND, model_version=1, force=True).run_id)

    assert outcomes(run(small, spark, publish)) == ["published", "superseded", "published"]
    assert {row["run_id"] for row in small.predictions(SECOND)} == set(newer)
    assert len(small.predictions()) == len(DAYS) * SCORED


def test_a_slice_that_is_retracted_meanwhile_stays_away(spark: SparkSession, small: SmallProject) -> None:
    assert outcomes(run(small, spark)) == ["published"] * 3

    def take_back(at: Step) -> None:
        if at == "publish":
            retract(spark, small.project, "orders", SECOND, "wrong")

    assert outcomes(run(small, spark, take_back, only="all")) == ["published", "superseded", "published"]
    assert small.predictions(SECOND) == []
    assert len(small.predictions()) == 2 * SCORED


@pytest.mark.parametrize(
    "step", kept([step for step in STEPS if step != "resolve"], lambda step: step in ("score", "publish", "record"))
)
def test_broken_off_anywhere_and_run_again_it_ends_as_an_undisturbed_one(
    spark: SparkSession, small: SmallProject, filled: SmallProject, step: Step
) -> None:
    def break_off(at: Step) -> None:
        if at == step:
            raise BrokenOffError(f"broken off at {step}")

    first = run(small, spark, break_off)
    assert {slice_.error for slice_ in first.done} == {f"unexpected: BrokenOffError: broken off at {step}"}
    assert (len(small.predictions()) > 0) == (step == "record")
    assert len(small.stages()) == (0 if step in ("read", "score") else 3)
    again = run(small, spark)
    assert outcomes(again) == ([] if step == "record" else ["published"] * 3)
    assert without_run(small.predictions()) == without_run(filled.predictions())
    current = [row for day in DAYS for row in small.quarantine_current(day)]
    assert without_run(current) == without_run(filled.quarantine())


def test_what_a_broken_off_pass_has_staged_is_not_scored_again(spark: SparkSession, small: SmallProject) -> None:
    small.use_counting_model()

    def break_off(at: Step) -> None:
        if at == "publish":
            raise BrokenOffError("broken off")

    before = len(small.evaluated())
    run(small, spark, break_off)
    asked = len(small.evaluated())
    assert asked > before
    assert outcomes(run(small, spark)) == ["published"] * 3
    assert len(small.evaluated()) == asked


def test_a_pass_that_is_given_up_leaves_nothing_and_is_gone_on_with(spark: SparkSession, small: SmallProject) -> None:
    stop = Stop(grace_seconds=600)

    def ask_twice(at: Step) -> None:
        if at == "audit":
            stop.ask()
            stop.ask()

    assert outcomes(run(small, spark, ask_twice, stop=stop)) == ["abandoned"] * len(DAYS)
    assert small.predictions() == []
    assert {entry.state for entry in small.ledger.latest()} == {"failed"}
    assert outcomes(run(small, spark)) == ["published"] * len(DAYS)
    assert small.stages() == []


def test_after_too_many_failures_the_rest_of_a_pass_is_left(spark: SparkSession, small: SmallProject) -> None:
    small.use_model("deadly")
    found = plan(lambda: spark, small.project, "orders", DAY, DAYS[-1])
    wanted = [Wanted(item.score_date, item.fence) for item in found.slices]
    parts = spark, small.project, found.layout, found.definition, found.slices[0].model
    ends = score_slices(*parts, wanted, may_go_on=lambda failed: failed < 1, steps=Steps())
    assert [type(ended.end) for ended in ends] == [ModelError, AbandonedError, AbandonedError]
    assert {entry.state for entry in small.ledger.latest()} == {"failed"}
    assert (small.predictions(), small.stages()) == ([], [])


def test_no_more_slices_fail_than_one_too_many(spark: SparkSession, small: SmallProject) -> None:
    for day in DAYS[:2]:
        small.mend({number: {"amount": -1.0} for number in range(ROWS)}, day)
    summary = run(small, spark, max_failures=0)
    assert outcomes(summary) == ["rejected"]
    assert summary.left == (SECOND, THIRD)


def test_passes_side_by_side_let_no_more_slices_fail_than_are_at_work(spark: SparkSession, small: SmallProject) -> None:
    for day in DAYS:
        small.mend({number: {"amount": -1.0} for number in range(ROWS)}, day)
    summary = run(small, spark, max_failures=0, parallel=2)
    assert outcomes(summary) == ["rejected"] * 2
    assert summary.left == (THIRD,)


def test_where_nothing_tells_whether_a_pass_was_published_the_next_one_finds_out(
    spark: SparkSession, small: SmallProject, filled: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = committing.those_there

    def unreadable(location: str, *asked: Any) -> set[str]:
        if location == small.predictions_path:
            raise OSError("no answer")
        return looked(location, *asked)

    with monkeypatch.context() as patch:
        patch.setattr(committing, "those_there", unreadable)
        summary = run(small, spark)
    assert outcomes(summary) == ["failed"] * len(DAYS)
    assert all("is not known" in slice_.error for slice_ in summary.done)
    runs = {row["run_id"] for row in small.predictions()}
    assert without_run(small.predictions()) == without_run(filled.predictions())  # the files were not taken away
    found = plan_backfill(lambda: spark, small.project, "orders", DAY, DAYS[-1])
    assert due(found) == []
    assert {(entry.run_id, entry.state) for entry in small.ledger.latest()} == {
        (run_id, "published") for run_id in runs
    }


def test_a_run_tells_its_share_of_a_pass_and_how_long_all_of_it_took(filled: SmallProject) -> None:
    entries = filled.ledger.latest()
    (whole,) = {entry.value("timings")[WHOLE] for entry in entries}
    for entry in entries:
        shares = {step: took for step, took in entry.value("timings").items() if step != WHOLE}
        assert sum(shares.values()) * len(DAYS) == pytest.approx(whole, abs=0.1)
