"""Data files that are gone, as after a vacuum: every verb says the same sentence, and `why` all that is still known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from support.small_project import DAY, SmallProject, copy_of, expectation, orders_of

from pipelines.config.models import Model
from pipelines.diagnostics.certifying import certify
from pipelines.errors import SourceError
from pipelines.onboarding.initializing import Wish, initialize
from pipelines.provenance.explaining import why
from pipelines.provenance.reproducing import replay
from pipelines.quality.quarantine_replay import plan_replay
from pipelines.quality.suggesting import suggest
from pipelines.quality.trials import validate_slices

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

SENTENCE = "a data file of the input cannot be read"
Verb = Callable[[SparkSession, SmallProject], object]


def vacuum(small: SmallProject) -> None:
    """Take away the files that the newest version no longer has, whatever their age."""
    gone = DeltaTable(small.orders).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert gone


def take_away(small: SmallProject) -> str:
    """Take the file with order 5 away from the newest version; returns its name."""
    files = Path(small.orders).glob(f"day={DAY}/*.parquet")
    (file,) = [file for file in files if 5 in pq.ParquetFile(file).read(["id"])["id"].to_pylist()]
    file.unlink()
    return file.name


def test_why_tells_prediction_run_and_model_and_that_the_input_is_gone(
    spark: SparkSession, small: SmallProject
) -> None:
    result = small.score(spark)
    (row,) = [row for row in small.predictions(DAY) if row["id"] == 12]
    version = DeltaTable(small.orders).version()
    small.mend({12: {"amount": 7.0}})
    vacuum(small)
    answer = why(lambda: spark, small.project, "orders", ["2024-03-01", "12"])
    assert (answer.status, answer.slice_state) == ("scored", "stale")
    assert answer.outputs == {"prediction": row["prediction"], "probability": row["probability"]}
    assert answer.run is not None
    assert answer.run.model is not None
    assert (answer.run.run_id, answer.run.model.version) == (result.run_id, 1)
    assert (answer.features, answer.contributions) == (None, None)
    (note,) = answer.notes
    assert note.startswith(f"features: of the run's input, orders version {version}: {SENTENCE}; found: ")
    assert ".parquet" in note
    (unavailable,) = replay(spark, small.project, result.run_id).unavailable
    assert unavailable.startswith(SENTENCE)


VERBS: dict[str, Verb] = {
    "score": lambda spark, small: small.score(spark),
    "why, of a row that no table has": lambda spark, small: why(
        lambda: spark, small.project, "orders", ["2024-03-01", "5"]
    ),
    "validate": lambda spark, small: list(validate_slices(spark, small.project, "orders", DAY, DAY)),
    "certify": lambda spark, small: certify(spark, small.project, "orders", DAY, rows=10),
    "suggest": lambda spark, small: suggest(spark, small.project, "orders", DAY, DAY),
    "init": lambda spark, small: initialize(
        lambda: spark,
        small.project,
        Wish("mine", small.orders, Model(name="returns", version=1)),
        None,
        dt.date(2024, 3, 4),
    ),
}


@pytest.fixture(scope="module")
def broken(base: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallProject, str]:
    """A project without one file of its first day, and the file's name."""
    small = copy_of(base, tmp_path_factory.mktemp("p"))
    return small, take_away(small)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_the_same_sentence(spark: SparkSession, broken: tuple[SmallProject, str], verb: str) -> None:
    small, file = broken
    spark.catalog.clearCache()
    with pytest.raises(SourceError, match=SENTENCE) as caught:
        VERBS[verb](spark, small)
    assert file in str(caught.value)
    assert "to do: restore the file" in str(caught.value)
    assert "mail.test" not in str(caught.value)


def test_a_replay_of_the_quarantine_says_it_of_the_slice_and_goes_on(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    looser = expectation("column_values_to_not_be_null", "channel_is_given", column="channel")
    small.suite(looser)
    small.land(orders_of(DAY, rows=1, first=77))
    take_away(small)
    (planned,) = plan_replay(spark, small.project, "orders", DAY, DAY)
    assert planned.error.startswith(SENTENCE)
