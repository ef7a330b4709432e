"""A text source, scored: texts stay what they are, types are what the pipeline says, and nothing is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, DAYS, SUITE, SmallProject, expectation

from pipelines.diagnostics.checking import check_pipeline
from pipelines.errors import ConfigurationError, RejectedError, SourceError
from pipelines.runs.tables import create_tables

pytestmark = pytest.mark.spark

HEADER = "day,id,amount,quantity,channel,email"
ROWS = (
    "2024-03-01,0,10.5,1,web,a@b",
    "2024-03-01,1,20,2,shop,a@c",
    "2024-03-02,2,30,3,web,a@d",
)
COLUMNS = {"id": "bigint", "amount": "double"}
FEATURES = {"amount": "coalesce(amount, 0.0)", "quantity": "quantity", "is_web": "CAST(channel = 'web' AS INT)"}


def land(small: SmallProject, *rows: str, header: str = HEADER, name: str = "a.csv") -> None:
    folder = small.root / "inputs" / "texts"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join([header, *rows]) + "\n")


def read_texts(small: SmallProject, columns: dict[str, str] | None = None, **source: Any) -> None:
    """Make the texts the source of the pipeline, whose suite asks for nothing and whose limits allow everything."""
    table = {"path": "texts", "format": "csv", "slice": {"column": "day"}, "columns": columns or COLUMNS, **source}
    small.configure(source={"tables": {"orders": table}}, limits={"quarantined_share": 1.0}, features=FEATURES)
    small.suite(SUITE[4])


def reasons(small: SmallProject) -> dict[Any, list[tuple[str, str]]]:
    """By id: the rules that refused the row, with their messages."""
    return {row["id"]: [(item["rule"], item["message"]) for item in row["reasons"]] for row in small.quarantine(DAY)}


def test_keys_and_codes_stay_the_texts_that_they_are(spark: SparkSession, small: SmallProject) -> None:
    land(
        small,
        "2024-03-01,00007,02139,12D,2024-03,TRUE,10",
        "2024-03-01,7,01234,12,2024-04,true,20",
        header="day,id,zip,code,month,flag,amount",
    )
    read_texts(small, {"amount": "double"})
    zips = "CASE zip WHEN '02139' THEN 1 WHEN '01234' THEN 2 ELSE 0 END"
    others = "CAST(code = '12D' AND month = '2024-03' AND flag = 'TRUE' AS INT)"
    small.configure(features={"amount": "amount", "quantity": zips, "is_web": others}, personal=[])
    shutil.rmtree(small.root / "warehouse")
    create_tables(spark, small.project, "orders")
    assert small.score(spark).counts.scored == 2
    assert [row["id"] for row in small.predictions()] == ["00007", "7"]
    read_texts(small, {"amount": "double", "zip": "string"})  # a declared type is how it is read
    small.configure(features={"amount": "amount", "quantity": "CAST(zip = '02139' AS INT)", "is_web": "0"}, personal=[])
    assert small.score(spark).counts.scored == 2


def test_what_cannot_be_read_as_its_type_makes_a_refused_row(spark: SparkSession, small: SmallProject) -> None:
    land(
        small,
        *ROWS,
        "2024-03-01,3,12D,1,web,a@e",
        "2024-03-01,4,NA,1.5,web,a@f",
        "2024-03-01,5,,1,web,a@g",
        "2024-03-01,6,7",
        "2024-03-01,7,7,x,web,a@i,more",
    )
    read_texts(small, {**COLUMNS, "email": "int"})
    small.configure(personal=["email", "quantity"])
    with pytest.raises(RejectedError, match="some_rows_scored"):
        small.score(spark)
    assert {
        item["message"] for row in small.quarantine(DAY) for item in row["reasons"] if item["column"] == "email"
    } == {"email is ***; expected a text of int"}
    read_texts(small)
    small.configure(personal=["quantity"])
    result = small.score(spark)
    assert (result.counts.input, result.counts.scored, result.counts.quarantined) == (7, 3, 4)
    assert [row["id"] for row in small.predictions(DAY)] == [0, 1, 5]
    observed = {
        row["id"]: [(item["rule"], item["message"]) for item in row["reasons"]]
        for row in small.quarantine(DAY)
        if row["run_id"] == result.run_id
    }
    double = "expected a text of double, with the decimal sign '.'"
    record = "expected a record as the header and the encoding say"
    assert observed[3] == [("input_readable:amount", f"amount is 12D; {double}")]
    assert observed[4] == [
        ("input_readable:amount", f"amount is NA; {double}"),
        ("model_input_not_null:quantity", "feature quantity is null; expected a value"),
        ("model_input:quantity", "quantity is ***; expected a text of bigint"),
    ]
    assert observed[6][0] == (
        "record_readable:orders",
        f"record is of another number of values than the header; {record}",
    )
    assert "record_readable:orders" in dict(observed[7])


def test_signs_nulls_and_dates_are_those_of_the_options(spark: SparkSession, small: SmallProject) -> None:
    land(
        small,
        "01.03.2024;0;1.234,5;1;web;a@b",
        "01.03.2024;1;-;2;shop;a@c",
        "01.03.2024;2;12,50;2;shop;a@d",
        header=HEADER.replace(",", ";"),
    )
    text = {"separator": ";", "decimal": ",", "thousands": ".", "nulls": ["", "-"], "date_format": "dd.MM.yyyy"}
    read_texts(small, text=text)
    small.suite(expectation("column_values_to_be_in_set", "amounts", column="amount", value_set=[1234.5, 12.5]))
    first = small.score(spark)
    assert (first.counts.scored, first.counts.quarantined) == (3, 0)
    assert small.score(spark).outcome == "already_done"
    read_texts(small, text={**text, "thousands": ""})  # it changes rows, and so the run key
    second = small.score(spark)
    assert (second.outcome, second.counts.quarantined) == ("published", 1)


def test_a_policy_may_take_what_a_type_makes_of_a_text(spark: SparkSession, small: SmallProject) -> None:
    land(small, *ROWS, "2024-03-01,3,12D,1,web,a@e")
    read_texts(small)
    small.configure(policy={"checks": {"input_readable:amount": "warn"}})
    result = small.score(spark)
    assert (result.counts.scored, result.counts.quarantined) == (3, 0)
    told = {check.check_id: check.unexpected_count for check in result.verdict.results}
    assert told["input_readable:amount"] == 1
    small.configure(policy={"checks": {"input_readable:amuont": "warn"}})
    with pytest.raises(ConfigurationError, match="did you mean 'input_readable:amount'"):
        small.score(spark)


@pytest.mark.parametrize("row", ["2024-03,3,1,1,web,a@e", "garbage", "2024-02-30,3,1,1,web,a@e"])
def test_a_row_whose_date_cannot_be_read_is_of_no_slice_and_ends_each(
    spark: SparkSession, small: SmallProject, row: str
) -> None:
    land(small, *ROWS, row)
    read_texts(small)
    with pytest.raises(SourceError, match="source 'orders': the date in 'day' cannot be read in some row") as caught:
        small.score(spark)
    assert "to do: mend the row in the file" in str(caught.value)
    assert small.predictions() == []


def test_a_snapshot_accounts_for_records_that_cannot_be_read(spark: SparkSession, small: SmallProject) -> None:
    land(small, *ROWS, "2024-03-01")
    read_texts(small, {**COLUMNS, "day": "date"}, slice={"where": ":score_date IS NOT NULL"})
    result = small.score(spark)
    assert (result.counts.input, result.counts.scored, result.counts.quarantined) == (4, 3, 1)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"quantity": "quantity * 2"}, "features.quantity: .*quantity is text, taken for bigint"),
        ({"is_web": "CAST(zip = 2139 AS INT)"}, "zip is text, taken for bigint"),
        ({"is_web": "dayofweek(month)"}, "month is text, taken for date"),
    ],
    ids=["product", "comparison", "date"],
)
def test_a_text_is_not_taken_for_something_else_without_a_word(
    spark: SparkSession, small: SmallProject, changes: dict[str, str], told: str
) -> None:
    land(small, "2024-03-01,0,10.5,1,web,a@b,02139,2024-03", header=f"{HEADER},zip,month")
    read_texts(small)
    small.configure(features={**FEATURES, **changes})
    with pytest.raises(ConfigurationError, match=f"(?s){told}") as caught:
        check_pipeline(small.project, "orders", lambda: spark)
    assert "declare it under source.tables.orders.columns" in str(caught.value)


def test_a_slice_of_texts_needs_a_type_too(spark: SparkSession, small: SmallProject) -> None:
    land(small, *ROWS)
    read_texts(small, slice={"where": "day = :score_date"})
    with pytest.raises(ConfigurationError, match=r"(?s)slice\.where: .*day is text, taken for date"):
        small.score(spark)
    read_texts(small, {**COLUMNS, "day": "date"}, slice={"where": "day = :score_date"})
    assert small.score(spark).counts.scored == 2


def test_a_query_carries_on_what_cannot_be_read_or_ends_the_run(spark: SparkSession, small: SmallProject) -> None:
    land(small, *ROWS, "2024-03-01,3,12D,1,web,a@e")
    read_texts(small, {**COLUMNS, "quantity": "bigint"})
    file = small.root / "conf/pipelines/orders.sql"

    def query(sql: str) -> None:
        file.write_text(sql)
        content: dict[str, Any] = {
            "query": "orders.sql",
            "tables": dict(small.pipeline.model_dump()["source"]["tables"]),
        }
        table = {
            "path": "texts",
            "format": "csv",
            "slice": {"column": "day"},
            "columns": {**COLUMNS, "quantity": "bigint"},
        }
        small.configure(source={**content, "tables": {"orders": table}})

    query("SELECT *, upper(channel) AS loud FROM orders")
    result = small.score(spark)
    assert (result.counts.scored, result.counts.quarantined) == (2, 1)
    ((rule, message),) = reasons(small)[3]
    assert (rule, message) == (
        "input_readable:orders.amount",
        "amount is ***; expected a text of double, with the decimal sign '.'",
    )
    query("SELECT day, id, amount * 2 AS amount, quantity, channel, email FROM orders")
    with pytest.raises(SourceError, match="a value of 'amount' cannot be read as double") as caught:
        small.score(spark)
    assert "let the query select __unread_orders too" in str(caught.value)
    query("SELECT day, id, quantity AS amount, quantity, channel, email FROM orders")
    small.configure(features={**FEATURES, "amount": "CAST(amount AS DOUBLE)"})
    assert small.score(spark).counts.scored == 3  # what is not computed ends nothing


def test_the_contract_tells_what_a_file_lacks(spark: SparkSession, small: SmallProject) -> None:
    land(small, *[row.rpartition(",")[0] for row in ROWS], header="day,id,amounts,quantity,channel")
    read_texts(small, {**COLUMNS, "email": "string"})
    small.configure(personal=[])
    with pytest.raises(SourceError) as caught:
        check_pipeline(small.project, "orders", lambda: spark)
    assert "orders.amount: missing; it looks renamed to amounts" in str(caught.value)
    assert "orders.email: missing" in str(caught.value)
    read_texts(small, {**COLUMNS, "quantity": "array<int>"})
    with pytest.raises(ConfigurationError, match="no text is read as array<int>"):
        check_pipeline(small.project, "orders", lambda: spark)


def lines(rows: Iterable[str]) -> str:
    names = HEADER.split(",")
    return "\n".join(json.dumps(dict(zip(names, row.split(","), strict=True))) for row in rows)


def test_json_lines_are_scored_as_the_same_csv(spark: SparkSession, small: SmallProject, tmp_path: Path) -> None:
    land(small, *ROWS)
    read_texts(small)
    small.score(spark)
    expected = [(row["id"], row["probability"]) for row in small.predictions(DAY)]
    folder = small.root / "inputs" / "lines"
    folder.mkdir()
    (folder / "a.jsonl").write_text(lines(ROWS) + "\nno JSON\n")
    kinds = {
        "day": "date",
        "id": "bigint",
        "amount": "double",
        "quantity": "bigint",
        "channel": "string",
        "email": "string",
    }
    read_texts(small, kinds, path="lines", format="jsonl")
    with pytest.raises(SourceError, match="the date in 'day' cannot be read"):
        small.score(spark)
    (folder / "a.jsonl").write_text(lines(ROWS))
    small.score(spark)
    assert [(row["id"], row["probability"]) for row in small.predictions(DAY)] == expected
    assert len(expected) == 2
    assert small.score(spark, DAYS[1]).counts.scored == 1
