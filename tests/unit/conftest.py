"""What the Spark-free tests share: a project of their own with a small pipeline, and one real registry."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from pipelines.config import Project, load_project
from unit.samples import PIPELINE, Registry, change_yaml, register_models

if TYPE_CHECKING:
    from unit.slices_without_scoring import Planned

Configure = Callable[..., None]

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


@pytest.fixture(scope="session", autouse=True)
def _great_expectations() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Great Expectations warns about its own dependencies
        import great_expectations.expectations  # noqa: F401


@pytest.fixture
def churn(project: Project) -> Project:
    """A project with the pipeline `churn`."""
    (project.conf / "pipelines" / "churn.yaml").write_text("{}", encoding="utf-8")
    change_yaml(project.conf / "pipelines" / "churn.yaml", lambda content: content.update(PIPELINE))
    return project


@pytest.fixture
def configure(churn: Project) -> Configure:
    """Give the pipeline a suite, of (id, type without `expect_`, arguments), and change keys of its configuration."""

    def configured(*suite: tuple[str, str, dict[str, Any]], **changes: Any) -> None:
        items = [
            {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {"check_id": name}} for name, kind, kwargs in suite
        ]
        if suite:
            changes = {"expectations": "churn.json", **changes}
            (churn.conf / "expectations" / "churn.json").write_text(json.dumps({"expectations": items}))
        change_yaml(churn.conf / "pipelines" / "churn.yaml", lambda content: content.update(changes))

    return configured


@pytest.fixture
def planned(churn: Project, configure: Configure, registry: Registry, tmp_path: Path) -> Planned:
    """A project with tables, whose slices are published without any scoring."""
    from unit.slices_without_scoring import make_planned

    return make_planned(churn, configure, registry, tmp_path)
