"""A whole run over one big slice: `python -m benchmarks.whole_run [ROUNDS [ROWS]]`.

2,000,000 rows of 28 doubles, twenty rules, LightGBM with 100 trees of 31 leaves. All peers in one session, in turn; the
least seconds of a peer count:

- ours: a forced run: validated, scored, refused rows quarantined, published, on the record;
- the usual stack: Great Expectations' Spark engine over the slice, by its defaults and as cheap as its settings allow,
  then `mlflow.pyfunc.spark_udf`, then an overwrite of the slice in a Delta table, by as many tasks;
- the floor: pyarrow reads and the model's library predicts, in two processes, and nothing is kept.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pyarrow as pa
import yaml
from deltalake import DeltaTable, WriterProperties, write_deltalake
from mlflow.models import infer_signature
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.scoring.models import MODELS
from benchmarks.scoring.peers import SPARK as PLAIN
from benchmarks.scoring.peers import Case, WithoutSpark
from benchmarks.scoring.shapes import FILES, SHAPES
from benchmarks.validation import TUNED
from pipelines.config import Project, load_project
from pipelines.runs.scoring import score
from pipelines.runs.tables import create_tables
from pipelines.spark import start
from pipelines.validation.engine import engine_report
from pipelines.validation.suite import parse_suite

SHAPE, DAY = "28 doubles", dt.date(2026, 1, 1)
SPARK = {
    **PLAIN,
    "spark.driver.memory": "4g",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}


def expectations() -> list[dict[str, Any]]:
    """Twenty row-level expectations, of which some rows in a hundred thousand break one."""
    found: list[tuple[str, dict[str, Any]]] = []
    found += [("column_values_to_not_be_null", {"column": f"f{number}"}) for number in range(6)]
    bounds = {"min_value": -4.8, "max_value": 4.8}
    found += [("column_values_to_be_between", {"column": f"f{number}", **bounds}) for number in range(6, 20)]
    return [
        {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {"check_id": f"rule_{number}"}}
        for number, (kind, kwargs) in enumerate(found)
    ]


def make(folder: Path, rows: int) -> Project:
    """A project with one pipeline, its input and its model."""
    shape = SHAPES[SHAPE]
    registry = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(registry)
    mlflow.create_experiment("big", artifact_location=(folder / "artifacts").as_uri())
    mlflow.set_experiment("big")
    inputs, answers = shape.training()
    model = MODELS["lightgbm_100"](shape, inputs, answers)
    signature = infer_signature(inputs, model.predict(inputs.head()))
    mlflow.lightgbm.log_model(model, name="m", signature=signature, registered_model_name="big")
    count = rows // FILES
    for number in range(FILES):
        ids = np.arange(number * count, (number + 1) * count)
        table = pa.table({"id": ids, "day": pa.array([DAY] * count), **shape.made(count, seed=100 + number)})
        properties = WriterProperties(max_row_group_size=125_000)
        write_deltalake(str(folder / "inputs" / "rows"), table, mode="append", writer_properties=properties)
    files = {
        "conf/environments/local.yaml": {
            "warehouse": f"{folder}/warehouse",
            "inputs": f"{folder}/inputs",
            "tracking_uri": registry,
            "cache": f"{folder}/cache",
            "spark": SPARK,
        },
        "conf/pipelines/big.yaml": {
            "name": "big",
            "source": {"tables": {"rows": {"path": "rows", "slice": {"column": "day"}}}},
            "key": ["id"],
            "features": {name: name for name in shape.types},
            "expectations": "big.json",
            "model": {"name": "big", "version": 1},
            "outputs": {"p": {"type": "double"}},
        },
        "conf/expectations/big.json": {"name": "big", "expectations": expectations(), "meta": {}},
    }
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(content) if name.endswith("json") else yaml.safe_dump(content, sort_keys=False))
    return load_project(folder / "conf", "local")


def usual(spark: SparkSession, folder: Path, settings: dict[str, Any] | None) -> Callable[[], Any]:
    """Great Expectations, then MLflow's UDF, then an overwrite of the slice."""
    suite = parse_suite(json.dumps({"name": "big", "expectations": expectations()}), "big")
    names, target = list(SHAPES[SHAPE].types), str(folder / "usual")

    def run() -> dict[str, int]:
        frame: DataFrame = spark.read.format("delta").load(str(folder / "inputs" / "rows")).where(F.col("day") == DAY)
        report = engine_report(frame, suite, settings, persist=settings is None)
        frame.unpersist()
        predict = mlflow.pyfunc.spark_udf(spark, "models:/big/1", env_manager="local", result_type="double")
        scored = frame.select("id", "day", predict(F.struct(*names)).alias("p"))
        writer = scored.write.format("delta").mode("overwrite").option("replaceWhere", f"day = '{DAY}'")
        writer.partitionBy("day").save(target)
        return {item.expectation_config.meta["check_id"]: item.result["unexpected_count"] for item in report.results}

    return run


def main(rounds: int, rows: int) -> None:
    """Make, measure, print."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        project = make(folder, rows)
        spark = start(project.environment.spark, "whole run")
        create_tables(spark, project, "big")
        model = mlflow.artifacts.download_artifacts("models:/big/1", dst_path=str(folder / "model"))
        floor = WithoutSpark(Case(SHAPE, str(folder / "inputs" / "rows"), model))
        peers: dict[str, Callable[[], Any]] = {
            "ours": lambda: score(spark, project, "big", DAY, force=True),
            "Great Expectations tuned, spark_udf, overwrite": usual(spark, folder, TUNED),
            "Great Expectations by default, spark_udf, overwrite": usual(spark, folder, None),
            "pyarrow and the library, nothing kept": lambda: floor.run(None),
        }
        taken: dict[str, list[float]] = {name: [] for name in peers}
        found: dict[str, Any] = {}
        for number in range(rounds + 1):  # the first to warm up
            for name, run in peers.items():
                begin = time.perf_counter()
                found[name] = run()
                if number:
                    taken[name].append(time.perf_counter() - begin)
        _same(spark, folder, found)
        ours = min(taken["ours"])
        for name, seconds in taken.items():
            say(f"{name}: {min(seconds):.1f} s, {min(seconds) / ours:.2f} times ours")
        say("steps of ours: " + ", ".join(f"{step} {took:.1f}" for step, took in found["ours"].timings.items()))
        for name, table in {"ours": folder / "warehouse/big/predictions", "usual": folder / "usual"}.items():
            files = [Path(uri) for uri in DeltaTable(str(table)).file_uris()]
            size = sum(file.stat().st_size for file in files)
            say(f"{name}: {len(files)} files of {size / found['ours'].counts.scored:.1f} bytes a row")


def _same(spark: SparkSession, folder: Path, found: dict[str, Any]) -> None:
    """All say the same of the rules, and predict the same to the last bit."""
    ours = {
        result.check_id: result.unexpected_count
        for result in found["ours"].verdict.results
        if result.check_id.startswith("rule_")
    }
    for name, counts in found.items():
        if name.startswith("Great") and counts != ours:
            raise AssertionError(f"{name} found {counts}, ours {ours}")
    published = spark.read.format("delta").load(str(folder / "warehouse/big/predictions")).select("id", "p")
    theirs = spark.read.format("delta").load(str(folder / "usual")).select("id", F.col("p").alias("other"))
    apart = published.join(theirs, "id").where(~F.col("p").eqNullSafe(F.col("other"))).count()
    say(f"{published.count()} rows published, {sum(ours.values())} rules broken; predictions that differ: {apart}")


def say(text: str) -> None:
    """One line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2, int(sys.argv[2]) if len(sys.argv) > 2 else 2_000_000)
