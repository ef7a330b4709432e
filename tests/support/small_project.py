"""A small project of the tests' own: a Delta source of 3 x 40 orders, a SQLite registry, a pipeline and a suite.

Made once for all processes that run tests side by side, without Spark, then copied for each test: only the registry and
the cache of models are shared.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import yaml
from deltalake import DeltaTable, write_deltalake
from filelock import FileLock

from pipelines.config import Pipeline, Project, load_pipeline, load_project
from pipelines.resolution.layout import ledger_of
from support.small_models import TOLD, register_models

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pipelines.runs.results import Result
    from pipelines.tables.ledger import Entry, Ledger

DAY = dt.date(2024, 3, 1)
DAYS = (DAY, dt.date(2024, 3, 2), dt.date(2024, 3, 3))
ROWS = 40
CHANNELS = ("web", "shop", "phone")
REFUSED = {3: "amount_is_plausible", 7: "channel_is_given", 11: "model_input_not_null:quantity", 20: "email_is_one"}
"""Of each day's orders, by id: the one rule that it breaks."""

SPARK = {
    "spark.master": "local[2]",
    "spark.driver.memory": "1g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    # Processes that end soon: before Java's best code for them is made, or memory is worth collecting side by side;
    # with room for the quick code of a longer one.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=128m -XX:+UseSerialGC",
}
ORDERS = pa.schema(
    [
        ("day", pa.date32()),
        ("id", pa.int64()),
        ("customer", pa.int32()),
        ("amount", pa.float64()),
        ("quantity", pa.int32()),
        ("channel", pa.string()),
        ("email", pa.string()),
        ("note", pa.string()),
    ]
)
PIPELINE: dict[str, Any] = {
    "name": "orders",
    "source": {"tables": {"orders": {"path": "orders", "slice": {"column": "day"}}}},
    "key": ["day", "id"],
    "features": {"amount": "coalesce(amount, 0.0)", "quantity": "quantity", "is_web": "CAST(channel = 'web' AS INT)"},
    "expectations": "orders.json",
    "model": {"name": "returns", "alias": "champion"},
    "outputs": {
        "prediction": {"result": "label", "type": "int"},
        "probability": {"result": "probability", "of": 1, "type": "double", "minimum": 0, "maximum": 1},
    },
    "limits": {"quarantined_share": 0.2},
    "personal": ["email"],
}


def expectation(kind: str, check_id: str, severity: str = "critical", **kwargs: Any) -> dict[str, Any]:
    """One expectation as a suite holds it."""
    return {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {"check_id": check_id}, "severity": severity}


SUITE = (
    expectation("column_values_to_be_between", "amount_is_plausible", column="amount", min_value=0, max_value=1000),
    expectation("column_values_to_not_be_null", "channel_is_given", column="channel"),
    expectation("column_values_to_match_regex", "email_is_one", column="email", regex="@"),
    expectation("column_values_to_be_in_set", "note_is_known", "warning", column="note", value_set=["", "gift"]),
    expectation("table_row_count_to_be_between", "some_orders", min_value=1, max_value=1000),
)


@dataclass(frozen=True)
class SmallProject:
    """One copy of the project.

    Args:
        root: its folder.
    """

    root: Path

    @property
    def told(self) -> Path:
        """The file in which the model `counting` tells the ids that this process' tests asked it about."""
        return Path(os.environ[TOLD])

    @property
    def project(self) -> Project:
        return load_project(self.root / "conf", "local")

    @property
    def pipeline(self) -> Pipeline:
        return load_pipeline(self.project, "orders")

    @property
    def orders(self) -> str:
        return str(self.root / "inputs" / "orders")

    @property
    def predictions_path(self) -> str:
        return str(self.root / "warehouse" / "orders" / "predictions")

    @property
    def quarantine_path(self) -> str:
        return str(self.root / "warehouse" / "orders" / "quarantine")

    @property
    def ledger(self) -> Ledger:
        return ledger_of(self.project)

    def configure(self, **changes: Any) -> None:
        """Change keys of the pipeline; None takes one away."""
        file = self.root / "conf" / "pipelines" / "orders.yaml"
        content = {**yaml.safe_load(file.read_text()), **changes}
        file.write_text(
            yaml.safe_dump({key: value for key, value in content.items() if value is not None}, sort_keys=False)
        )

    def environment(self, **changes: Any) -> None:
        """Change keys of the environment."""
        file = self.root / "conf" / "environments" / "local.yaml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **changes}))

    def features(self, **changes: str) -> None:
        """Change some features."""
        self.configure(features={**PIPELINE["features"], **changes})

    def suite(self, *expectations: dict[str, Any]) -> None:
        """Replace the suite."""
        text = json.dumps({"name": "orders", "expectations": list(expectations), "meta": {}})
        (self.root / "conf" / "expectations" / "orders.json").write_text(text)

    def use_counting_model(self) -> None:
        """Score with the model that tells of every row."""
        self.use_model("counting", id="id")

    def use_model(self, name: str, **features: str) -> None:
        """Score with one of the Python-function models, whose one output is `probability`."""
        self.configure(
            model={"name": name, "version": 1, "allow_code": True},
            features={**features, "amount": "coalesce(amount, 0.0)"},
            outputs={"probability": {"type": "double", "minimum": 0, "maximum": 1}},
        )

    def evaluated(self) -> list[int]:
        """The ids that the model `counting` was asked about since the session began."""
        return [int(line) for line in self.told.read_text().split()] if self.told.exists() else []

    def land(self, rows: Iterable[dict[str, Any]]) -> None:
        """Append orders to the source."""
        write_deltalake(self.orders, pa.Table.from_pylist(list(rows), schema=ORDERS), mode="append")

    def mend(self, changes: dict[int, dict[str, Any]], day: dt.date = DAY) -> None:
        """Replace a day's orders by those of the same ids, changed."""
        rows = [{**order, **changes.get(order["id"], {})} for order in orders_of(day)]
        table = pa.Table.from_pylist(rows, schema=ORDERS)
        write_deltalake(self.orders, table, mode="overwrite", predicate=f"day = '{day}'")

    def remove(self, day: dt.date) -> None:
        """Take a day's orders away."""
        DeltaTable(self.orders).delete(f"day = '{day}'")

    def replace_orders(self, table: pa.Table, partition_by: list[str] | None = None) -> None:
        """Make the source anew."""
        shutil.rmtree(self.orders)
        write_deltalake(self.orders, table, partition_by=partition_by)

    def score(self, spark: SparkSession, day: dt.date = DAY, **options: Any) -> Result:
        """Score a slice."""
        from pipelines.runs.scoring import score

        return score(spark, self.project, "orders", day, **options)

    def predictions(self, day: dt.date | None = None) -> list[dict[str, Any]]:
        """The rows of the predictions table, or of one of its slices, in the order of the key."""
        return _rows(self.predictions_path, day)

    def quarantine(self, day: dt.date | None = None, run_id: str | None = None) -> list[dict[str, Any]]:
        """The rows of the quarantine table, or of one of its dates and runs, in the order of the key."""
        rows = _rows(self.quarantine_path, day)
        return [row for row in rows if run_id is None or row["run_id"] == run_id]

    def quarantine_current(self, day: dt.date = DAY) -> list[dict[str, Any]]:
        """The refused rows of the run that is published."""
        runs = {row["run_id"] for row in self.predictions(day)}
        return [row for row in self.quarantine(day) if row["run_id"] in runs]

    def states(self, run_id: str | None = None, day: dt.date | None = None) -> list[str]:
        """The states that runs went through, oldest first."""
        return [entry.state for entry in self.ledger.history(run_id=run_id, score_date=day)]

    def entry(self, run_id: str) -> Entry:
        """The ledger's last word on a run."""
        (entry,) = self.ledger.latest(run_id=run_id)
        return entry

    def versions(self) -> dict[str, int]:
        """The newest version of every Delta table of the project."""
        logs = sorted(self.root.rglob("_delta_log"))
        return {str(log.parent.relative_to(self.root)): len(list(log.glob("*.json"))) - 1 for log in logs}

    def stages(self) -> list[Path]:
        """The folders of stages that are there."""
        folder = self.root / "warehouse" / "orders" / "_stage"
        return sorted(path for path in folder.glob("*") if path.name != "_locks")


def without_run(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows apart from run ids and times: what must be equal between two runs of the same slice."""
    return [
        {key: value for key, value in row.items() if key not in ("run_id", "scored_at", "quarantined_at")}
        for row in rows
    ]


def orders_of(day: dt.date, rows: int = ROWS, first: int = 0) -> list[dict[str, Any]]:
    """A day's orders; those of `REFUSED` are wrong in their way, and some amounts are missing, as they may be."""
    orders = [
        {
            "day": day,
            "id": number,
            "customer": number % 5,
            "amount": None if number % 10 == 9 else 10.0 * number + day.day,
            "quantity": 1 + number % 4,
            "channel": CHANNELS[number % 3],
            "email": f"person{number}@mail.test",
            "note": "gift" if number % 4 else "",
        }
        for number in range(first, first + rows)
    ]
    wrong: dict[Any, dict[str, Any]] = {
        3: {"amount": -5.0},
        7: {"channel": None},
        11: {"quantity": None},
        20: {"email": "secret-nobody"},
    }
    return [{**order, **wrong.get(order["id"], {})} for order in orders]


def make_small_project(folder: Path) -> SmallProject:
    """The project that is copied for each test: everything but its output tables."""
    small = SmallProject(folder)
    for name in ("conf/pipelines", "conf/expectations", "conf/environments", "inputs", "told", "cache"):
        (folder / name).mkdir(parents=True)
    (folder / "conf/pipelines/orders.yaml").write_text(yaml.safe_dump(PIPELINE, sort_keys=False))
    environment = {
        "warehouse": "${LAKESCORE_ROOT}/warehouse",
        "inputs": "${LAKESCORE_ROOT}/inputs",
        "tracking_uri": f"sqlite:///{folder}/mlflow.db",
        "cache": f"{folder}/cache",
        "spark": SPARK,
    }
    (folder / "conf/environments/local.yaml").write_text(yaml.safe_dump(environment))
    small.suite(*SUITE)
    for day in DAYS:
        orders = orders_of(day)
        for half in (orders[: ROWS // 2], orders[ROWS // 2 :]):  # two files a day, so that two workers score it
            table = pa.Table.from_pylist(half, schema=ORDERS)
            write_deltalake(small.orders, table, mode="append", partition_by=["day"])
    customers = pa.table(
        {"customer": pa.array(range(5), pa.int32()), "age": pa.array([20, 30, 40, 50, 60], pa.int32())}
    )
    write_deltalake(str(folder / "inputs" / "customers"), customers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        register_models(small.root, small.project.environment.tracking_uri)
    return small


def shared_project(folder: Path, finish: Callable[[SmallProject], object]) -> SmallProject:
    """The project in a folder: made by the first process that asks, and only found by others.

    Args:
        folder: for all processes.
        finish: makes the output tables, empty.
    """
    folder.mkdir(exist_ok=True)
    made = folder / "made"
    with FileLock(folder / "lock"):
        if not made.exists():
            finish(make_small_project(folder))
            made.touch()
    small = SmallProject(folder)
    _import_noisy_libraries(small.project.environment.tracking_uri)
    return small


def _import_noisy_libraries(registry: str) -> None:
    """Import what warns when it is first used, so that no test is the first: warnings are errors in tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: F401
        import mlflow
        import mlflow.pyfunc.model

        mlflow.MlflowClient(registry, registry).search_registered_models(max_results=1)


def copy_of(base: SmallProject, folder: Path) -> SmallProject:
    """A copy of its own for one test: configuration, sources and output tables."""
    for name in ("conf", "inputs", "warehouse"):
        if (base.root / name).exists():
            shutil.copytree(base.root / name, folder / name)
    return SmallProject(folder)


def _rows(location: str, day: dt.date | None) -> list[dict[str, Any]]:
    table = DeltaTable(location).to_pyarrow_dataset().to_table()
    rows: Iterator[dict[str, Any]] = iter(table.to_pylist())
    return sorted(
        (row for row in rows if day is None or row["score_date"] == day), key=lambda row: (row["score_date"], row["id"])
    )
