"""Asks a model registry by MLflow's REST protocol, or its database, without importing MLflow.

Importing MLflow's client takes longer than all else that a plan does. What is answered here is what MLflow's client
answers (tests compare them); whatever is not known here (another kind of registry, another release's database, settings
for signing or workspaces, an error) is left to that client.

REST: https://mlflow.org/docs/latest/rest-api.html, "Get Model Version by Alias", "Get ModelVersion", "Get Run".
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DATABASES = frozenset({"sqlite", "postgresql", "mysql", "mssql"})
KNOWN_REVISIONS = frozenset({"dc11669786a5"})
"""The revisions of MLflow's database schema in which the tables read here are known; the one of the locked release."""
TIMEOUT_SECONDS = 10
_DELETED = "Deleted_Internal"
_KNOWN_SETTINGS = frozenset(f"MLFLOW_TRACKING_{name}" for name in ("URI", "USERNAME", "PASSWORD", "TOKEN", "DIR"))
_ALIAS = "SELECT version FROM registered_model_aliases WHERE workspace = 'default' AND name = :name AND alias = :alias"
_VERSION = (
    "SELECT source, creation_time, run_id, current_stage FROM model_versions"
    " WHERE workspace = 'default' AND name = :name AND version = :version"
)
_METRICS = "SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = :run_id"


@dataclass(frozen=True)
class FoundVersion:
    """One version of a registered model, as its registry has it.

    Args:
        name: of the registered model.
        version: its number.
        created: when, in milliseconds since 1970.
        source: where its files are.
        run_id: the MLflow run that logged it, where one did.
    """

    name: str
    version: int
    created: int
    source: str
    run_id: str


def find_version(uri: str, name: str, *, alias: str | None, version: int | None) -> FoundVersion | None:
    """What an alias or a number means right now; None where MLflow's client has to be asked."""
    if alias is not None and alias.lower() == "latest":  # no alias, but a word of MLflow's for the newest
        return None
    with suppress(Exception):  # whatever it was, the client says it better
        if _is_database(uri):
            return _version_in_database(uri, name, alias, version)
        if _is_server(uri):
            return _version_by_rest(uri, name, alias, version)
    return None


def find_metrics(uri: str, run_id: str) -> dict[str, float] | None:
    """The last metrics of an MLflow run; None where MLflow's client has to be asked."""
    with suppress(Exception):
        if _is_database(uri):
            rows = _rows_in_database(uri, _METRICS, {"run_id": run_id})
            return None if rows is None else {row["key"]: math.nan if row["is_nan"] else row["value"] for row in rows}
        if _is_server(uri):
            run = _answer(uri, "runs/get", {"run_id": run_id})["run"]
            return {metric["key"]: float(metric["value"]) for metric in run["data"].get("metrics", ())}
    return None


def _is_database(uri: str) -> bool:
    return urlsplit(uri).scheme.partition("+")[0] in DATABASES and not _has_workspaces()


def _is_server(uri: str) -> bool:
    """Whether a server is asked as is known here: not with signed requests, certificates, or a file of passwords."""
    given = {name for name, value in os.environ.items() if name.startswith("MLFLOW_TRACKING_") and value}
    has_file = (Path.home() / ".mlflow" / "credentials").exists()
    is_plain = given <= _KNOWN_SETTINGS and not has_file and not _has_workspaces()
    return urlsplit(uri).scheme in ("http", "https") and is_plain


def _has_workspaces() -> bool:
    return bool(os.environ.get("MLFLOW_WORKSPACE") or os.environ.get("MLFLOW_ENABLE_WORKSPACES"))


def _version_in_database(uri: str, name: str, alias: str | None, version: int | None) -> FoundVersion | None:
    if alias is not None:
        named = _rows_in_database(uri, _ALIAS, {"name": name, "alias": alias})
        version = named[0]["version"] if named else None
    found = _rows_in_database(uri, _VERSION, {"name": name, "version": version}) if version is not None else None
    if version is None or not found or found[0]["current_stage"] == _DELETED:
        return None
    row = found[0]
    return FoundVersion(name, int(version), int(row["creation_time"]), row["source"] or "", row["run_id"] or "")


def _rows_in_database(uri: str, query: str, given: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """The rows that a query gives; None where the database is of another release, or not there."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    engine = create_engine(uri, poolclass=NullPool)
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
        return None  # to connect would make it
    with engine.connect() as connection:
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if revision not in KNOWN_REVISIONS:
            return None
        return [dict(row) for row in connection.execute(text(query), dict(given)).mappings()]


def _version_by_rest(uri: str, name: str, alias: str | None, version: int | None) -> FoundVersion:
    verb, asked = (
        ("model-versions/get", {"name": name, "version": str(version)})
        if alias is None
        else ("registered-models/alias", {"name": name, "alias": alias})
    )
    found = _answer(uri, verb, asked)["model_version"]
    created = int(found["creation_timestamp"])
    return FoundVersion(name, int(found["version"]), created, found.get("source", ""), found.get("run_id", ""))


def _answer(uri: str, verb: str, asked: Mapping[str, str]) -> dict[str, Any]:
    import requests

    user, password, token = (os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD", "TOKEN"))
    answer = requests.get(
        f"{uri.rstrip('/')}/api/2.0/mlflow/{verb}",
        params=dict(asked),
        auth=(user, password) if user and password else None,
        headers={"Authorization": f"Bearer {token}"} if token and not (user and password) else None,
        timeout=TIMEOUT_SECONDS,
    )
    answer.raise_for_status()
    content: dict[str, Any] = answer.json()
    return content
