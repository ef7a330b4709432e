"""The Spark session: the one place that builds or configures it."""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyspark
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkRuntimeError
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from pipelines.errors import SetupError

OLDEST_JAVA = 17
DELTA_PACKAGE = "io.delta:delta-spark_4.1_2.13:4.4.0"
ALWAYS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.ui.showConsoleProgress": "false",
}
"""What the guarantees rest on: Delta tables; dates that mean the same and casts that fail the same everywhere."""
_QUIET = Path(__file__).with_name("log4j2.properties")
_LOG = Path(tempfile.gettempdir()) / f"lakescore-spark-{os.getpid()}.log"


def start(settings: Mapping[str, str], name: str = "lakescore") -> SparkSession:
    """The session; one that is active already is used as it is.

    Args:
        settings: Spark settings; what spark-submit was given wins over them.
        name: the application's name.

    Raises:
        SetupError: Java is missing or too old, or ends at once.
    """
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    wanted = {**settings, **_defaults(settings), **ALWAYS}
    _launch(wanted)
    builder = SparkSession.builder.appName(name)
    for key, value in wanted.items():
        if key in ALWAYS or not _is_submitted_with(key):
            builder = builder.config(key, value)
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)  # repeats each error as a page of JSON
    session = builder.getOrCreate()
    if _is_submitted():
        session.sparkContext.setLogLevel("ERROR")  # by whatever configuration it was submitted with
    return session


def _launch(settings: Mapping[str, str]) -> None:
    """Start Java, once a process, with its error stream in the log: what Java says of itself is no answer of ours."""
    if _is_submitted() or SparkContext._gateway is not None:
        return
    conf = SparkConf(loadDefaults=False).setAll(list(settings.items()))
    atexit.register(_remove_log)
    with _LOG.open("ab") as log:
        try:
            gateway = launch_gateway(conf, {"stderr": log})  # type: ignore[no-untyped-call]
            SparkContext._ensure_initialized(gateway=gateway)
        except PySparkRuntimeError as error:
            keep_log()
            told = _LOG.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise SetupError(
                "Java ended before Spark was there",
                found=" ".join(told[-3:]) or "no word of why",
                remedy=f"mend 'spark' in the environment's YAML, or JAVA_HOME; all that it said is in {_LOG}",
            ) from error


def keep_log() -> None:
    """Leave the file with Spark's log where it is when the process ends."""
    atexit.unregister(_remove_log)


def _remove_log() -> None:
    _LOG.unlink(missing_ok=True)


def log_file() -> Path | None:
    """The file with all of Spark's log, where this process started Spark by itself."""
    return _LOG if _LOG.exists() else None


def require_java() -> str:
    """Check that a Java is there that Spark can run on.

    Returns:
        What it says of itself, in a line.

    Raises:
        SetupError: with the way to get one.
    """
    expected = f"Java {OLDEST_JAVA} or newer, in JAVA_HOME or on the PATH"
    remedy = "install a JDK, such as Debian's openjdk-17-jre-headless or Temurin, or set JAVA_HOME to one"
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not os.access(java, os.X_OK):
        raise SetupError(
            "Spark needs Java, and there is none", expected=expected, found=home or "no java", remedy=remedy
        )
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', told)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise SetupError("this Java is too old for Spark", expected=expected, found=told.strip() or java, remedy=remedy)
    return told.splitlines()[0]


def _defaults(settings: Mapping[str, str]) -> dict[str, str]:
    """What depends on how the driver was started."""
    defaults = {}
    if not _is_submitted():
        require_java()
        defaults["spark.driver.extraJavaOptions"] = " ".join(
            [
                f"-Dlog4j2.configurationFile={_QUIET.as_uri()}",
                f"-Dlakescore.log={_LOG}",
                "-Dlakescore.console=off",
                settings.get("spark.driver.extraJavaOptions", ""),
            ]
        ).strip()
        if not list((Path(pyspark.__file__).parent / "jars").glob("*delta-spark_*.jar")):
            defaults["spark.jars.packages"] = settings.get("spark.jars.packages", DELTA_PACKAGE)
    if settings.get("spark.master", "local").startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else a worker starts the first python3 of the PATH
    return defaults


def _is_submitted() -> bool:
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _is_submitted_with(key: str) -> bool:
    if not _is_submitted():
        return False
    SparkContext._ensure_initialized()
    return bool(SparkConf().contains(key))
