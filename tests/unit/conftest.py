"""What the Spark-free tests share: a project of their own, Delta tables made without Spark, one real registry."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from hypothesis import settings

from pipelines.config import Project, load_project
from unit.samples import Registry, register_models

settings.register_profile("lakescore", deadline=None)  # a busy machine is no fault of an example
settings.load_profile("lakescore")
VARIABLES = ("LAKESCORE_WAREHOUSE", "LAKESCORE_INPUTS", "LAKESCORE_CACHE", "MLFLOW_TRACKING_URI")


@pytest.fixture
def project(conf: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project whose configuration a test may change."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return load_project(conf, "local")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """An MLflow registry in SQLite with a handful of models."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making the models is not what is tested
        return register_models(tmp_path_factory.mktemp("registry"))
