"""A project with one small pipeline, whose suite and configuration a test may change."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.config import Project
from unit.samples import PIPELINE, Registry, change_yaml

if TYPE_CHECKING:
    from unit.runs.slices_without_scoring import Planned

Configure = Callable[..., None]


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
    from unit.runs.slices_without_scoring import make_planned

    return make_planned(churn, configure, registry, tmp_path)
