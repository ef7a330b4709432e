"""Models at the edges of what MLflow's signatures say: scored as `spark_udf` scores them, or refused by `init`."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from lightgbm import LGBMRegressor
from mlflow.models import ModelSignature
from mlflow.types.schema import Array, ColSpec, DataType, Map, Object, Property, Schema, TensorSpec
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from support.own_project import Own, make_own_project, register

from pipelines.errors import ModelError, UsageError
from pipelines.models.signature import model_inputs
from pipelines.runs.scoring import score

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore")]

DAY, DAYS = dt.date(2024, 3, 9), [dt.date(2024, 3, 1) + dt.timedelta(days=number) for number in range(9)]
MOMENT = dt.datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=dt.UTC)
ECHO = """
import mlflow
import pandas as pd


def told(value):
    if hasattr(value, "tolist") and not isinstance(value, (str, pd.Timestamp)):
        value = value.tolist()
    if isinstance(value, dict):
        return str({key: told(item) for key, item in value.items()})
    return f"{type(value).__name__} {value!r}"


class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        columns = [f"{name} {model_input[name].dtype}" for name in model_input.columns]
        rows = [" | ".join([*map(told, row), *columns]) for row in model_input.itertuples(index=False, name=None)]
        return pd.Series(rows, dtype=object)


mlflow.models.set_model(Echo())
"""
INPUTS: dict[str, tuple[Any, str, Any, bool | None]] = {
    "flag": (DataType.boolean, "BOOLEAN", True, False),
    "small": (DataType.integer, "INT", 7, False),
    "large": (DataType.long, "BIGINT", 2**53 - 1, False),
    "single": (DataType.float, "FLOAT", 0.5, True),
    "number": (DataType.double, "DOUBLE", 0.1, True),
    "text": (DataType.string, "STRING", "ü\n", True),
    "blob": (DataType.binary, "BINARY", b"\x00x", True),
    "moment": (DataType.datetime, "TIMESTAMP", MOMENT, True),
    "plain_moment": (DataType.datetime, "TIMESTAMP_NTZ", MOMENT.replace(tzinfo=None), True),
    "date": (DataType.datetime, "DATE", MOMENT.date(), True),
    "numbers": (Array(DataType.double), "ARRAY<DOUBLE>", [0.5, 1.5], None),
    "texts": (Array(DataType.string), "ARRAY<STRING>", ["a", ""], None),
    "moments": (Array(DataType.datetime), "ARRAY<TIMESTAMP>", [MOMENT], None),
    "counts": (Map(DataType.long), "MAP<STRING,BIGINT>", {"a": 1}, None),
    "point": (Object([Property("x", DataType.double)]), "STRUCT<x: DOUBLE>", {"x": 0.5}, None),
}
"""By input: its type in a signature and in the source, a value, and whether the model takes a null of it; None where
it does only of an optional input."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Own:
    root = tmp_path_factory.mktemp("edges")
    made = make_own_project(root)
    random = np.random.default_rng(4)
    rows = pd.DataFrame(
        {
            "day": np.repeat(np.array(DAYS), 10),
            "id": np.arange(90),
            "a": random.random(90),
            "b": random.random(90),
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(90), "h"),
            "shade": np.tile(["red", "blue"], 45),
        }
    )
    write_deltalake(str(root / "inputs/rows"), pa.Table.from_pandas(rows, preserve_index=False))
    return made


def rows_of(own: Own) -> pd.DataFrame:
    return DeltaTable(str(own.root / "inputs/rows")).to_pandas().query("day == @DAY").sort_values("id")


def predictions(own: Own, name: str) -> pd.DataFrame:
    return DeltaTable(own.root / f"warehouse/{name}/predictions").to_pandas().sort_values("id")


def log_code(text: str, inputs: dict[str, Any], outputs: Schema, name: str, root: Path, *, required: bool) -> None:
    (root / f"{name}.py").write_text(text)
    columns: list[ColSpec | TensorSpec] = [
        ColSpec(kind, name=column, required=required) for column, kind in inputs.items()
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.log_model(
            name="m",
            python_model=str(root / f"{name}.py"),
            signature=ModelSignature(inputs=Schema(columns), outputs=outputs),
            registered_model_name=name,
            pip_requirements=["pandas"],
        )


@pytest.fixture(scope="module", params=["required", "optional"])
def echoed(request: pytest.FixtureRequest, spark: SparkSession, own: Own) -> tuple[Own, str]:
    """A pipeline whose model tells what it was given; where inputs are optional, half of them are left out."""
    name = f"echo_{request.param}"
    kinds = {column: kind for column, (kind, *_) in INPUTS.items()}
    output = Schema([ColSpec(DataType.string)])
    log_code(ECHO, kinds, output, name, own.root, required=request.param == "required")
    taken = list(INPUTS) if request.param == "required" else list(INPUTS)[::2]
    values = [value for _, _, value, _ in INPUTS.values()]
    is_optional = request.param == "optional"
    nulls = [
        None if takes_null or (takes_null is None and is_optional) else value
        for _, _, value, takes_null in INPUTS.values()
    ]
    ddl = ", ".join(f"{column} {sql}" for column, (_, sql, *_) in INPUTS.items())
    frame = spark.createDataFrame([(DAY, 1, *values), (DAY, 2, *nulls)], f"day DATE, id INT, {ddl}")
    place = str(own.root / "inputs" / name)
    frame.write.format("delta").option("delta.enableDeletionVectors", "false").save(place)
    pipeline = own.root / f"conf/pipelines/{name}.yaml"
    lines = [
        f"name: {name}",
        f"source: {{tables: {{typed: {{path: {name}, slice: {{column: day}}}}}}}}",
        "key: [id]",
        f"features: {{{', '.join(f'{column}: {column}' for column in taken)}}}",
        f"model: {{name: {name}, version: 1, allow_code: true}}",
        "outputs: {told: {result: predict, type: string}}",
    ]
    pipeline.parent.mkdir(exist_ok=True)
    pipeline.write_text("\n".join(lines))
    return own, name


def test_a_model_is_given_what_spark_udf_gives_it(spark: SparkSession, echoed: tuple[Own, str]) -> None:
    from pipelines.runs.tables import create_tables

    own, name = echoed
    create_tables(spark, own.project, name)
    result = score(spark, own.project, name, DAY)
    assert (result.counts.scored, result.counts.quarantined) == (2, 0)
    taken = list(INPUTS) if name.endswith("required") else list(INPUTS)[::2]
    local = mlflow.artifacts.download_artifacts(f"models:/{name}/1")
    kinds = {item.name: item.type for item in model_inputs(Path(local), name)}
    udf = mlflow.pyfunc.spark_udf(spark, local, result_type="string", env_manager="local")
    frame = spark.read.format("delta").load(str(own.root / "inputs" / name))
    given = F.struct(*[F.col(column).cast(kinds[column]).alias(column) for column in taken])
    expected = [row[0] for row in frame.orderBy("id").select(udf(given)).collect()]
    assert predictions(own, name)["told"].tolist() == expected
    assert "Timestamp('2024-02-29 12:00:00.000001')" in expected[0] or "optional" in name


def test_a_model_of_times_is_made_and_scored(spark: SparkSession, own: Own) -> None:
    text = ECHO.replace("rows = [", "return model_input['seen'].dt.hour + model_input['a']\n        rows = [")
    inputs = {"seen": DataType.datetime, "a": DataType.double}
    log_code(text, inputs, Schema([ColSpec(DataType.double)]), "hours", own.root, required=True)
    made = own.init(spark, "hours", "rows", "hours", date_column="day", key=("id",), model_allows=("allow_code",))
    assert (made.tried.rows, made.tried.raised) == (10, 0)
    assert score(spark, own.project, "hours", DAY).counts.scored == 10
    rows = rows_of(own)
    np.testing.assert_array_equal(predictions(own, "hours")["prediction"], rows["seen"].dt.hour + rows["a"])


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("two_numbers", LinearRegression),
        ("two_classes", lambda: MultiOutputClassifier(LogisticRegression())),
    ],
)
def test_a_model_of_two_targets_is_made_and_scored(
    spark: SparkSession, own: Own, name: str, make: Callable[[], Any]
) -> None:
    whole = DeltaTable(str(own.root / "inputs/rows")).to_pandas()
    targets = np.column_stack([whole["a"] > 0.5, whole["b"] > 0.4]).astype(int)
    register(mlflow.sklearn, make(), whole[["a", "b"]], targets, name)
    own.init(spark, name, "rows", name, date_column="day", key=("id",))
    result = score(spark, own.project, name, DAY)
    assert (result.outcome, result.counts.scored) == ("published", 10)
    expected = mlflow.sklearn.load_model(f"models:/{name}/1").predict(rows_of(own)[["a", "b"]])
    found = predictions(own, name)
    for place in (0, 1):
        np.testing.assert_allclose(found[f"prediction_{place}"], expected[:, place], rtol=0, atol=1e-12)


def test_a_model_that_can_score_no_row_is_told_by_init_and_nothing_is_made(spark: SparkSession, own: Own) -> None:
    whole = DeltaTable(str(own.root / "inputs/rows")).to_pandas()
    inputs = whole[["a"]].assign(shade=whole["shade"].astype("category"))
    model = LGBMRegressor(n_estimators=3, verbose=-1).fit(inputs, whole["b"])
    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.double, "a"), ColSpec(DataType.string, "shade")]),
        outputs=Schema([ColSpec(DataType.double)]),
    )
    mlflow.lightgbm.log_model(
        model, name="m", signature=signature, registered_model_name="shades", pip_requirements=["pandas"]
    )
    with pytest.raises(ModelError, match=r"cannot score the rows of 2024-03-09") as caught:
        own.init(spark, "shades", "rows", "shades", date_column="day", key=("id",))
    assert "on 10 of 10 rows the model raised ValueError" in str(caught.value)
    assert not (own.root / "warehouse/shades").exists()
    assert "conf/pipelines/shades.yaml" not in own.written()


def test_another_version_replaces_a_published_slice_only_where_it_is_forced(spark: SparkSession, own: Own) -> None:
    whole = DeltaTable(str(own.root / "inputs/rows")).to_pandas()
    for factor in (1.0, 2.0):
        register(mlflow.sklearn, LinearRegression(), whole[["a", "b"]], whole["a"] * factor, "versions")
    own.init(spark, "versions", "rows", "versions", date_column="day", key=("id",))
    first = score(spark, own.project, "versions", DAY)
    with pytest.raises(UsageError, match="version 2 would replace what version 1 predicted for 2024-03-09") as caught:
        score(spark, own.project, "versions", DAY, model_version=2)
    assert first.run_id in str(caught.value)
    assert set(predictions(own, "versions")["run_id"]) == {first.run_id}
    assert score(spark, own.project, "versions", DAY, model_version=1).outcome == "already_done"
    forced = score(spark, own.project, "versions", DAY, model_version=2, force=True)
    assert set(predictions(own, "versions")["run_id"]) == {forced.run_id}
