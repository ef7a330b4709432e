"""A Spark standalone master and two workers on loopback, as if on three machines: the project and the model are sent
there, and the rows are those of a laptop, whatever dies on the way.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import psutil
import pyspark
import pytest
from support.faults.ports import free_port
from support.small_project import DAY, DAYS, ROWS, SmallProject, copy_of, orders_of, without_run

from pipelines.resolution.versions import code_version

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SPARK_HOME = Path(pyspark.__file__).parent
SETTINGS = {
    **os.environ,
    "SPARK_HOME": str(SPARK_HOME),
    "SPARK_LOCAL_IP": "127.0.0.1",
    "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]]),
    "PYSPARK_PYTHON": sys.executable,
    "PYSPARK_DRIVER_PYTHON": sys.executable,
}
STARTS_WITHIN = 180
"""Seconds."""


@dataclass(frozen=True)
class Cluster:
    """Where it is.

    Args:
        address: the master's.
        work: the workers' folder: of each application what its executors were given.
        workers: the workers' processes, which start the executors.
        package: the project in one file.
    """

    address: str
    work: Path
    workers: tuple[psutil.Process, ...]
    package: Path


def started(log: Path, until: str, host: str, *command: str) -> subprocess.Popen[bytes]:
    """A process of Spark's, once its log says so."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(SPARK_HOME / "bin" / "spark-class"), *command, "--host", host, "--webui-port", "0"],
            stdout=file,
            stderr=file,
            env={**SETTINGS, "SPARK_LOCAL_IP": host},
        )
    end = time.monotonic() + STARTS_WITHIN
    while until not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            pytest.fail(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)
    return process


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in one file, as `make package` makes it."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT / "pipelines", folder / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    for package in ("jobs", "lakescore"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    build = [str(BIN / "uv"), "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*build, "--out-dir", "dist"], check=True, cwd=folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel.rename(folder / "lakescore.zip")


@pytest.fixture(scope="module")
def cluster(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    port = free_port()
    address, deploy = f"spark://127.0.0.1:{port}", "org.apache.spark.deploy"
    size = ("--cores", "1", "--memory", "1g")
    processes = []
    try:
        processes.append(
            started(
                folder / "master.log", "New state: ALIVE", "127.0.0.1", f"{deploy}.master.Master", "--port", str(port)
            )
        )
        # Two addresses: Spark starts no task a second time on the machine where it lags.
        for host in ("127.0.0.1", "127.0.0.2"):
            place = ("--work-dir", str(folder / "work" / host))
            command = (f"{deploy}.worker.Worker", *size, *place, address)
            processes.append(started(folder / f"{host}.log", "Successfully registered", host, *command))
        workers = tuple(psutil.Process(process.pid) for process in processes[1:])
        yield Cluster(address, folder / "work", workers, package)
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(timeout=30)


def submit(small: SmallProject, cluster: Cluster, *settings: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A slice scored on the cluster."""
    return ended(submitted(small, cluster, "score", "--date", str(DAY), settings=settings, **variables))


@dataclass(frozen=True)
class Submitted:
    """A job begun by spark-submit; what it says goes to files, as a pipe that nobody reads would stop it."""

    process: subprocess.Popen[str]
    output: IO[str]
    errors: IO[str]


def submitted(
    small: SmallProject, cluster: Cluster, job: str, *arguments: str, settings: Sequence[str] = (), **variables: str
) -> Submitted:
    """A job begun by spark-submit, with the project sent along."""
    given = ["spark.driver.host=127.0.0.1", "spark.executor.memory=768m", *settings]
    command = [str(BIN / "spark-submit"), "--master", cluster.address, "--driver-memory", "1g"]
    command += ["--py-files", str(cluster.package), *[part for one in given for part in ("--conf", one)]]
    output, errors = (tempfile.TemporaryFile("w+") for _ in range(2))  # noqa: SIM115 - `ended` closes them
    process = subprocess.Popen(
        [*command, str(ROOT / "jobs" / f"{job}.py"), "orders", *arguments, "--json"],
        stdout=output,
        stderr=errors,
        text=True,
        env={**SETTINGS, "LAKESCORE_CONF": str(small.root / "conf"), **variables},
        cwd=small.root,
        start_new_session=True,
    )
    return Submitted(process, output, errors)


def ended(job: Submitted) -> subprocess.CompletedProcess[str]:
    """The same, once it came to its end."""
    try:
        code = job.process.wait(timeout=600)
    finally:
        job.process.kill()
    said = []
    for file in (job.output, job.errors):
        file.seek(0)
        said.append(file.read())
        file.close()
    return subprocess.CompletedProcess(job.process.args, code, *said)


def kill_one(cluster: Cluster, of: str) -> None:
    """End one of the workers' processes by SIGKILL, as soon as there is one of the kind."""
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        for process in [child for worker in cluster.workers for child in worker.children(recursive=True)]:
            with suppress(psutil.Error):
                if of in " ".join(process.cmdline()):
                    process.kill()
                    return
        time.sleep(0.1)
    pytest.fail(f"there was no {of}")


def told(job: subprocess.CompletedProcess[str]) -> str:
    """What it said, apart from Spark's own log."""
    return "\n".join(line for line in (job.stdout + job.stderr).splitlines() if " INFO " not in line)


def test_a_cluster_gives_the_rows_of_a_laptop_and_is_sent_the_model(
    empty: SmallProject, cluster: Cluster, tmp_path: Path
) -> None:
    near, far = (copy_of(empty, tmp_path / name) for name in ("near", "far"))
    # A column that nothing but the model takes: read by workers there as here.
    for small in (near, far):
        small.suite()
        small.use_model("plain")
        small.configure(features={"amount": "amount"}, outputs={"probability": {"type": "double", "nullable": True}})
    for small, where in ((near, replace(cluster, address="local[2]")), (far, cluster)):
        done = submit(small, where)
        assert done.returncode == 0, told(done)
        assert json.loads(done.stdout)["outcome"] == "published"
    assert repr(without_run(far.predictions())) == repr(without_run(near.predictions()))
    assert len(far.predictions()) == 40
    assert list(cluster.work.rglob("MLmodel"))
    assert list(cluster.work.rglob(cluster.package.name))
    (entry,) = far.ledger.latest()
    assert entry.value("manifest")["code_version"] == code_version()  # of the sources, wherever they lie
    verdict = {result["check_id"]: result for result in entry.value("verdict") or []}
    assert verdict["audit:columns_read_by_workers"]["success"]


@pytest.mark.soak
def test_a_batch_that_kills_workers_on_other_machines_is_named(
    empty: SmallProject, cluster: Cluster, tmp_path: Path
) -> None:
    """Spark tries the task again, here or there; what the workers have left tells where it was."""
    small = copy_of(empty, tmp_path)
    small.use_model("deadly")
    done = submit(small, cluster)
    assert done.returncode == 1
    said = told(done)
    # Beside it stands Spark's own log of the tasks that failed, tracebacks and all.
    assert "error: a Python worker died while model 'deadly' version 1 scored" in said
    assert re.search(
        r"(workers died repeatedly at one batch|it was at one of): .*partition 1, rows 1 to 20 of it", said
    )
    assert small.predictions() == []


@pytest.mark.soak
def test_a_backfill_outlives_its_python_workers_and_executors(
    empty: SmallProject, cluster: Cluster, tmp_path: Path
) -> None:
    small = copy_of(empty, tmp_path)
    small.use_model("slow")
    job = submitted(small, cluster, "backfill", "--from", str(DAYS[0]), "--to", str(DAYS[-1]))
    while "started" not in small.states() and job.process.poll() is None:
        time.sleep(0.1)
    kill_one(cluster, "pyspark.worker")  # what its daemon starts, whichever daemon that is
    time.sleep(3)
    kill_one(cluster, "CoarseGrainedExecutorBackend")
    done = ended(job)
    assert done.returncode == 0, told(done)
    assert [slice_["outcome"] for slice_ in json.loads(done.stdout)["slices"]] == ["published"] * len(DAYS)
    for day in DAYS:
        expected = {
            order["id"]: (order["amount"] or 0) / 1000 for order in orders_of(day) if order["id"] not in (3, 7, 20)
        }
        assert {row["id"]: row["probability"] for row in small.predictions(day)} == pytest.approx(expected)
    assert len(small.predictions()) == len(DAYS) * 37
    assert small.stages() == []


@pytest.mark.soak
def test_a_task_that_lags_is_run_twice_and_its_rows_come_once(
    empty: SmallProject, cluster: Cluster, tmp_path: Path
) -> None:
    small, log = copy_of(empty, tmp_path / "p"), tmp_path / "events"
    log.mkdir()
    small.use_model("lagging")
    settings = [
        "spark.speculation=true",
        "spark.speculation.interval=200ms",
        "spark.speculation.quantile=0.5",
        "spark.eventLog.enabled=true",
        "spark.eventLog.compress=false",
        "spark.eventLog.rolling.enabled=false",
        f"spark.eventLog.dir={log.as_uri()}",
        f"spark.executorEnv.LAGGED={tmp_path / 'lagged'}",
    ]
    done = submit(small, cluster, *settings)
    assert done.returncode == 0, told(done)
    begun = [json.loads(line) for file in log.iterdir() for line in file.read_text().splitlines()]
    tasks = [event["Task Info"] for event in begun if event["Event"] == "SparkListenerTaskStart"]
    assert any(task["Speculative"] for task in tasks)
    assert {task["Host"] for task in tasks} == {"127.0.0.1", "127.0.0.2"}
    assert [row["id"] for row in small.predictions()] == [number for number in range(ROWS) if number not in (3, 7, 20)]
    assert json.loads(done.stdout)["counts"] == {"input": ROWS, "scored": ROWS - 3, "quarantined": 3}


@pytest.mark.soak
@pytest.mark.parametrize("fault", ["missing", "bare"])
def test_workers_whose_python_cannot_score_are_told_as_such(
    empty: SmallProject, cluster: Cluster, tmp_path: Path, fault: str
) -> None:
    small = copy_of(empty, tmp_path / "p")
    python = tmp_path / "python"
    if fault == "bare":
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')  # without its installed packages
        python.chmod(0o755)
    done = submit(small, cluster, PYSPARK_PYTHON=str(python))
    said = told(done)
    assert done.returncode == 2, said
    assert "error: the Python of the cluster's workers cannot score" in said
    assert "PYSPARK_PYTHON" in said
    assert (str(python) if fault == "missing" else "No module named") in said
    assert small.predictions() == []


@pytest.mark.soak  # CI kills runs of one machine
def test_a_driver_that_is_killed_is_gone_on_with(empty: SmallProject, cluster: Cluster, tmp_path: Path) -> None:
    small = copy_of(empty, tmp_path)
    small.use_model("slow")
    period = ("--from", str(DAYS[0]), "--to", str(DAYS[-1]), "--slices-a-pass", "1", "--parallel", "1")
    job = submitted(small, cluster, "backfill", *period)
    while "published" not in small.states() and job.process.poll() is None:
        time.sleep(0.1)
    assert job.process.poll() is None
    os.killpg(job.process.pid, signal.SIGKILL)
    ended(job)
    assert small.states().count("published") < len(DAYS)
    done = ended(submitted(small, cluster, "backfill", *period))
    assert done.returncode == 0, told(done)
    assert len(small.predictions()) == len(DAYS) * (ROWS - 3)
    assert {entry.state for entry in small.ledger.latest()} <= {"published", "failed"}
    assert len({row["run_id"] for row in small.predictions()}) == len(DAYS)
    assert small.stages() == []
