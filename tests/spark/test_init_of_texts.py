"""A pipeline for text files: types by the model and by what is seen, codes that stay texts, casts that are counted."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import mlflow
import pandas as pd
import pytest
import yaml
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from support.own_project import Own, make_own_project, register

from pipelines.config import load_pipeline
from pipelines.errors import UnguessedError, UsageError
from pipelines.runs.scoring import score

pytestmark = pytest.mark.spark
CODES = ("zip", "code", "month", "flag")
ZIPS, OTHERS = ("02139", "01234", "10001"), ("12D", "12", "7")
DAY = dt.date(2024, 3, 2)


def orders() -> pd.DataFrame:
    """240 orders of two days, whose codes look like numbers, dates and truth values."""
    numbers = range(240)
    return pd.DataFrame(
        {
            "day": [f"2024-03-0{1 + number % 2}" for number in numbers],
            "id": [f"{number:05}" for number in numbers],
            "zip": [ZIPS[number % 3] for number in numbers],
            "code": [OTHERS[number % 3] for number in numbers],
            "month": [f"2024-0{1 + number % 4}" for number in numbers],
            "flag": ["TRUE" if number % 5 else "F" for number in numbers],
            "price": [number / 4 for number in numbers],
        }
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Own:
    own = make_own_project(tmp_path_factory.mktemp("texts"))
    table = orders()
    worth = table["price"] + table["zip"].eq("02139") * 100 + table["code"].eq("12D") * 1000 + table["flag"].eq("F")
    codes = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), list(CODES)), ("passthrough", ["price"]), sparse_threshold=0.0
    )
    register(mlflow.sklearn, make_pipeline(codes, LinearRegression()), table[[*CODES, "price"]], worth, "worth")
    register(mlflow.sklearn, LinearRegression(), table[["price"]], worth, "by_price")
    rooms = pd.DataFrame({"rooms": range(5)})
    register(mlflow.sklearn, LinearRegression(), rooms, rooms["rooms"] * 2.0, "by_rooms")
    return own


@pytest.fixture
def own(trained: Own) -> Own:
    return trained.forget()


def land(own: Own, name: str, content: str) -> None:
    (own.root / "inputs" / name).write_text(content)


def priced(*prices: str, separator: str = ";") -> str:
    """A file with one price a row, all of one day."""
    rows = [separator.join(("2024-03-02", f"a{number}", price)) for number, price in enumerate(prices)]
    return "\n".join([separator.join(("day", "id", "price")), *rows]) + "\n"


def predictions(own: Own, name: str) -> Mapping[str, float]:
    table = DeltaTable(own.root / f"warehouse/{name}/predictions").to_pandas()
    return dict(zip(table["id"], table["prediction"], strict=True))


def written(own: Own, name: str) -> dict[str, Any]:
    (table,) = yaml.safe_load((own.root / f"conf/pipelines/{name}.yaml").read_text())["source"]["tables"].values()
    return dict(table)


def expected(model: str, inputs: pd.DataFrame) -> list[float]:
    return list(mlflow.sklearn.load_model(f"models:/{model}/1").predict(inputs))


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_codes_that_look_like_something_else_are_scored_as_the_texts_that_they_are(
    spark: SparkSession, own: Own, kind: str
) -> None:
    table, name = orders(), f"worth_{kind}"
    if kind == "csv":
        table.to_csv(own.root / f"inputs/{name}.csv", index=False)
    else:
        table.to_json(own.root / f"inputs/{name}.jsonl", orient="records", lines=True)
    made = own.init(spark, name, f"{name}.{kind}", "worth", key=("id",))
    assert [item.sql for item in made.features] == [*CODES, "price"]
    assert made.warnings == ()
    assert written(own, name)["columns"]["price"] == "double"
    suite = {item["meta"]["check_id"] for item in json.loads(made.files[1].read_text())["expectations"]}
    assert {item for item in suite if item.startswith("day_")} == {"day_type", "day_is_given"}
    result = score(spark, own.project, name, DAY)
    assert (result.counts.scored, result.counts.quarantined) == (120, 0)
    of_day = table[table["day"].eq(str(DAY))]
    right = dict(zip(of_day["id"], expected("worth", of_day[[*CODES, "price"]]), strict=True))
    assert predictions(own, name) == pytest.approx(right)


def test_signs_are_guessed_said_and_scored(spark: SparkSession, own: Own) -> None:
    land(own, "signs.csv", priced("12,50", "1.234,5", "7", "x"))
    made = own.init(spark, "signs", "signs.csv", "by_price")
    source = written(own, "signs")
    assert source["text"] == {"separator": ";", "decimal": ",", "thousands": "."}
    assert source["columns"] == {"price": "double"}
    assert made.text.format_evidence == (
        "separator ';': 3 values in 5 of 5 records; decimal sign ',', '.' between thousands: 2 of 2 numbers with signs"
    )
    assert made.warnings == (
        "column price: 3 of 4 readable as double; the others' rows are refused",
        "1 of 4 rows of 2024-03-02 would be refused by rules",
    )
    content = yaml.safe_load((own.root / "conf/pipelines/signs.yaml").read_text())
    file = own.root / "conf/pipelines/signs.yaml"
    file.write_text(yaml.safe_dump({**content, "limits": {"quarantined_share": 0.5}}))
    result = score(spark, own.project, "signs", DAY)
    assert (result.counts.input, result.counts.scored, result.counts.quarantined) == (4, 3, 1)
    observed = predictions(own, "signs")
    right = expected("by_price", pd.DataFrame({"price": [12.5, 1234.5, 7.0]}))
    assert [observed[f"a{number}"] for number in range(3)] == pytest.approx(right)


@pytest.mark.parametrize(
    ("texts", "wishes", "told"),
    [
        (("3.5%",) * 40, {}, "0 of 40 texts are readable"),
        (("1,234", "5,678"), {"text": {"decimal": ".", "thousands": ""}}, "0 of 2 texts are readable"),
        (("1.234", "5.678"), {}, "can be read in two ways"),
        (("1,5",), {"columns": {"prize": "double"}}, "the source has no column 'prize'"),
        (("1,5",), {"features": {"price": "TRY_CAST(id AS DOUBLE)"}}, "0 of 1 readable"),
    ],
    ids=str,
)
def test_what_would_lose_every_value_is_refused(
    spark: SparkSession, own: Own, texts: tuple[str, ...], wishes: dict[str, Any], told: str
) -> None:
    land(own, "lost.csv", priced(*texts))
    with pytest.raises(UsageError, match=told) as caught:
        own.init(spark, "lost", "lost.csv", "by_price", **wishes)
    assert caught.value.remedy
    assert own.written() == []


def test_a_person_is_asked_how_numbers_are_written(spark: SparkSession, own: Own) -> None:
    land(own, "asked.csv", priced("1.234", "5.678"))
    questions: list[str] = []

    def ask(question: str, default: str) -> str:
        questions.append(question)
        return "decimal=," if len(questions) == 1 else default

    made = own.init(spark, "asked", "asked.csv", "by_price", key=("id",), date_column="day", ask=ask)
    assert questions[0].startswith("Numbers such as 1.234 can be read in two ways (1.234 or 1234.0). Say OPTION=VALUE")
    assert made.text.source.text.thousands == "."


def test_dates_that_read_in_two_ways_are_asked_about(spark: SparkSession, own: Own) -> None:
    land(own, "dates.csv", "day,id,price\n03/04/2024,a,1.5\n05/06/2024,b,2\n")
    with pytest.raises(UnguessedError, match="the dates in day can be read in two ways") as caught:
        own.init(spark, "dates", "dates.csv", "by_price", columns={"day": "date"})
    assert "--text date_format=MM/dd/yyyy" in str(caught.value)
    made = own.init(
        spark, "dates", "dates.csv", "by_price", columns={"day": "date"}, text={"date_format": "MM/dd/yyyy"}
    )
    assert (made.date.first, made.date.last) == (dt.date(2024, 3, 4), dt.date(2024, 5, 6))
    assert load_pipeline(own.project, "dates").source.tables["dates_input"].text.date_format == "MM/dd/yyyy"
    land(own, "dates.csv", "day,id,price\n13.04.2024,a,1.5\n05.06.2024,b,2\n")
    made = own.init(spark, "dates", "dates.csv", "by_price", columns={"day": "date"}, force=True)
    assert made.text.format_evidence == "dates as dd.MM.yyyy: 2 of 2"
    assert made.date.selection == ("column", "day")


def test_files_without_a_header_have_all_columns_named(spark: SparkSession, own: Own) -> None:
    land(own, "bare.csv", "2024-03-02,007,1.5\n2024-03-02,7,2\n")
    types = {"day": "date", "id": "string", "price": "double"}
    own.init(spark, "bare", "bare.csv", "by_price", key=("id",), columns=types, text={"header": False})
    assert list(written(own, "bare")["columns"].items()) == list(types.items())
    assert score(spark, own.project, "bare", DAY).counts.scored == 2
    assert sorted(predictions(own, "bare")) == ["007", "7"]


def test_fractions_for_whole_numbers_are_counted_and_their_rows_refused(spark: SparkSession, own: Own) -> None:
    rows = [{"day": DAY, "id": number, "rooms": rooms} for number, rooms in enumerate((5.9, 5.0, 3.0, 4.0))]
    pd.DataFrame(rows).to_parquet(own.root / "inputs/rooms.parquet", index=False)
    made = own.init(spark, "rooms", "rooms.parquet", "by_rooms")
    assert [item.sql for item in made.features] == ["CAST(rooms AS BIGINT)"]
    assert made.warnings == (
        "input rooms: 3 of 4 kept as they are by CAST(rooms AS BIGINT); the others' rows are refused",
        "1 of 4 rows of 2024-03-02 would be refused by rules",
    )
    file = own.root / "conf/pipelines/rooms.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "limits": {"quarantined_share": 0.5}}))
    result = score(spark, own.project, "rooms", DAY)
    assert (result.counts.scored, result.counts.quarantined) == (3, 1)
    quarantined = DeltaTable(own.root / "warehouse/rooms/quarantine").to_pandas()
    (reason,) = quarantined["reasons"].iloc[0]
    assert (reason["rule"], quarantined["id"].tolist()) == ("model_input:rooms", [0])
    assert json.loads(quarantined["row"].iloc[0])["rooms"] == 5.9
