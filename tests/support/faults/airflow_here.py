"""A whole Airflow of a test's own, from `.venv-airflow`: started, asked by its public API and command line, ended."""

from __future__ import annotations

import datetime as dt
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import requests

from support.faults.ports import free_port

ROOT = Path(__file__).parents[3]
BIN = ROOT / ".venv-airflow" / "bin"
RUNNING = {"queued", "running"}


class Airflow:
    """One that runs.

    Args:
        address: of its pages and API.
        password: of the user `admin`.
        home: its folder.
    """

    def __init__(self, address: str, password: str, home: Path) -> None:
        self.address, self.home = address, home
        self.session = requests.Session()
        answer = requests.post(f"{address}/auth/token", json={"username": "admin", "password": password}, timeout=30)
        answer.raise_for_status()
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """The public API's answer."""
        answer = self.session.request(method, f"{self.address}/api/v2/{path}", json=body or None, timeout=60)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.text else None

    def command(self, *arguments: str) -> str:
        """What Airflow's command line prints."""
        script = f"source {self.home / 'environment.sh'}; exec {BIN / 'airflow'} {shlex.join(arguments)}"
        done = subprocess.run(
            ["bash", "-c", script],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def dags(self) -> set[str]:
        """The names of the DAGs that are there."""
        return {dag["dag_id"] for dag in self.ask("GET", "dags")["dags"]}

    def runs(self, dag: str) -> dict[str, str]:
        """The states of a DAG's runs, by their ids."""
        return {run["dag_run_id"]: run["state"] for run in self.ask("GET", f"dags/{dag}/dagRuns")["dag_runs"]}

    def tasks(self, dag: str, task: str) -> list[dict[str, Any]]:
        """The instances of one task in all runs of a DAG."""
        found = self.ask("GET", f"dags/{dag}/dagRuns/~/taskInstances?limit=100")["task_instances"]
        return [instance for instance in found if instance["task_id"] == task]

    def log(self, dag: str, run: str, task: str, attempt: int = 1) -> str:
        """What a task logged."""
        place = f"dags/{dag}/dagRuns/{quote(run, safe='')}/taskInstances/{task}/logs/{attempt}"
        return "\n".join(str(line) for line in self.ask("GET", place)["content"])

    def await_runs(self, dag: str, number: int, seconds: float = 600) -> dict[str, str]:
        """The states of a DAG's runs once there are so many and all have ended."""

        def ended() -> dict[str, str] | None:
            runs = self.runs(dag)
            return runs if len(runs) >= number and not RUNNING & set(runs.values()) else None

        return until(ended, seconds, lambda: f"{self.runs(dag)}\n{self.tail()}")

    def tail(self) -> str:
        """The end of what Airflow's processes logged."""
        text = (self.home / "standalone.log").read_text(errors="replace")
        return "\n".join(line[:300] for line in text.splitlines()[-30:])


def until(look: Callable[[], Any], seconds: float, told: Callable[[], str] = str) -> Any:
    """What `look` finds, once it finds something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(1)
    raise AssertionError(f"not within {seconds} s: {told()}")


@contextmanager
def airflow(home: Path, variables: dict[str, str]) -> Iterator[Airflow]:
    """`make airflow` as it is typed, in a folder of its own; Ctrl-C at the end, which must leave nothing running."""
    port = free_port()
    command = [str(BIN / "python"), "-m", "dags.scoring.standalone", "--home", str(home), "--port", str(port)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if line.startswith("Airflow is at "):
                break
        else:
            raise AssertionError("".join(told))
        words = told[-1].split()
        yield Airflow(words[3], words[words.index("password:") + 1], home)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    left = processes_with(str(home))
    assert not left, f"Airflow left processes: {left}"


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of the test's own with a database `airflow`: its address, as SQLAlchemy takes it."""
    # Not below pytest's folder, which only its own user may enter.
    with TemporaryDirectory(prefix="lakescore-pg-", ignore_cleanup_errors=True) as folder:
        yield from _postgresql(Path(folder))


def _postgresql(folder: Path) -> Iterator[str]:
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    data, port = folder / "data", free_port()
    as_owner: list[str] = []
    if os.getuid() == 0:  # which PostgreSQL refuses to run as
        shutil.chown(folder, "postgres")
        as_owner = ["runuser", "-u", "postgres", "--"]

    def run(*command: str) -> None:
        done = subprocess.run(
            [*as_owner, *command], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/", text=True
        )
        assert done.returncode == 0, done.stdout

    run(str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8")
    options = f"-p {port} -k {folder} -h 127.0.0.1"
    control = [str(programs / "pg_ctl"), "-D", str(data), "-w"]
    run(*control, "-l", str(folder / "server.log"), "-o", options, "start")
    try:
        run(str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "airflow")
        yield f"postgresql+psycopg2://postgres@127.0.0.1:{port}/airflow"
    finally:
        run(*control, "-m", "fast", "stop")


def processes_with(text: str) -> list[tuple[int, str]]:
    """The processes whose command line or environment-free name holds a text, by their ids."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line and int(folder.name) != os.getpid():
            found.append((int(folder.name), line))
    return found


def midnight(day: dt.date) -> str:
    """The beginning of a day, as Airflow's API takes it."""
    return f"{day.isoformat()}T00:00:00Z"
