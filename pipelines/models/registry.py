"""The model registry: an alias looked up once, the artifacts downloaded once, and a digest over their files."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import ModelError, UnknownModelError, did_you_mean
from pipelines.models.artifact import Artifact, read_artifact
from pipelines.models.lookup import FoundVersion, find_metrics, find_version

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOST_RETRIES = "2"
TIMEOUT_SECONDS = "10"


@dataclass(frozen=True)
class RegisteredModel:
    """One version of a registered model, on this machine's disk.

    Args:
        name: of the registered model.
        version: the version's number.
        alias: the alias that led to it, if one did.
        digest: SHA-256 over the files' names and contents, as hexadecimal text.
        artifact: the files.
    """

    name: str
    version: int
    alias: str | None
    digest: str
    artifact: Artifact

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self.artifact.folder

    @property
    def label(self) -> str:
        """As messages name it."""
        return f"model '{self.name}' version {self.version}"


def resolve(tracking_uri: str, cache: Path, name: str, *, alias: str | None, version: int | None) -> RegisteredModel:
    """The version that an alias or a number means right now, downloaded unless the cache has it.

    Raises:
        ModelError: the registry cannot be reached, or has no such model, alias or version.
    """
    found = _looked_up(tracking_uri, name, alias, version)
    folder = _downloaded(tracking_uri, cache, found)
    artifact = read_artifact(folder, f"model '{name}' version {found.version}")
    return RegisteredModel(name, found.version, alias, digest_of(folder), artifact)


def metrics_of(tracking_uri: str, name: str, version: int) -> dict[str, float]:
    """The metrics of the MLflow run that logged a version; none where they cannot be had."""
    try:
        found = _looked_up(tracking_uri, name, None, version)
        if not found.run_id:
            return {}
        metrics = find_metrics(tracking_uri, found.run_id)
        return dict(client(tracking_uri).get_run(found.run_id).data.metrics) if metrics is None else metrics
    except Exception:  # whatever the store's driver raises: metrics are shown where they can be had
        return {}


def digest_of(folder: Path) -> str:
    """SHA-256 over the relative path and the content of every file of a folder, in the order of the paths."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(file.read_bytes()).digest()
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + content)
    return digest.hexdigest()


@lru_cache(maxsize=8)
def client(tracking_uri: str) -> MlflowClient:
    """A client of the registry that gives up within seconds, not minutes, where nothing answers."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", MOST_RETRIES)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", TIMEOUT_SECONDS)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # it would run into a run's own progress
    import mlflow

    return mlflow.MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


def _looked_up(tracking_uri: str, name: str, alias: str | None, version: int | None) -> FoundVersion:
    found = find_version(tracking_uri, name, alias=alias, version=version)
    return found or _looked_up_by_client(tracking_uri, name, alias, version)


def _looked_up_by_client(tracking_uri: str, name: str, alias: str | None, version: int | None) -> FoundVersion:
    from mlflow.exceptions import MlflowException

    try:
        registry = client(tracking_uri)
        if alias is not None:
            found = registry.get_model_version_by_alias(name, alias)
        else:
            found = registry.get_model_version(name, str(version))
        created = int(found.creation_timestamp or 0)
        return FoundVersion(name, int(found.version), created, found.source or "", found.run_id or "")
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise _unreachable(tracking_uri, error) from error
        wanted = f"alias '{alias}'" if alias is not None else f"version {version}"
        raise UnknownModelError(
            f"the registry has no model '{name}' with {wanted}", expected=wanted, remedy=_advice(tracking_uri, name)
        ) from error
    except Exception as error:  # the store's driver raises its own kinds: no file, no route, no permission
        raise _unreachable(tracking_uri, error) from error


def _unreachable(tracking_uri: str, error: Exception) -> ModelError:
    return ModelError(
        "the model registry does not answer",
        expected=f"an MLflow registry at {_without_password(tracking_uri, tracking_uri)}",
        found=_without_password(str(error).splitlines()[0], tracking_uri) if str(error) else type(error).__name__,
        remedy="check MLFLOW_TRACKING_URI, and that the registry is running",
    )


def _advice(tracking_uri: str, name: str) -> str:
    registry = client(tracking_uri)
    names = [model.name for model in registry.search_registered_models(max_results=100)]
    if name not in names:
        return did_you_mean(name, names)
    aliases = ", ".join(
        f"{alias} (version {number})" for alias, number in registry.get_registered_model(name).aliases.items()
    )
    return f"set an alias or a version that the model has; aliases: {aliases or 'none'}"


def _downloaded(tracking_uri: str, cache: Path, found: FoundVersion) -> Path:
    """The version's folder in the cache; put there whole or not at all, so that two runs may do so at once."""
    identity = "|".join([tracking_uri, found.name, str(found.version), str(found.created), found.source])
    folder = cache / "models" / hashlib.sha256(identity.encode()).hexdigest()[:32]
    if folder.is_dir():
        return folder
    import mlflow
    from mlflow.artifacts import download_artifacts

    # MLflow looks `models:/…` up in the process's own registry, else in a new database in the current folder.
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix="part-", dir=folder.parent))
    try:
        downloaded = download_artifacts(
            f"models:/{found.name}/{found.version}", dst_path=str(part / "files"), tracking_uri=tracking_uri
        )
        if not (Path(downloaded) / "MLmodel").is_file():  # MLflow silently downloads nothing where nothing is
            raise FileNotFoundError(f"no MLmodel file at {found.source}")
        Path(downloaded).rename(folder)
    except Exception as error:
        if not folder.is_dir():
            raise ModelError(
                f"the files of model '{found.name}' version {found.version} cannot be downloaded",
                expected=f"its artifacts at {found.source}",
                found=_without_password(str(error), tracking_uri),
                remedy="see that the artifact store is reachable and the version was not deleted",
            ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _without_password(text: str, uri: str) -> str:
    """The text without the user and the password that the registry's address holds."""
    user, at, _ = uri.partition("://")[2].rpartition("@")
    return text.replace(f"{user}@", "…@") if at else text
