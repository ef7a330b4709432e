"""A run scored again from its manifest: equal to the last bit, or told where not, or what can no longer be had."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession
from support.small_project import DAY, ORDERS, REFUSED, ROWS, SUITE, SmallProject, expectation, orders_of

from pipelines.errors import RejectedError, UsageError
from pipelines.provenance.reproducing import Replay, replay
from pipelines.upkeep.retracting import retract

pytestmark = pytest.mark.spark
CLEAN = ROWS - len(REFUSED)


def again(spark: SparkSession, small: SmallProject, run_id: str, sample: int | None = None) -> Replay:
    return replay(spark, small.project, run_id, sample=sample)


def test_a_published_run_gives_every_row_again(spark: SparkSession, scored: SmallProject) -> None:
    (entry,) = scored.ledger.latest()
    found = again(spark, scored, entry.run_id)
    assert found.is_equal, found
    assert (found.compared, found.differing, found.lost, found.gained) == (CLEAN, 0, 0, 0)
    assert found.environment == ()
    assert found.as_json()["is_equal"] is True


def test_a_sample_compares_so_many_rows(spark: SparkSession, scored: SmallProject) -> None:
    (entry,) = scored.ledger.latest()
    found = again(spark, scored, entry.run_id, sample=5)
    assert (found.is_equal, found.compared) == (True, 5)


def test_a_replaced_run_is_held_against_what_it_published_of_the_input_it_read(
    spark: SparkSession, small: SmallProject
) -> None:
    first = small.score(spark).run_id
    small.mend({number: {"amount": 1.0} for number in range(10)})
    small.configure(features={"amount": "1.0", "quantity": "quantity", "is_web": "0"})
    second = small.score(spark).run_id
    assert first != second
    assert [again(spark, small, run).is_equal for run in (first, second)] == [True, True]


def test_a_run_that_was_taken_back_is_held_against_what_it_had_published(
    spark: SparkSession, small: SmallProject
) -> None:
    run = small.score(spark).run_id
    retract(spark, small.project, "orders", DAY, "to see")
    assert small.predictions() == []
    found = again(spark, small, run)
    assert (found.is_equal, found.compared) == (True, CLEAN)


def test_what_was_changed_by_hand_is_told_with_its_key_and_by_how_much(
    spark: SparkSession, small: SmallProject
) -> None:
    run = small.score(spark).run_id
    table = DeltaTable(small.predictions_path)
    table.update(predicate="id = 5", updates={"probability": "probability + 0.125"})
    table.delete("id = 6")
    found = again(spark, small, run)
    assert not found.is_equal
    assert (found.compared, found.differing, found.lost, found.gained) == (CLEAN - 1, 1, 0, 1)
    assert found.largest is not None
    assert found.largest["probability"] == pytest.approx(0.125)
    assert found.example == {"day": str(DAY), "id": "5"}


def test_a_rule_of_the_whole_slice_refuses_the_same_rows(spark: SparkSession, small: SmallProject) -> None:
    twice = [order for order in orders_of(DAY) if order["id"] in (1, 2)]
    small.land(twice)
    keys = expectation("compound_columns_to_be_unique", "orders_once", column_list=["day", "id"])
    small.suite(*SUITE, keys)
    run = small.score(spark).run_id
    found = again(spark, small, run)
    assert found.is_equal, found
    assert found.compared == CLEAN - 2


def test_what_can_no_longer_be_had_is_named(spark: SparkSession, small: SmallProject) -> None:
    run = small.score(spark).run_id
    small.environment(tracking_uri=f"sqlite:///{small.root}/another.db")
    shutil.rmtree(small.orders)
    write_deltalake(small.orders, pa.Table.from_pylist(orders_of(DAY), schema=ORDERS))
    found = again(spark, small, run)
    assert not found.is_equal
    assert found.compared == 0
    source, model = found.unavailable
    assert "source 'orders', version" in source
    assert "model 'returns'" in model


def test_vacuumed_files_of_the_input_are_told(spark: SparkSession, small: SmallProject) -> None:
    run = small.score(spark).run_id
    small.mend({1: {"amount": 1.0}})
    DeltaTable(small.orders).vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    found = again(spark, small, run)
    assert not found.is_equal
    assert "cannot be read" in found.unavailable[0]


def test_runs_that_published_nothing_or_never_were(spark: SparkSession, small: SmallProject) -> None:
    small.suite(*SUITE, expectation("table_row_count_to_be_between", "enough_orders", min_value=100))
    with pytest.raises(RejectedError):
        small.score(spark)
    (entry,) = small.ledger.latest()
    with pytest.raises(UsageError, match="published nothing"):
        again(spark, small, entry.run_id)
    with pytest.raises(UsageError, match="no run"):
        again(spark, small, entry.run_id[:-1] + "x")
