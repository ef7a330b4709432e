"""A registry behind MLflow's own server, asked by REST."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
import requests
from support.faults.airflow_here import until
from support.faults.ports import free_port
from support.small_project import SmallProject
from unit.samples import as_found

from pipelines.models.lookup import find_metrics, find_version

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(empty: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server over a copy of the small project's registry, on loopback."""
    database = tmp_path_factory.mktemp("server") / "mlflow.db"
    shutil.copyfile(Path(empty.project.environment.tracking_uri.removeprefix("sqlite:///")), database)
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{database}"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    log = database.with_name("server.log")
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True, cwd=database.parent)
    try:
        until(lambda: _is_up(f"http://127.0.0.1:{port}"), 120, log.read_text)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _is_up(address: str) -> bool:
    try:
        return requests.get(f"{address}/health", timeout=5).ok
    except (requests.ConnectionError, requests.Timeout):  # a server that still starts takes the call and is silent
        return False


@pytest.mark.parametrize(("alias", "version"), [("champion", None), (None, 1), (None, 2)])
def test_a_version_is_what_mlflows_client_finds(server: str, alias: str | None, version: int | None) -> None:
    client = mlflow.MlflowClient(server, server)
    expected = (
        client.get_model_version_by_alias("returns", alias)
        if alias is not None
        else client.get_model_version("returns", str(version))
    )
    observed = find_version(server, "returns", alias=alias, version=version)
    assert observed == as_found(expected)


def test_metrics_are_what_mlflows_client_finds(server: str) -> None:
    client = mlflow.MlflowClient(server, server)
    run = client.create_run("0").info.run_id
    client.log_metric(run, "accuracy", 0.5, step=1)
    client.log_metric(run, "accuracy", 0.75, step=2)
    assert find_metrics(server, run) == client.get_run(run).data.metrics == {"accuracy": 0.75}


def test_what_is_not_there_is_left_to_the_client(server: str) -> None:
    assert find_version(server, "returns", alias="nobody", version=None) is None
    assert find_version(server, "nobody", alias=None, version=1) is None
