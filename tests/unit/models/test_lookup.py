"""A registry asked without MLflow: the answers are those of MLflow's client, and what is not known is left to it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

from pipelines.models.lookup import KNOWN_REVISIONS, find_metrics, find_version
from unit.samples import Registry, as_found

Change = Callable[[str], str]


@pytest.fixture
def changed(registry: Registry, tmp_path: Path) -> Change:
    """A copy of the registry's database in which a statement was run; its address."""

    def copy(statement: str) -> str:
        file = tmp_path / "copy.db"
        shutil.copyfile(registry.folder / "mlflow.db", file)
        with sqlite3.connect(file) as database:
            database.execute(statement)
        return f"sqlite:///{file}"

    return copy


@pytest.mark.parametrize(("alias", "version"), [("champion", None), ("previous", None), (None, 1), (None, 2)])
def test_a_version_is_what_mlflows_client_finds(registry: Registry, alias: str | None, version: int | None) -> None:
    client = mlflow.MlflowClient(registry.uri, registry.uri)
    if alias is not None:
        expected = client.get_model_version_by_alias("churn", alias)
    else:
        expected = client.get_model_version("churn", str(version))
    observed = find_version(registry.uri, "churn", alias=alias, version=version)
    assert observed == as_found(expected)


def test_an_alias_that_moved_is_found_where_it_is_now(changed: Change) -> None:
    uri = changed("UPDATE registered_model_aliases SET version = 2 WHERE alias = 'champion'")
    found = find_version(uri, "churn", alias="champion", version=None)
    assert found is not None
    assert (
        found.version == int(mlflow.MlflowClient(uri, uri).get_model_version_by_alias("churn", "champion").version) == 2
    )


@pytest.mark.parametrize(
    ("name", "alias", "version"),
    [("churm", "champion", None), ("churn", "challenger", None), ("churn", None, 9), ("churn", "latest", None)],
)
def test_what_is_not_there_or_no_alias_is_left_to_the_client(
    registry: Registry, name: str, alias: str | None, version: int | None
) -> None:
    assert find_version(registry.uri, name, alias=alias, version=version) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE model_versions SET current_stage = 'Deleted_Internal'",
        "UPDATE model_versions SET workspace = 'other'",
        "UPDATE registered_model_aliases SET workspace = 'other'",
        "UPDATE alembic_version SET version_num = '0123456789ab'",
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
    ],
)
def test_a_database_that_is_not_as_known_is_left_to_the_client(changed: Change, statement: str) -> None:
    assert find_version(changed(statement), "churn", alias="champion", version=None) is None


@pytest.mark.parametrize("name", ["MLFLOW_WORKSPACE", "MLFLOW_ENABLE_WORKSPACES"])
def test_workspaces_are_left_to_the_client(registry: Registry, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "true")
    assert find_version(registry.uri, "churn", alias="champion", version=None) is None


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert find_version(f"sqlite:///{tmp_path}/none.db", "churn", alias="champion", version=None) is None
    assert find_version("sqlite://", "churn", alias="champion", version=None) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uri", ["databricks", "file:///tmp", "s3://bucket/mlruns", "http://127.0.0.1:9", "no uri"])
def test_other_registries_are_left_to_the_client(uri: str) -> None:
    assert find_version(uri, "churn", alias="champion", version=None) is None
    assert find_metrics(uri, "0" * 32) is None


def test_the_known_database_is_that_of_the_installed_release(registry: Registry) -> None:
    with sqlite3.connect(registry.folder / "mlflow.db") as database:
        (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    assert revision in KNOWN_REVISIONS


def test_metrics_are_those_of_mlflows_client(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = mlflow.MlflowClient(uri, uri)
    run_id = client.create_run(client.create_experiment("e", artifact_location=tmp_path.as_uri())).info.run_id
    for name, value in [("auc", 0.7), ("auc", 0.75), ("lost", float("nan")), ("most", float("inf"))]:
        client.log_metric(run_id, name, value)
    observed, expected = find_metrics(uri, run_id), client.get_run(run_id).data.metrics
    assert {name: repr(value) for name, value in (observed or {}).items()} == {
        name: repr(value) for name, value in expected.items()
    }
    assert len(expected) == 3


def test_a_registry_is_asked_without_importing_mlflow(registry: Registry) -> None:
    program = (
        "import sys; from pipelines.models.lookup import find_version\n"
        "assert find_version(sys.argv[1], 'churn', alias='champion', version=None) is not None\n"
        "print(sorted({'mlflow', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, registry.uri], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (told.returncode, told.stdout.strip()) == (0, "[]"), told.stderr
