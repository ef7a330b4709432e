"""Columns with blanks, dots, umlauts, brackets, quotes and signs in their names, wherever a column may be named."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from support.readers import READERS, by_spark
from support.small_project import SmallProject, copy_of, expectation

from pipelines.diagnostics.checking import check_pipeline
from pipelines.provenance.explaining import why
from pipelines.quality.quarantine import refused_rows
from pipelines.quality.suggesting import suggest
from pipelines.quality.trials import validate_slices
from pipelines.reports.view_queries import DUCKDB, VIEWS
from pipelines.reports.views import create_views, views_script
from pipelines.runs.tables import create_tables, require_tables
from pipelines.tables.reading import read_rows

pytestmark = pytest.mark.spark

DAY = dt.date(2024, 3, 1)
KEY = {
    "order_number": "Order Number",
    "order.no": None,
    "Schlüssel": None,
    "id[new]": None,
    "tick`s": None,
    "a_b": "a=b",
}
"""The key's columns as the tables call them, and what the source calls those that Delta would not allow."""
ROWS = 12


def row(number: int) -> dict[str, Any]:
    return {
        "day": DAY,
        "Order Number": f"A {number}",
        "order.no": number,
        "Schlüssel": f"ü{number}",
        "id[new]": number,
        "tick`s": f"`{number}`",
        "a=b": f"50%/x={number}",
        "größe (cm)": -1.0 if number == 3 else 10.0 * number,
        "wind.speed": float(number),
        "E Mail": "nobody" if number == 5 else f"secret{number}@mail.test",
        "weather": {"is.wet": number % 2 == 0},
    }


@pytest.fixture(scope="module")
def odd(base: SmallProject, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    small = copy_of(base, tmp_path_factory.mktemp("odd"))
    folder = small.root / "inputs" / "odd"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist([row(number) for number in range(ROWS)]), folder / "rows.parquet")
    small.configure(
        source={"tables": {"odd": {"path": "odd", "format": "parquet", "slice": {"column": "day"}}}},
        key=list(KEY),
        key_from={name: source for name, source in KEY.items() if source is not None},
        features={"amount": "`größe (cm)` + `wind.speed`", "quantity": "CAST(`order.no` AS INT)", "is_web": "1"},
        personal=["E Mail"],
        output={"predictions": {"path": "odd/predictions"}, "quarantine": {"path": "odd/quarantine"}},
    )
    small.suite(
        expectation("column_values_to_be_between", "size_is_one", column="größe (cm)", min_value=0, max_value=1000),
        expectation("column_values_to_match_regex", "mail_is_one", column="E Mail", regex="@"),
        expectation("column_values_to_not_be_null", "speed_is_given", column="wind.speed"),
        expectation("column_values_to_be_unique", "number_is_unique", column="Order Number"),
        expectation("column_mean_to_be_between", "speed_as_usual", column="wind.speed", min_value=0, max_value=100),
        expectation("compound_columns_to_be_unique", "key_is_unique", column_list=["order.no", "tick`s"]),
    )
    create_tables(spark, small.project, "orders")
    return small


@pytest.fixture(scope="module")
def scored(odd: SmallProject, spark: SparkSession) -> SmallProject:
    result = odd.score(spark, DAY)
    assert (result.counts.scored, result.counts.quarantined) == (ROWS - 2, 2)
    return odd


def keys_of(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted(tuple(row[name] for name in KEY) for row in rows)


def expected(numbers: set[int]) -> list[tuple[Any, ...]]:
    return sorted(tuple(row(number)[source or name] for name, source in KEY.items()) for number in numbers)


REFUSED = {3, 5}


def test_every_reader_finds_the_keys_in_both_tables(scored: SmallProject, spark: SparkSession) -> None:
    layout = require_tables(spark, scored.project, scored.pipeline)
    for location, numbers in ((layout.predictions, set(range(ROWS)) - REFUSED), (layout.quarantine, REFUSED)):
        table = DeltaTable(location)
        for reader in READERS.values():
            assert keys_of(reader(table)) == expected(numbers)
        assert keys_of(by_spark(spark, location)) == expected(numbers)


def test_refused_rows_are_kept_with_the_sources_names_and_personal_ones_masked(
    scored: SmallProject, spark: SparkSession
) -> None:
    rows, in_all = refused_rows(require_tables(spark, scored.project, scored.pipeline), "returns", DAY, DAY)
    assert in_all == len(rows) == 2
    for refused in rows:
        assert refused.row["größe (cm)"] in (-1.0, 50.0)
        assert refused.row["wind.speed"] in (3.0, 5.0)
        assert "nobody" not in str(refused)


@pytest.mark.parametrize("number", [1, 5])
def test_why_finds_a_row_by_its_key_however_it_looks(scored: SmallProject, spark: SparkSession, number: int) -> None:
    (words,) = expected({number})
    for typed in (map(str, words), (f"{name}={value}" for name, value in zip(KEY, words, strict=True))):
        answer = why(lambda: spark, scored.project, "orders", list(typed))
        assert answer.status == ("quarantined" if number in REFUSED else "scored")
        assert answer.score_date == DAY


def test_every_view_can_be_asked_in_spark_and_in_duckdb(scored: SmallProject, spark: SparkSession) -> None:
    layout = require_tables(spark, scored.project, scored.pipeline)
    script = views_script(DUCKDB, scored.pipeline, layout).replace(DUCKDB.preamble, "")
    connection = duckdb.connect()
    for number, place in enumerate((layout.ledger.location, layout.predictions, layout.quarantine)):
        connection.register(f"table_{number}", read_rows(DeltaTable(place)))
        script = script.replace(f"delta_scan('{place}')", f"table_{number}")
    connection.execute(script)
    create_views(spark, scored.project, "orders")
    for view in VIEWS:
        assert connection.sql(f"SELECT * FROM {view}").to_arrow_table().num_rows == spark.table(view).count()


def test_a_suite_that_is_suggested_fits_its_own_rows(odd: SmallProject, spark: SparkSession) -> None:
    suite = suggest(spark, odd.project, "orders", DAY, DAY)
    file = odd.root / "suggested.json"
    file.write_text(json.dumps(suite, default=str))
    (trial,) = validate_slices(spark, odd.project, "orders", DAY, DAY, file)
    assert trial.other is not None
    assert not trial.other.rejecting
    named = json.dumps(suite, ensure_ascii=False)
    assert "wind.speed" in named
    assert "Order Number" not in named  # the key is held by the name that the tables have for it


def test_a_check_knows_all_the_names(odd: SmallProject, spark: SparkSession) -> None:
    assert check_pipeline(odd.project, "orders", lambda: spark).rules
