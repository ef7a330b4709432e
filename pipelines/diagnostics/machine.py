"""What this machine and its environment give a run: Java, Python, packages, jars, ports, places to write."""

from __future__ import annotations

import shutil
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

from pipelines.config import Project
from pipelines.diagnostics.finding import Finding, attempt, ok, problem, warning
from pipelines.errors import PipelineError, root_cause
from pipelines.resolution.versions import installed
from pipelines.spark import DELTA_PACKAGE, require_java
from pipelines.tables.locations import local_path, storage

NEEDED = ("pyspark", "delta-spark", "deltalake", "mlflow", "great-expectations", "pyarrow", "pandas")
INTRUDER = "pyspark-client"
"""Brought by Airflow's Spark provider, with a `pyspark` of its own."""
LEAST_FREE = 1 << 30
"""Bytes on a disk below which a run is likely to end with no space left: 1 GiB."""


def machine_findings(project: Project) -> Iterator[Finding]:
    """All that can be found without Spark."""
    yield attempt("Java", None, require_java)
    yield ok("Python", f"{sys.version.split()[0]} at {sys.executable}")
    yield from _packages()
    yield _delta_jar()
    yield _port(project.environment.spark.get("spark.driver.bindAddress", ""))
    for name in ("warehouse", "cache"):
        yield _writable(name, getattr(project.environment, name))


def spark_finding(session: Callable[[], SparkSession]) -> Finding:
    """Whether Spark starts, and its Python workers answer."""

    def answer() -> str:
        spark = session()
        count = spark.range(2).mapInPandas(lambda batches: batches, "id bigint").count()
        return f"{spark.version} on {spark.sparkContext.master}; Python workers answered {count} rows"

    return attempt("Spark", None, answer)


def _packages() -> Iterator[Finding]:
    found = {name: version for name in (*NEEDED, INTRUDER) if (version := installed(name)) is not None}
    missing = [name for name in NEEDED if name not in found]
    versions = ", ".join(f"{name} {found[name]}" for name in NEEDED if name in found)
    if missing:
        yield problem(
            "packages",
            f"missing: {', '.join(missing)}",
            'pip install "lakescore[spark]", or in its repository make demo',
        )
    else:
        yield ok("packages", versions)
    if INTRUDER in found:
        yield problem(
            "packages",
            f"{INTRUDER} is installed beside pyspark: their files overwrite each other",
            "keep Airflow's Spark provider in an environment of its own, then reinstall pyspark here",
        )


def _delta_jar() -> Finding:
    beside = Path(pyspark.__file__).parent / "jars"
    _, artifact, wanted = DELTA_PACKAGE.split(":")
    name = f"{artifact}-{wanted}.jar"
    others = [file.name for file in beside.glob("*delta-spark_*.jar")]
    if any(other.endswith(name) for other in others):
        return ok("Delta's jar", f"{name} beside Spark's own")
    if others:
        return problem(
            "Delta's jar", f"{', '.join(others)}", f"replace it by {name}, which these packages were tried with"
        )
    return warning(
        "Delta's jar",
        "not beside Spark's: fetched at the first start, and looked up at each one",
        f"copy io.delta_* and io.unitycatalog_* of ~/.ivy2.5.2/jars to {beside} after the first start; "
        "in the repository make demo does so",
    )


def _port(address: str) -> Finding:
    """Driver and executors talk by ports that the system chooses: it must be able to choose one."""
    host = address or socket.gethostname()
    try:
        with socket.socket() as probe:
            probe.bind((host, 0))
            return ok("ports", f"free ones on {host}")
    except OSError as error:
        return problem(
            "ports",
            f"none can be opened on {host}: {error}",
            "set spark.driver.bindAddress and spark.driver.host in the environment's YAML, such as 127.0.0.1",
        )


def _writable(name: str, location: str) -> Finding:
    """Whether a file can be written there, and how much room is left."""
    probe = f".doctor-{uuid.uuid4().hex}"
    try:
        files = storage(location)
        with files.open_output_stream(probe) as stream:
            stream.write(b"?")
        files.delete_file(probe)
    except (OSError, PipelineError) as error:
        return problem(
            name,
            f"{location} cannot be written: {root_cause(error)}",
            f"mend its permissions, or '{name}' in the environment's YAML",
        )
    folder = local_path(location)
    if folder is None:
        return ok(name, location)
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        return warning(name, f"{folder}: only {free >> 20} MiB free", "make room: lakescore maintain, or a larger disk")
    return ok(name, f"{folder}: {free >> 30} GiB free")
