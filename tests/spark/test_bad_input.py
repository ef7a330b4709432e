"""Bad input: each a clear error that says what was expected, what was found and what to do; and nothing published."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from support.kinds import kept
from support.small_project import DAY, PIPELINE, SUITE, SmallProject, expectation, without_run

from pipelines.errors import (
    ConfigurationError,
    ModelError,
    PipelineError,
    SourceError,
    TableError,
    UnknownModelError,
    UsageError,
)
from pipelines.runs.tables import create_tables, evolve_tables

pytestmark = [
    pytest.mark.spark,
    # Great Expectations' own word on conditions that are SQL.
    pytest.mark.filterwarnings("ignore:.*deprecated as of GX Core 1.9.0:DeprecationWarning"),
]

Spoil = Callable[[SmallProject], object]


def without_source(small: SmallProject) -> None:
    shutil.rmtree(small.orders)


def with_column(name: str, values: Callable[[pa.ChunkedArray], object]) -> Spoil:
    """Replaces a column of the source."""

    def spoil(small: SmallProject) -> None:
        table = DeltaTable(small.orders).to_pyarrow_table()
        place = table.schema.get_field_index(name)
        small.replace_orders(table.set_column(place, name, values(table[name])))

    return spoil


def without_column(name: str) -> Spoil:
    return lambda small: small.replace_orders(DeltaTable(small.orders).to_pyarrow_table().drop_columns([name]))


def configured(**changes: object) -> Spoil:
    return lambda small: small.configure(**changes)


def with_features(**changes: str) -> Spoil:
    return lambda small: small.features(**changes)


def with_suite(item: dict[str, object]) -> Spoil:
    return lambda small: small.suite(*SUITE, item)


def with_model(name: str) -> Spoil:
    return lambda small: small.use_model(name)


def with_environment(**changes: str) -> Spoil:
    return lambda small: small.environment(**changes)


CASES: dict[str, tuple[Spoil, type[PipelineError], int, list[str]]] = {
    "missing source table": (
        without_source,
        SourceError,
        1,
        ["source 'orders'", "no Delta table", "to do: land the data"],
    ),
    "missing slice column": (
        without_column("day"),
        SourceError,
        1,
        ["no column 'day'", "expected: a column 'day' of dates or times"],
    ),
    "missing key column": (
        configured(key=["day", "idd"]),
        SourceError,
        1,
        ["key: the source lacks a column", "expected: idd", "did you mean 'id'?"],
    ),
    "missing column of a feature": (
        with_features(amount="amuont"),
        ConfigurationError,
        2,
        ["feature 'amount' is no SQL", "amuont", "to do: mend"],
    ),
    "missing column of an expectation": (
        with_suite(expectation("column_values_to_not_be_null", "x", column="chanel")),
        SourceError,
        1,
        ["expectations: the source lacks a column", "expected: chanel", "did you mean 'channel'?"],
    ),
    "missing personal column": (configured(personal=["e_mail"]), SourceError, 1, ["personal", "did you mean 'email'?"]),
    "missing feature": (
        configured(features={"amount": "amount", "quantity": "quantity", "web": "1"}),
        ModelError,
        1,
        ["do not fit the signature of model 'returns' version 1", "is_web: missing", "to do: mend 'features'"],
    ),
    "column of another type": (
        with_column("quantity", lambda values: values.cast(pa.string())),
        ModelError,
        1,
        ["quantity: string, but the model takes bigint", "CAST(… AS BIGINT)"],
    ),
    "slice column that is no date": (
        with_column("day", lambda values: values.cast(pa.string())),
        SourceError,
        1,
        ["slice's column 'day' is neither a date nor a time", "expected: DATE", "found: string", "to do: "],
    ),
    "feature that is no SQL": (
        with_features(amount="amount +* 2"),
        ConfigurationError,
        2,
        ["feature 'amount' is no SQL", "found: amount +* 2"],
    ),
    "condition that is no SQL": (
        with_suite(
            expectation(
                "column_values_to_not_be_null", "x", column="note", row_condition="amuont > 1", condition_parser="spark"
            )
        ),
        ConfigurationError,
        2,
        ["row_condition", "amuont > 1"],
    ),
    "model that does not exist": (
        configured(model={"name": "retrns", "alias": "champion"}),
        UnknownModelError,
        1,
        ["no model 'retrns'", "expected: alias 'champion'", "did you mean 'returns'?"],
    ),
    "alias that does not exist": (
        configured(model={"name": "returns", "alias": "chmpion"}),
        UnknownModelError,
        1,
        ["no model 'returns' with alias 'chmpion'", "champion (version 1)", "challenger (version 2)"],
    ),
    "version that does not exist": (
        configured(model={"name": "returns", "version": 99}),
        UnknownModelError,
        1,
        ["no model 'returns' with version 99"],
    ),
    "model without a signature": (
        configured(model={"name": "unsigned", "version": 1}),
        ModelError,
        1,
        ["model 'unsigned' version 1 has no signature", "expected: a signature", "infer_signature"],
    ),
    "registry that is not there": (
        with_environment(tracking_uri="sqlite:////dev/null/mlflow.db"),
        ModelError,
        1,
        ["registry does not answer", "sqlite:////dev/null/mlflow.db", "MLFLOW_TRACKING_URI"],
    ),
    "registry that does not answer": (
        with_environment(tracking_uri="http://someone:secret@127.0.0.1:9"),
        ModelError,
        1,
        ["registry does not answer", "127.0.0.1:9", "to do: check MLFLOW_TRACKING_URI"],
    ),
    "model that drops a row": (
        with_model("one_row_short"),
        ModelError,
        1,
        [
            "model 'one_row_short' version 1 cannot be trusted",
            "expected: for each row one result",
            "results for a batch of",
        ],
    ),
    "model whose result has another type": (
        with_model("wordy"),
        ModelError,
        1,
        ["model 'wordy' version 1 failed", "output 'probability'", "double"],
    ),
    "class that the model does not know": (
        configured(
            outputs={**PIPELINE["outputs"], "probability": {"result": "probability", "of": 2, "type": "double"}}
        ),
        ModelError,
        1,
        ["output 'probability': the model has no class 2; its classes: [0, 1]"],
    ),
    "probability of a model without classes": (
        lambda small: (small.use_model("out_of_range"), small.configure(outputs=PIPELINE["outputs"]))[0],
        ModelError,
        1,
        ["predict_proba", "use result 'predict'"],
    ),
    "query that names no table": (
        lambda small: (
            (small.root / "conf/pipelines/q.sql").write_text("SELECT * FROM ordres"),
            small.configure(source={**PIPELINE["source"], "query": "q.sql"}),
        )[1],
        SourceError,
        1,
        ["q.sql does not fit the sources", "expected: SQL over orders", "ordres"],
    ),
    "feature function that is not there": (
        configured(features={"function": "nowhere:derive"}),
        ConfigurationError,
        2,
        ["'nowhere:derive' cannot be loaded"],
    ),
    "value that no feature can take": (
        with_features(amount="CAST(channel AS DOUBLE)"),
        SourceError,
        1,
        ["a value of the slice cannot be computed with", "found: CAST_INVALID_INPUT\n", "try_cast"],
    ),
    "slice condition that is no SQL": (
        configured(source={"tables": {"orders": {"path": "orders", "slice": {"where": "dya = :score_date"}}}}),
        ConfigurationError,
        2,
        ["source 'orders', slice.where", "dya = DATE'2024-03-01'"],
    ),
    "pipeline that is not there": (
        lambda small: (
            (small.root / "conf/pipelines/orders.yaml").rename(small.root / "conf/pipelines/order.yaml") and None
        ),
        UsageError,
        2,
        ["no pipeline 'orders'", "did you mean 'order'?"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_explained_and_nothing_published(spark: SparkSession, small: SmallProject, case: str) -> None:
    spoil, kind, exit_code, told = CASES[case]
    spoil(small)
    with pytest.raises(PipelineError) as caught:
        small.score(spark)
    assert type(caught.value) is kind
    assert caught.value.exit_code == exit_code
    for words in told:
        assert words in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert small.predictions() == small.quarantine() == []
    assert small.stages() == []
    if "started" in (states := [entry.state for entry in small.ledger.history()] if case[:8] != "pipeline" else []):
        assert states == ["started", "failed"]
        assert small.ledger.latest()[0].error == str(caught.value)


@pytest.mark.parametrize(
    "case",
    kept(["missing source table", "column of another type", "model that drops a row"], "column of another type".__eq__),
)
def test_bad_input_leaves_the_slice_that_is_published(spark: SparkSession, small: SmallProject, case: str) -> None:
    small.score(spark)
    rows = small.predictions()
    CASES[case][0](small)
    with pytest.raises(PipelineError):
        small.score(spark)
    assert small.predictions() == rows != []


def test_scoring_makes_no_table(spark: SparkSession, small: SmallProject) -> None:
    shutil.rmtree(small.root / "warehouse")
    with pytest.raises(TableError, match="not there yet") as caught:
        small.score(spark)
    assert "lakescore tables create orders" in str(caught.value)
    assert not list((small.root).rglob("warehouse/**/_delta_log"))


@pytest.mark.parametrize("missing", ["orders/predictions", "orders/quarantine", "ops/runs"])
def test_one_missing_table_is_named(spark: SparkSession, small: SmallProject, missing: str) -> None:
    shutil.rmtree(small.root / "warehouse" / missing)
    with pytest.raises(TableError, match="not there yet") as caught:
        small.score(spark)
    assert missing in str(caught.value)


def test_a_warehouse_below_a_regular_file_cannot_be_made(
    spark: SparkSession, small: SmallProject, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    small.environment(warehouse=str(tmp_path / "file" / "warehouse"))
    with pytest.raises(TableError, match="cannot be") as caught:
        create_tables(spark, small.project, "orders")
    assert "expected: a place that this user may write to" in str(caught.value)
    assert "warehouse" in str(caught.value)
    assert caught.value.exit_code == 1


def test_making_the_tables_again_changes_nothing(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    before = small.versions()
    create_tables(spark, small.project, "orders")
    assert evolve_tables(spark, small.project, "orders")[0].columns_added == ()
    assert small.versions() == before


def test_a_new_output_needs_evolved_tables_and_gets_them(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    rows = small.predictions()
    opposite = {"result": "probability", "of": 0, "type": "double"}
    small.configure(outputs={**PIPELINE["outputs"], "kept": opposite})
    with pytest.raises(TableError, match="does not fit the configuration") as caught:
        small.score(spark)
    assert "kept: missing" in str(caught.value)
    assert "lakescore tables evolve orders" in str(caught.value)
    assert small.predictions() == rows

    changes = {change.table: change.columns_added for change in evolve_tables(spark, small.project, "orders")}
    assert changes == {"predictions": ("kept",), "quarantine": ()}
    assert [{**row, "kept": None} for row in rows] == small.predictions()
    assert small.score(spark).outcome == "published"
    assert all(row["kept"] == pytest.approx(1 - row["probability"]) for row in small.predictions(DAY))
    protocol = DeltaTable(small.predictions_path).protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)


def test_an_output_of_another_type_is_refused_by_scoring_and_evolving(spark: SparkSession, small: SmallProject) -> None:
    outputs = {**PIPELINE["outputs"], "prediction": {"result": "label", "type": "bigint"}}
    small.configure(outputs=outputs)
    for act in (lambda: small.score(spark), lambda: evolve_tables(spark, small.project, "orders")):
        with pytest.raises(TableError) as caught:
            act()
        assert "prediction: int in the table, bigint wanted" in str(caught.value)
        assert "another name" in str(caught.value)


def test_mended_input_is_scored_after_a_failure(spark: SparkSession, small: SmallProject, scored: SmallProject) -> None:
    small.features(amount="amuont")
    with pytest.raises(ConfigurationError):
        small.score(spark)
    small.features()
    assert small.score(spark).outcome == "published"
    assert without_run(small.predictions()) == without_run(scored.predictions())


def test_a_column_may_be_written_in_other_case(spark: SparkSession, small: SmallProject, scored: SmallProject) -> None:
    small.features(quantity="Quantity")
    assert small.score(spark).outcome == "published"
    assert without_run(small.predictions()) == without_run(scored.predictions())
