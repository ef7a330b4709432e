"""`make airflow`: all of Airflow on this machine, on loopback, with the project's pipelines; Ctrl-C ends it.

By default with SQLite; variables such as `AIRFLOW__DATABASE__SQL_ALCHEMY_CONN` are taken as they are given.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dags.scoring.environment import AIRFLOW_CONNECTION, ROOT, SPARK_CONNECTION, spark_python
from pipelines.errors import PipelineError, SetupError

HOST = "127.0.0.1"
SPARK_HERE = {
    "conn_type": "spark",
    "host": "local[2]",
    # As in conf/environments/local.yaml: a small slice ends before Java's best code for it is made.
    "extra": {"conf": {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"}},
}
USER = "admin"
SECONDS_TO_START, SECONDS_TO_END = 180, 30
SECONDS_FOR_SQLITE = 60
"""How long a process waits while another writes; by SQLite's own five, a busy machine finds the database locked."""
BUNDLES = [
    {"name": "pipelines", "classpath": "dags.scoring.bundle.PipelinesBundle", "kwargs": {"refresh_interval": 10}},
    {
        "name": "lakescore",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(ROOT / "dags")},
    },
]


def variables(home: Path, port: int, password: str) -> dict[str, str]:
    """What Airflow's processes and its command line are given, by environment variables.

    Args:
        home: Airflow's folder: its tables, logs and files.
        port: of the API server and the pages.
        password: of the one user, who may do everything.
    """
    api = {"conn_type": "http", "host": HOST, "port": port, "login": USER, "password": password}
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout={SECONDS_FOR_SQLITE}",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACKS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(BUNDLES),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles"),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        # Where jobs score on the same cores, a file takes long to import.
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "150",
        f"AIRFLOW_CONN_{SPARK_CONNECTION.upper()}": json.dumps(SPARK_HERE),
        f"AIRFLOW_CONN_{AIRFLOW_CONNECTION.upper()}": json.dumps(api),
    }


@contextmanager
def running(home: Path, port: int) -> Iterator[tuple[str, dict[str, str]]]:
    """All of Airflow's processes, from healthy until the end of the block.

    Args:
        home: Airflow's folder.
        port: a free one.

    Yields:
        The password, and the environment variables for Airflow's command line.

    Raises:
        SetupError: Airflow did not start; what it said is in `standalone.log`.
    """
    home.mkdir(parents=True, exist_ok=True)
    password = _password(home / "passwords.json")
    settings = {**variables(home, port, password), **_given()}
    _write_secret(home / "environment.sh", "".join(f"export {k}={shlex.quote(v)}\n" for k, v in settings.items()))
    airflow = Path(sys.executable).with_name("airflow")
    paths = os.pathsep.join([str(airflow.parent), os.environ["PATH"]])
    environment = {**os.environ, **settings, "PATH": paths, "PYTHONPATH": str(ROOT)}
    with (home / "standalone.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [str(airflow), "standalone"], env=environment, stdout=log, stderr=log, cwd=home, start_new_session=True
        )
        try:
            _wait_until_healthy(process, port, home / "standalone.log")
            yield password, environment
        finally:
            _end(process)


def main() -> None:
    """Start Airflow, say where it is, and end it when asked to."""
    parser = argparse.ArgumentParser(prog="make airflow", description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--home", type=Path, default=ROOT / "warehouse" / "airflow")
    given = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell's background job inherits that it is ignored
        signal.signal(number, signal.default_int_handler)
    try:
        spark_python()
        _require_free(given.port)
        _say("Starting Airflow (half a minute) …")
        with running(given.home.resolve(), given.port) as (password, _):
            _say(f"Airflow is at http://{HOST}:{given.port}    user: {USER}    password: {password}")
            _say(f"Its command line, in another terminal:  source {given.home / 'environment.sh'}")
            _say(f"                                        export PATH={Path(sys.executable).parent}:$PATH")
            _say("Three days of flights:  airflow dags unpause flight_delays")
            _say("  airflow backfill create --dag-id flight_delays --from-date 2013-07-09 --to-date 2013-07-12")
            _say("Ctrl-C ends it.")
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
            _say("Ending …")
    except PipelineError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("ended before it had started")


def _given() -> dict[str, str]:
    """Settings of Airflow that the caller made win over ours."""
    return {name: value for name, value in os.environ.items() if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_"))}


def _password(file: Path) -> str:
    if not file.is_file():
        _write_secret(file, json.dumps({USER: secrets.token_urlsafe(12)}))
    found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return found[USER]


def _write_secret(file: Path, text: str) -> None:
    """A file that only its owner reads, from its first byte on."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise SetupError(
                f"port {port} is not free", expected="a free port", found=error, remedy="make airflow PORT=8081"
            ) from error


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError, ValueError):
            with urllib.request.urlopen(f"http://{HOST}:{port}/api/v2/monitor/health", timeout=5) as answer:
                parts = json.load(answer)
            if all(parts[name]["status"] == "healthy" for name in ("scheduler", "triggerer", "dag_processor")):
                return
        time.sleep(1)
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
    raise SetupError("Airflow did not start", found=tail, remedy=f"see {log}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asked, it ends the others; what is left after that is made to end."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=SECONDS_TO_END)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
