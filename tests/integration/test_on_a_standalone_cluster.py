"""A Spark standalone master and a worker on loopback: the same rows as on a laptop, with the model shipped to them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
import pyspark
import pytest
from small_project import DAY, DAYS, SmallProject, copy_of, orders_of, without_run

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
    "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
}
STARTS_WITHIN = 60
"""Seconds."""


@dataclass(frozen=True)
class Cluster:
    """Where it is.

    Args:
        address: the master's.
        work: the worker's folder: of each application what its executors were given.
        worker: the worker's process, which starts the executors.
    """

    address: str
    work: Path
    worker: psutil.Process


def started(log: Path, until: str, *command: str) -> subprocess.Popen[bytes]:
    """A process of Spark's, once its log says so."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(SPARK_HOME / "bin" / "spark-class"), *command], stdout=file, stderr=file, env=SETTINGS
        )
    end = time.monotonic() + STARTS_WITHIN
    while until not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            pytest.fail(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)
    return process


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"spark://127.0.0.1:{port}"
    deploy, loopback = "org.apache.spark.deploy", ("--host", "127.0.0.1", "--webui-port", "0")
    processes = []
    try:
        processes.append(
            started(
                folder / "master.log", "New state: ALIVE", f"{deploy}.master.Master", *loopback, "--port", str(port)
            )
        )
        size = ("--cores", "2", "--memory", "1g", "--work-dir", str(folder / "work"))
        processes.append(
            started(
                folder / "worker.log", "Successfully registered", f"{deploy}.worker.Worker", *loopback, *size, address
            )
        )
        yield Cluster(address, folder / "work", psutil.Process(processes[-1].pid))
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(timeout=30)


def submit(small: SmallProject, master: str) -> subprocess.CompletedProcess[str]:
    """A slice scored by spark-submit."""
    return ended(submitted(small, master, "score", "--date", str(DAY)))


@dataclass(frozen=True)
class Submitted:
    """A job begun by spark-submit; what it says goes to files, as a pipe that nobody reads would stop it."""

    process: subprocess.Popen[str]
    output: IO[str]
    errors: IO[str]


def submitted(small: SmallProject, master: str, job: str, *arguments: str) -> Submitted:
    """A job begun by spark-submit."""
    settings = ["--conf", "spark.driver.host=127.0.0.1", "--conf", "spark.executor.memory=768m"]
    command = [str(BIN / "spark-submit"), "--master", master, "--driver-memory", "1g", *settings]
    output, errors = (tempfile.TemporaryFile("w+") for _ in range(2))  # noqa: SIM115 - `ended` closes them
    process = subprocess.Popen(
        [*command, str(ROOT / "jobs" / f"{job}.py"), "orders", *arguments, "--json"],
        stdout=output,
        stderr=errors,
        text=True,
        env={**SETTINGS, "LAKESCORE_CONF": str(small.root / "conf")},
        cwd=small.root,
    )
    return Submitted(process, output, errors)


def ended(job: Submitted) -> subprocess.CompletedProcess[str]:
    """The same, once it came to its end."""
    code = job.process.wait(timeout=300)
    said = []
    for file in (job.output, job.errors):
        file.seek(0)
        said.append(file.read())
        file.close()
    return subprocess.CompletedProcess(job.process.args, code, *said)


def kill_one(cluster: Cluster, of: str) -> None:
    """End one of the worker's processes by SIGKILL, as soon as there is one of the kind."""
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        for process in cluster.worker.children(recursive=True):
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
    for small, master in ((near, "local[2]"), (far, cluster.address)):
        done = submit(small, master)
        assert done.returncode == 0, told(done)
        assert json.loads(done.stdout)["outcome"] == "published"
    assert repr(without_run(far.predictions())) == repr(without_run(near.predictions()))
    assert len(far.predictions()) == 40
    assert list(cluster.work.rglob("MLmodel"))
    (entry,) = far.ledger.latest()
    verdict = {result["check_id"]: result for result in entry.value("verdict") or []}
    assert verdict["audit:columns_read_by_workers"]["success"]


def test_a_batch_that_kills_workers_on_other_machines_is_named(
    empty: SmallProject, cluster: Cluster, tmp_path: Path
) -> None:
    """Spark tries the task again; the third worker finds what the first two have left."""
    small = copy_of(empty, tmp_path)
    small.use_model("deadly")
    done = submit(small, cluster.address)
    assert done.returncode == 1
    said = told(done)
    # Beside it stands Spark's own log of the tasks that failed, tracebacks and all.
    assert "error: a Python worker died while model 'deadly' version 1 scored" in said
    assert "workers died repeatedly at one batch: partition" in said
    assert small.predictions() == []


def test_a_backfill_outlives_its_python_workers_and_executors(
    empty: SmallProject, cluster: Cluster, tmp_path: Path
) -> None:
    small = copy_of(empty, tmp_path)
    small.use_model("slow")
    job = submitted(small, cluster.address, "backfill", "--from", str(DAYS[0]), "--to", str(DAYS[-1]))
    while "started" not in small.states() and job.process.poll() is None:
        time.sleep(0.1)
    kill_one(cluster, "pyspark.daemon")
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
