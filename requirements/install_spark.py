"""Makes the installed Spark ready: Delta's jars beside its own, and an archive of the classes that a run loads.

The jars are resolved once into a cache, and copied from there ever after, offline too. The archive lets each Java start
without reading and verifying thousands of classes again (class data sharing: JEP 350).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyspark
from delta.tables import DeltaTable
from pyspark.sql import Observation
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import arrow_udf
from pyspark.sql.types import DoubleType, StructType

from pipelines.config.java import class_archive
from pipelines.spark import DELTA_PACKAGE, start

LONGEST_SECONDS = 300
GROUPS = ("io.delta_", "io.unitycatalog_")
"""Of what Delta depends on, Spark ships the rest already; a second version beside it would do harm."""


def main() -> None:
    """Do what is not done yet."""
    spark = Path(pyspark.__file__).parent
    install_delta(spark)
    make_archive(class_archive(Path(sys.prefix)))


def install_delta(spark: Path) -> None:
    """Fetch what is missing, and copy it into the installed Spark."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lakescore" / "jars"
    folder = cache / DELTA_PACKAGE.replace(":", "_")
    if not folder.is_dir():
        print(f"Fetching {DELTA_PACKAGE} and what it needs (about 90 MB, once) …", flush=True)
        fetch(spark, folder)
    for jar in folder.glob("*.jar"):
        if not (spark / "jars" / jar.name).exists():
            part = shutil.copyfile(jar, spark / "jars" / f"{jar.name}.part")
            part.rename(spark / "jars" / jar.name)  # whole or not at all, should this be interrupted


def fetch(spark: Path, folder: Path) -> None:
    """Let Spark's own resolver download the package; the folder appears once all of it is there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as part:
        nothing = Path(part) / "nothing.py"
        nothing.write_text("", encoding="utf-8")
        command = [
            str(spark / "bin" / "spark-submit"), "--master", "local[1]", "--packages", DELTA_PACKAGE,
            "--conf", f"spark.jars.ivy={part}/ivy", str(nothing),
        ]  # fmt: skip
        environment = {**os.environ, "SPARK_HOME": str(spark), "PYSPARK_PYTHON": sys.executable}
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        jars = [jar for jar in Path(part).glob("ivy/jars/*.jar") if jar.name.startswith(GROUPS)]
        if not any("delta-spark" in jar.name for jar in jars):
            log = folder.parent / "fetch.log"
            log.write_text(told.stdout + told.stderr, encoding="utf-8")
            sys.exit(f"error: {DELTA_PACKAGE} could not be fetched; is Maven Central reachable? The log: {log}")
        whole = Path(part) / "whole"
        whole.mkdir()
        for jar in jars:
            shutil.move(jar, whole / jar.name)
        whole.rename(folder)


def make_archive(archive: Path) -> None:
    """Let Java write down which classes a small run loads. An installation does without where that fails."""
    part = archive.with_suffix(f".{os.getpid()}")
    archive.unlink(missing_ok=True)
    print("Archiving the classes that Spark loads, so that it starts sooner …", flush=True)
    done = subprocess.run(
        [sys.executable, __file__, str(part)], capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS
    )
    if part.is_file():
        part.rename(archive)
    else:
        print(f"no archive was made, and Spark starts as it does without: {(done.stderr or done.stdout)[-500:]}")


def run_small(archive: Path) -> None:
    """What runs do of all kinds: tables are made, appended to, replaced in part and joined; Python scores."""
    options = f"-XX:ArchiveClassesAtExit={shlex.quote(str(archive))} -XX:TieredStopAtLevel=1"
    settings = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.driver.extraJavaOptions": options,
    }
    session = start(settings, "archive")
    with tempfile.TemporaryDirectory() as folder:
        table, stage = f"{folder}/table", f"{folder}/stage"
        schema = "key BIGINT, day DATE, name STRING, value DOUBLE"
        DeltaTable.createIfNotExists(session).addColumns(StructType.fromDDL(schema)).partitionedBy("day").location(
            table
        ).execute()
        rows = session.range(1000).selectExpr(
            "id AS key", "date_add(DATE'2013-07-01', CAST(id % 3 AS INT)) AS day", "CAST(id AS STRING) AS name",
            "id / 7 AS value",
        )  # fmt: skip
        rows.write.format("delta").mode("append").save(table)
        once = {"replaceWhere": "day = DATE'2013-07-02'", "txnAppId": "archive", "txnVersion": "1"}
        rows.where("day = DATE'2013-07-02'").write.format("delta").mode("overwrite").options(**once).save(table)
        read = session.read.format("delta").option("versionAsOf", 2).load(table)
        joined = read.where("day = DATE'2013-07-01'").join(read.groupBy("name").count(), "name", "left")
        observed = joined.observe(Observation(), F.count_if(F.col("value") > 1).alias("n"), F.max("name").alias("m"))
        observed.withColumn("scored", arrow_udf(_as_it_is, DoubleType())("value")).write.mode("overwrite").parquet(
            stage
        )
        session.read.parquet(stage).groupBy("day").agg(F.count("*"), F.avg("scored")).collect()
    gateway = session.sparkContext._gateway
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(LONGEST_SECONDS)  # it writes the archive as it ends


def _as_it_is(values: pa.Array) -> pa.Array:
    return values


if __name__ == "__main__":
    run_small(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
