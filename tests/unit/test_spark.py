"""What is told of a Java that ended before Spark was there, from all that it said; and where its log goes."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Any

import pytest
from pyspark import SparkContext
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from pipelines import spark
from pipelines.errors import SetupError
from pipelines.spark import java_option, what_java_said

FRAMES = """\tat org.apache.spark.util.MavenUtils$.resolveMavenCoordinates(MavenUtils.scala:539)
\tat org.apache.spark.deploy.SparkSubmit$.main(SparkSubmit.scala:1177)
\tat org.apache.spark.deploy.SparkSubmit.main(SparkSubmit.scala)
"""
WARNED = """WARNING: Using incubator modules: jdk.incubator.vector
2026-11-26 21:22:48.637 WARN org.apache.spark.util.Utils: Your hostname, vm, resolves to a loopback address: 127.0.0.1
"""
UNRESOLVED = f"""{WARNED}http://127.0.0.1:9/none added as a remote repository with the name: repo-1
:: loading settings :: url = jar:file:/opt/spark/jars/ivy-2.5.3.jar!/org/apache/ivy/core/settings/ivysettings.xml
Ivy Default Cache set to: /home/me/.ivy2.5.2/cache
The jars for the packages stored in: /home/me/.ivy2.5.2/jars
org.example#nothing_2.13 added as a dependency
:: resolving dependencies :: org.apache.spark#spark-submit-parent-abcd59a7-ef9f-4335-af88-5e54bb9ad3e3;1.0
\tconfs: [default]
You probably access the destination server through a proxy server that is not well configured.
:: resolution report :: resolve 1037ms :: artifacts dl 0ms

:: problems summary ::
:::: WARNINGS
\tHost repos.example not found. url=https://repos.example/org/example/nothing_2.13/1.0/nothing_2.13-1.0.pom

\t\tmodule not found: org.example#nothing_2.13;1.0

:::: ERRORS
\tServer access error at url http://127.0.0.1:9/nothing.pom (java.net.ConnectException: Connection refused)


:: USE VERBOSE OR DEBUG MESSAGE LEVEL FOR MORE DETAILS
Exception in thread "main" java.lang.RuntimeException: [unresolved dependency: org.example#nothing_2.13;1.0: not found]
{FRAMES}"""
HEAP = """Picked up JAVA_TOOL_OPTIONS: -Dfile.encoding=UTF-8
Invalid maximum heap size: -Xmx1x
Error: Could not create the Java Virtual Machine.
Error: A fatal exception has occurred. Program will exit.
"""
TOO_LARGE = """Error occurred during initialization of VM
Could not reserve enough space for 943718400000KB object heap
"""
HEAP_AMONG_OPTIONS = f"""Error: Not allowed to specify max heap(Xmx) memory settings through java options (was -Xmx2g).

{WARNED}Usage: spark-submit [options] <app jar | python file | R file> [app arguments]
  --master MASTER_URL         spark://host:port, yarn,
"""
MASTER = f"""{WARNED}Exception in thread "main" org.apache.spark.SparkException: Master must either be yarn or local
{FRAMES}"""
MODE = f"""WARNING: Using incubator modules: jdk.incubator.vector
Using Spark's default log4j profile: org/apache/spark/log4j2-defaults.properties
26/11/26 21:23:57 WARN Utils: Set SPARK_LOCAL_IP if you need to bind to another address
Exception in thread "main" org.apache.spark.SparkException: Cluster deploy mode is not compatible with master "local"
{FRAMES}"""
WITH_A_CAUSE = f"""Exception in thread "main" java.lang.ExceptionInInitializerError
{FRAMES}Caused by: java.net.UnknownHostException: vm: Name or service not known
{FRAMES}\t... 7 more
"""
NO_CLASS = """Error: Could not find or load main class org.apache.spark.launcher.Main
Caused by: java.lang.ClassNotFoundException: org.apache.spark.launcher.Main
"""


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (UNRESOLVED, "[unresolved dependency: org.example#nothing_2.13;1.0: not found]"),
        (HEAP, "Invalid maximum heap size: -Xmx1x"),
        (TOO_LARGE, "Could not reserve enough space for 943718400000KB object heap"),
        (
            HEAP_AMONG_OPTIONS,
            "Not allowed to specify max heap(Xmx) memory settings through java options (was -Xmx2g).",
        ),
        (MASTER, "Master must either be yarn or local"),
        (MODE, 'Cluster deploy mode is not compatible with master "local"'),
        (WITH_A_CAUSE, "vm: Name or service not known"),
        (NO_CLASS, "Could not find or load main class org.apache.spark.launcher.Main"),
        ("/opt/spark/bin/spark-class: line 71: /nowhere/bin/java: No such file or directory\n", None),
        (WARNED, "no word of why"),
        ("", "no word of why"),
    ],
    ids=["package", "heap", "large heap", "options", "master", "mode", "cause", "class", "shell", "warned", "nothing"],
)
def test_why_java_ended_is_told_in_a_line(told: str, expected: str | None) -> None:
    assert what_java_said(told) == (expected or told.strip())


@pytest.mark.parametrize("folder", ["/tmp", "/tmp/of mine", '/tmp/it\'s "mine"', "/tmp/back\\slash"])
def test_a_path_among_javas_options_is_one_of_them(folder: str) -> None:
    assert shlex.split(f"-Da=b {java_option('lakescore.log', folder)} -Dc=d")[1] == f"-Dlakescore.log={folder}"


@pytest.fixture
def ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files, and a Java that says why it ends."""

    def ended(conf: Any, how: dict[str, Any]) -> None:
        how["stderr"].write(UNRESOLVED.encode())
        how["stderr"].flush()
        raise PySparkRuntimeError(errorClass="JAVA_GATEWAY_EXITED", messageParameters={})

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(spark, "require_java", lambda: "17")
    monkeypatch.setattr(spark, "launch_gateway", ended)
    monkeypatch.setattr(SparkContext, "_gateway", None)
    monkeypatch.setattr(spark._Java, "log", None)
    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    return tmp_path


def test_a_log_is_its_own_even_where_others_left_some(ending: Path) -> None:
    theirs = ending / "theirs.txt"
    theirs.write_text("theirs")
    names = set()
    for _ in range(2):
        with pytest.raises(SetupError) as raised:
            spark.start({"spark.jars.packages": "org.example:nothing_2.13:1.0"})
        log = spark.log_file()
        assert log is not None
        assert log.stat().st_mode & 0o777 == 0o600
        assert log.read_text() == UNRESOLVED
        assert raised.value.found == "[unresolved dependency: org.example#nothing_2.13;1.0: not found]"
        assert "the jars of spark.jars.packages are fetched over the network" in str(raised.value.remedy)
        assert str(raised.value.remedy).endswith(f"all that it said is in {log}")
        names.add(log)
    assert len(names) == 2
    assert theirs.read_text() == "theirs"


def test_a_log_that_nobody_keeps_goes_when_the_process_ends(ending: Path) -> None:
    with pytest.raises(SetupError):
        spark.start({})
    log = spark.log_file()
    assert log is not None
    spark._remove_log()
    assert spark.log_file() is None
    assert not log.exists()
