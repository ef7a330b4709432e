"""The Spark session: the one place that builds or configures it."""

from __future__ import annotations

import atexit
import logging
import os
import re
import shlex
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

from pipelines.config.java import quick_start
from pipelines.errors import SetupError

OLDEST_JAVA = 17
DELTA_PACKAGE = "io.delta:delta-spark_4.1_2.13:4.4.0"
ALWAYS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.legacy.javaCharsets": "true",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.ui.showConsoleProgress": "false",
}
"""What the guarantees rest on: Delta tables; dates that mean the same and casts that fail the same everywhere;
texts in all encodings that Java knows, windows-1252 among them; old dates by one calendar, whoever reads the files."""
UNLESS_SET = {
    # Compiled code is kept for so many plans. A slice takes more than Spark's 100, so each would compile its own again.
    "spark.sql.codegen.cache.maxEntries": "1000",
    # Java compiles no method of more bytecode. A row with many rules and features would be one, and be interpreted:
    # twenty rules and 28 features took 2.7 times as long.
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # A task that writes two kinds of rows need not sort them.
    "spark.sql.maxConcurrentOutputFileWriters": "4",
    # Else each call of a column's method asks Java five times, to say in errors from where it was called.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
}
"""What makes runs quicker."""
DAEMON = "pipelines.models.workers.daemon"
_ROOT = Path(__file__).parents[1]
_QUIET = Path(__file__).with_name("log4j2.properties")
_OPTIONS = "spark.driver.extraJavaOptions"
_PACKAGES = "spark.jars.packages"
_THROWN = re.compile(r'(?:Exception in thread "[^"]*"|Caused by:|Error:) (?:(?:[a-z_]\w*\.)+[\w$]+: )?(?![\w.$]+$)(.+)')
"""How Java and spark-submit begin to say what ended them, with the class; but not where there is no more than that."""
_ASIDE = re.compile(
    r"\s|WARNING|\S+ \S+ (?:TRACE|DEBUG|INFO|WARN) |:: |$"
    r"|Error: Could not create the Java Virtual Machine|Error: A fatal exception has occurred"
    r"|Error occurred during initialization of VM|Using Spark's default log4j profile|(?:NOTE: )?Picked up J"
)
"""Lines that do not say why: frames, logs, what Ivy is at, and what Java says before or after its reason."""


class _Java:
    """The Java that this process started.

    Args:
        log: the file with its error stream and all of Spark's log.
    """

    log: Path | None = None


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
    wanted = {**UNLESS_SET, **settings, **_defaults(settings), **ALWAYS}
    _launch(wanted)
    builder = SparkSession.builder.appName(name)
    for key, value in wanted.items():
        if key in ALWAYS or not _is_submitted_with(key):
            builder = builder.config(key, value)
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)  # repeats each error as a page of JSON
    session = builder.getOrCreate()
    if DAEMON in wanted.values():
        path = [str(_ROOT), session.sparkContext.environment.get("PYTHONPATH")]
        session.sparkContext.environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    if _is_submitted():
        session.sparkContext.setLogLevel("ERROR")  # by whatever configuration it was submitted with
    return session


def _launch(settings: Mapping[str, str]) -> None:
    """Start Java, once a process, with its error stream in the log: what Java says of itself is no answer of ours."""
    if _is_submitted() or SparkContext._gateway is not None:
        return
    log = _Java.log = _new_log()
    options = f"{java_option('lakescore.log', log)} {settings[_OPTIONS]}"
    conf = SparkConf(loadDefaults=False).setAll(list({**settings, _OPTIONS: options}.items()))
    with log.open("ab") as stream:  # at its end, as Spark's log is written into the same file
        try:
            gateway = launch_gateway(conf, {"stdout": stream, "stderr": stream})  # type: ignore[no-untyped-call]
            SparkContext._ensure_initialized(gateway=gateway)
        except PySparkRuntimeError as error:
            keep_log()
            mend = "mend 'spark' in the environment's YAML, or JAVA_HOME"
            if _PACKAGES in settings:
                mend += f"; the jars of {_PACKAGES} are fetched over the network: without one, put them beside Spark's"
            raise SetupError(
                "Java ended before Spark was there",
                found=what_java_said(log.read_text(encoding="utf-8", errors="replace")),
                remedy=f"{mend}; all that it said is in {log}",
            ) from error


def _new_log() -> Path:
    """A file that nobody else has opened or can read."""
    handle, name = tempfile.mkstemp(prefix="lakescore-spark-", suffix=".log")
    os.close(handle)
    atexit.register(_remove_log)
    return Path(name)


def keep_log() -> None:
    """Leave the file with Spark's log where it is when the process ends."""
    atexit.unregister(_remove_log)


def _remove_log() -> None:
    if _Java.log is not None:
        _Java.log.unlink(missing_ok=True)


def log_file() -> Path | None:
    """The file with all of Spark's log, where this process started Spark by itself."""
    return _Java.log if _Java.log is not None and _Java.log.exists() else None


def what_java_said(output: str) -> str:
    r"""Why Java ended, in one line of all that it said: the exception that ended it, else its first word of its own.

    >>> what_java_said('WARNING: old\nException in thread "main" java.io.IOException: no jar\n\tat a.B(C.java:1)')
    'no jar'
    >>> what_java_said("Invalid maximum heap size: -Xmx1x\nError: Could not create the Java Virtual Machine.")
    'Invalid maximum heap size: -Xmx1x'
    """
    lines = [line for line in output.splitlines() if not _ASIDE.match(line)]
    thrown = next((found[1] for line in lines if (found := _THROWN.match(line))), None)
    return thrown or next(iter(lines), "no word of why")


def java_option(name: str, value: object) -> str:
    """A property for Java among Spark's options, which it splits at spaces as a shell does.

    >>> java_option("lakescore.log", "/tmp/of mine/spark.log")
    "'-Dlakescore.log=/tmp/of mine/spark.log'"
    """
    return shlex.quote(f"-D{name}={value}")


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
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', answer)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise SetupError(
            "this Java is too old for Spark", expected=expected, found=answer.strip() or java, remedy=remedy
        )
    return answer.splitlines()[0]


def _defaults(settings: Mapping[str, str]) -> dict[str, str]:
    """What depends on how the driver was started."""
    defaults = {}
    if not _is_submitted():
        require_java()
        quiet = [java_option("log4j2.configurationFile", _QUIET.as_uri()), java_option("lakescore.console", "off")]
        quick = map(shlex.quote, quick_start(Path(sys.prefix)))
        defaults[_OPTIONS] = " ".join([*quiet, *quick, settings.get(_OPTIONS, "")]).strip()
        if not list((Path(pyspark.__file__).parent / "jars").glob("*delta-spark_*.jar")):
            defaults[_PACKAGES] = settings.get(_PACKAGES, DELTA_PACKAGE)
    if settings.get("spark.master", "local").startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else a worker starts the first python3 of the PATH
        if _ROOT.is_dir():  # else the project came as a zip, which the daemon could not import from
            defaults["spark.python.daemon.module"] = DAEMON
    return defaults


def _is_submitted() -> bool:
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _is_submitted_with(key: str) -> bool:
    if not _is_submitted():
        return False
    SparkContext._ensure_initialized()
    return bool(SparkConf().contains(key))
