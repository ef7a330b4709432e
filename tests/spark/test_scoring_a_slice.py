"""Scoring one slice: what is published, what it costs, and when it is done again."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from typing import Any

import mlflow
import pandas as pd
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from support.kinds import kept
from support.registries import use_registry
from support.small_project import DAY, DAYS, REFUSED, ROWS, SmallProject, orders_of, without_run

from pipelines.errors import UsageError
from pipelines.models.workers.proofs import PERMUTED_ROWS, ROWS_ALONE
from pipelines.models.workers.report import WorkerReport
from pipelines.runs.results import Result

pytestmark = pytest.mark.spark

MOST_COMPILED = 15
"""By a slice that is not the first; Spark by itself keeps the code of 100 plans, and then it is 26 here."""
CLEAN = [number for number in range(ROWS) if number not in REFUSED]


def workers_of(result: Result) -> WorkerReport:
    """What the workers reported of a slice that was scored."""
    assert result.workers is not None
    return result.workers


def executions(spark: SparkSession) -> list[Any]:
    """What Spark's SQL status store holds."""
    listed = spark._jsparkSession.sharedState().statusStore().executionsList()
    return [listed.apply(number) for number in range(listed.size())]


def scans(spark: SparkSession, known: set[int]) -> list[str]:
    """The scan nodes of the orders in the plans of the executions that are not known."""
    store = spark._jsparkSession.sharedState().statusStore()
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    found = []
    for execution in executions(spark):
        if execution.executionId() not in known:
            nodes = store.planGraph(execution.executionId()).allNodes()
            described = [nodes.apply(number) for number in range(nodes.size())]
            found += [node.desc() for node in described if node.name().startswith(("Scan", "BatchScan"))]
    of_orders = [text for text in found if "inputs/orders" in text or "quantity#" in text]
    return [text for text in of_orders if "_delta_log" not in text and "DeltaLogFileIndex" not in text]


def test_a_scored_slice_is_published_and_every_row_accounted_for(scored: SmallProject) -> None:
    (entry,) = scored.ledger.latest()
    observed = scored.predictions(DAY)
    assert entry.state == "published"
    assert [row["id"] for row in observed] == CLEAN
    assert (entry.rows_input, entry.rows_scored, entry.rows_quarantined) == (ROWS, len(CLEAN), len(REFUSED))
    assert {(row["model_name"], row["model_version"], row["run_id"]) for row in observed} == {
        ("returns", 1, entry.run_id)
    }


def test_predictions_are_the_models_own(scored: SmallProject, base: SmallProject) -> None:
    use_registry(base.project.environment.tracking_uri)
    model = mlflow.sklearn.load_model("models:/returns/1")
    orders = [order for order in orders_of(DAY) if order["id"] in CLEAN]
    features = pd.DataFrame(
        {
            "amount": [order["amount"] or 0.0 for order in orders],
            "quantity": pd.Series([order["quantity"] for order in orders], dtype="int64"),
            "is_web": pd.Series([int(order["channel"] == "web") for order in orders], dtype="int32"),
        }
    )
    observed = scored.predictions(DAY)
    expected = list(model.predict_proba(features)[:, 1])
    assert [row["probability"] for row in observed] == pytest.approx(expected, abs=1e-12)
    assert [row["prediction"] for row in observed] == list(model.predict(features))
    assert {row["prediction"] for row in observed} == {0, 1}


def test_each_quarantined_row_says_why_and_holds_what_was_read(scored: SmallProject) -> None:
    observed = scored.quarantine(DAY)
    assert {row["id"]: [reason["rule"] for reason in row["reasons"]] for row in observed} == {
        **{number: [rule] for number, rule in REFUSED.items()},
        7: ["channel_is_given", "model_input_not_null:is_web"],  # a feature of it is null too
    }
    amount = next(row for row in observed if row["id"] == 3)
    (reason,) = amount["reasons"]
    assert reason["column"] == "amount"
    assert reason["message"] == "amount is -5.0; expected >= 0 and <= 1000"
    assert json.loads(amount["row"])["amount"] == -5.0


def test_a_warning_is_counted_and_the_row_scored(spark: SparkSession, small: SmallProject) -> None:
    row = {**orders_of(DAY, 1, 40)[0], "note": "unknown"}
    small.land([row])
    result = small.score(spark)
    (warning,) = [check for check in result.verdict.results if check.check_id == "note_is_known"]
    assert (warning.severity, warning.unexpected_count) == ("warning", 1)
    assert 40 in [row["id"] for row in small.predictions(DAY)]


def test_each_clean_row_is_evaluated_once_beside_the_sample_and_no_refused_row_at_all(
    spark: SparkSession, small: SmallProject
) -> None:
    small.use_counting_model()
    before = len(small.evaluated())
    result = small.score(spark)
    refused = [number for number, rule in REFUSED.items() if not rule.startswith("model_input")]
    expected = [number for number in range(ROWS) if number not in refused]
    evaluated = small.evaluated()[before:]
    assert sorted(set(evaluated)) == expected
    assert len(evaluated) - len(expected) in [workers * (2 * PERMUTED_ROWS + ROWS_ALONE) for workers in (1, 2)]
    assert workers_of(result).evaluated == result.counts.scored == len(expected)


def test_each_worker_loads_the_model_once(spark: SparkSession, small: SmallProject) -> None:
    small.use_model("counting_again", id="id")
    loads = [workers_of(small.score(spark, day)).loads for day in DAYS]
    told = small.told.with_suffix(".loads")
    workers = spark.sparkContext.defaultParallelism
    assert 1 <= loads[0] <= workers
    assert sum(loads) <= workers
    assert loads[2] == 0
    assert told.exists()


def test_the_model_is_not_loaded_again_for_the_second_slice(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark, DAYS[0])  # two files: both workers have it after this
    assert workers_of(small.score(spark, DAYS[1])).loads == 0


@pytest.mark.usefixtures("compiled")
def test_the_second_slice_compiles_only_what_names_its_own_day(spark: SparkSession, small: SmallProject) -> None:
    assert spark._jvm is not None
    metrics = spark._jvm.org.apache.spark.metrics.source.CodegenMetrics
    small.score(spark, DAYS[0])
    before = metrics.METRIC_COMPILATION_TIME().getCount()
    small.score(spark, DAYS[1])
    assert metrics.METRIC_COMPILATION_TIME().getCount() - before <= MOST_COMPILED


def test_a_run_scans_its_input_once(spark: SparkSession, small: SmallProject) -> None:
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    known = {execution.executionId() for execution in executions(spark)}
    small.score(spark)
    observed = scans(spark, known)
    assert len(observed) == 1, "\n".join(observed)


def test_a_run_with_refused_rows_costs_four_commits_at_most(spark: SparkSession, small: SmallProject) -> None:
    before = small.versions()
    result = small.score(spark)
    after = small.versions()
    assert result.counts.quarantined > 0
    assert set(after) == set(before)
    assert sum(after.values()) - sum(before.values()) <= 4
    assert after["warehouse/orders/predictions"] - before["warehouse/orders/predictions"] == 1
    assert after["inputs/orders"] == before["inputs/orders"]


def test_a_second_run_is_already_done_and_adds_no_version_anywhere(spark: SparkSession, small: SmallProject) -> None:
    first = small.score(spark)
    before = small.versions()
    second = small.score(spark)
    assert (first.outcome, second.outcome) == ("published", "already_done")
    assert small.versions() == before
    assert second.run_id == first.run_id
    assert second.counts == first.counts
    assert second.verdict == first.verdict
    assert small.stages() == []


def test_the_next_days_rows_leave_an_older_slice_already_done(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    small.land(orders_of(dt.date(2024, 3, 4)))
    assert small.score(spark).outcome == "already_done"


def test_a_late_row_makes_the_slice_run_again_and_replaces_it(spark: SparkSession, small: SmallProject) -> None:
    first = small.score(spark)
    other = small.score(spark, DAYS[1])
    small.land(orders_of(DAY, 1, 40))
    second = small.score(spark)
    rows = small.predictions(DAY)
    assert second.outcome == "published"
    assert [row["id"] for row in rows] == [*CLEAN, 40]
    assert {row["run_id"] for row in rows} == {second.run_id} != {first.run_id}
    assert {row["run_id"] for row in small.predictions(DAYS[1])} == {other.run_id}
    assert small.score(spark, DAYS[1]).outcome == "already_done"


def test_compaction_of_the_input_leaves_a_slice_already_done(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    before = DeltaTable(small.orders).version()
    spark.sql(f"OPTIMIZE delta.`{small.orders}`")
    assert DeltaTable(small.orders).version() > before
    assert small.score(spark).outcome == "already_done"


def test_force_scores_again_and_gives_the_same_rows(spark: SparkSession, small: SmallProject) -> None:
    small.use_counting_model()
    first = small.score(spark)
    rows = small.predictions()
    before = len(small.evaluated())
    second = small.score(spark, force=True)
    assert second.outcome == "published"
    assert second.run_id != first.run_id
    assert len(set(small.evaluated()[before:])) == workers_of(second).evaluated == second.counts.scored
    assert without_run(small.predictions()) == without_run(rows)


@pytest.mark.parametrize(
    ("what", "changes"),
    kept(
        [
            ("model", {"model": {"name": "returns", "alias": "challenger"}}),
            ("features", {"features": {"amount": "0.0D", "quantity": "quantity", "is_web": "0"}}),
            ("personal", {"personal": ["email", "note"]}),
        ],
        lambda case: case[0] == "features",
    ),
)
def test_what_changes_rows_makes_the_slice_run_again(
    spark: SparkSession, small: SmallProject, what: str, changes: dict[str, Any]
) -> None:
    small.score(spark)
    small.configure(**changes)
    assert small.score(spark).outcome == "published", what


def test_what_changes_no_row_leaves_the_slice_already_done(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    small.configure(
        description="other words", limits={"quarantined_share": 0.5}, model={"name": "returns", "version": 1}
    )
    assert small.score(spark).outcome == "already_done"


def test_another_model_version_replaces_the_slice(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    first = small.predictions()
    with pytest.raises(UsageError, match="version 2 would replace what version 1 predicted"):
        small.score(spark, model_version=2)
    assert small.predictions() == first
    result = small.score(spark, model_version=2, force=True)
    rows = small.predictions()
    assert result.outcome == "published"
    assert {row["model_version"] for row in rows} == {2}
    assert [row["id"] for row in rows] == [row["id"] for row in first]
    assert [row["probability"] for row in rows] != [row["probability"] for row in first]


def test_tables_stay_readable_by_everything(spark: SparkSession, scored: SmallProject) -> None:
    for location in (scored.predictions_path, scored.quarantine_path, scored.ledger.location):
        protocol = DeltaTable(location).protocol()
        assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2), location


def test_the_log_of_the_tables_holds_no_personal_value(scored: SmallProject) -> None:
    for location in (scored.predictions_path, scored.quarantine_path, scored.ledger.location):
        logs = "".join(file.read_text() for file in (scored.root / location / "_delta_log").glob("*.json"))
        assert "secret-nobody" not in logs


def test_a_join_brings_columns_and_keeps_the_rows(spark: SparkSession, small: SmallProject) -> None:
    query = "SELECT o.*, c.age FROM orders AS o LEFT JOIN customers AS c ON o.customer = c.customer"
    (small.root / "conf/pipelines/orders.sql").write_text(query)
    tables = {"orders": {"path": "orders", "slice": {"column": "day"}}, "customers": {"path": "customers"}}
    small.configure(source={"tables": tables, "query": "orders.sql"})
    small.features(amount="CAST(age AS DOUBLE)")
    result = small.score(spark)
    assert result.outcome == "published"
    assert (result.counts.input, result.counts.scored) == (ROWS, len(CLEAN))
    by_customer = Counter(round(row["probability"], 12) for row in small.predictions())
    assert len(by_customer) > 5
    assert [source.name for source in result.sources] == ["orders", "customers"]


def test_lookback_takes_the_days_before_too(spark: SparkSession, small: SmallProject) -> None:
    table = {"path": "orders", "slice": {"column": "day", "lookback_days": 1}}
    small.configure(source={"tables": {"orders": table}})
    result = small.score(spark, DAYS[1])
    assert result.counts.input == 2 * ROWS
    assert {row["day"] for row in small.predictions(DAYS[1])} == set(DAYS[:2])


def test_a_condition_selects_the_slice_too(spark: SparkSession, small: SmallProject) -> None:
    table = {"path": "orders", "slice": {"where": "day = :score_date AND id < 10"}}
    small.configure(source={"tables": {"orders": table}})
    result = small.score(spark)
    assert (result.counts.input, result.counts.scored) == (10, 8)
    assert small.score(spark).outcome == "already_done"


def test_a_run_tells_each_step_and_times_it(spark: SparkSession, small: SmallProject) -> None:
    told: list[str] = []
    result = small.score(spark, progress=told.append)
    assert told == ["resolve", "read", "score", "audit", "quarantine", "publish", "record"]
    assert set(result.timings) == set(told)


def test_the_manifest_says_what_fixed_the_result(scored: SmallProject) -> None:
    (entry,) = scored.ledger.latest()
    manifest = entry.value("manifest")
    (commit,) = [
        json.loads(action["userMetadata"])
        for action in DeltaTable(scored.predictions_path).history()
        if "userMetadata" in action
    ]
    assert manifest["model"]["version"] == 1
    assert manifest["sources"][0]["version"] == DeltaTable(scored.orders).version()
    assert commit["run_id"] == manifest["run_id"] == entry.run_id
    assert commit["run_key"] == manifest["run_key"]
    assert commit["fence"] == manifest["fence"] == entry.fence
