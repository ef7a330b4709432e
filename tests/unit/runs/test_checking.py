"""A check says what the files alone can tell, without Spark."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import Project
from pipelines.errors import ConfigurationError, ModelError, SourceError
from pipelines.runs.checking import check_pipeline
from unit.samples import DAY_1, PIPELINE, Registry, change_yaml, land


@pytest.fixture(scope="module", autouse=True)
def _great_expectations() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Great Expectations warns about its own dependencies
        import great_expectations.expectations  # noqa: F401


def test_the_projects_own_pipeline_is_in_order(project: Project) -> None:
    report = check_pipeline(project, "flight_delays", offline=True)
    assert report.rules + report.gates + len(report.by_engine) >= 15
    assert report.model is None


def test_a_missing_file_is_found_without_registry_and_sources(project: Project) -> None:
    (project.conf / "pipelines" / "flight_delays.sql").unlink()
    with pytest.raises(ConfigurationError, match=r"source\.query: cannot be read"):
        check_pipeline(project, "flight_delays", offline=True)


@pytest.mark.parametrize(
    ("function", "expected"),
    [("nowhere:derive", "No module named 'nowhere'"), ("pipelines.errors:derive", "has no attribute 'derive'")],
)
def test_a_feature_function_that_cannot_be_loaded_is_told_so(project: Project, function: str, expected: str) -> None:
    change_yaml(
        project.conf / "pipelines" / "flight_delays.yaml",
        lambda content: content.update(features={"function": function}),
    )
    with pytest.raises(ConfigurationError, match=f"'{function}' cannot be loaded") as caught:
        check_pipeline(project, "flight_delays", offline=True)
    assert expected in (caught.value.found or "")


@pytest.fixture
def churn(project: Project, registry: Registry) -> Project:
    """A project of one small pipeline, its source landed and its model registered."""
    file = project.conf / "pipelines" / "churn.yaml"
    file.write_text("{}", encoding="utf-8")
    change_yaml(file, lambda content: content.update(PIPELINE))
    land(Path(project.environment.inputs) / "customers", {DAY_1: 1})
    return project.model_copy(
        update={"environment": project.environment.model_copy(update={"tracking_uri": registry.uri})}
    )


def test_a_check_tells_what_the_alias_means_now(churn: Project) -> None:
    assert check_pipeline(churn, "churn").model == "churn version 1"


def test_a_missing_source_is_named(churn: Project) -> None:
    place = Path(churn.environment.inputs) / "customers"
    place.rename(place.with_name("clients"))
    with pytest.raises(SourceError, match=f"source 'customers': there is no Delta table at {place}"):
        check_pipeline(churn, "churn")


def test_a_feature_that_the_model_needs_and_nobody_derives_is_named(churn: Project) -> None:
    def change(content: dict[str, Any]) -> None:
        content["features"] = {"age": "age", "spent": "spend"}

    change_yaml(churn.conf / "pipelines" / "churn.yaml", change)
    with pytest.raises(ModelError, match="do not fit the signature") as caught:
        check_pipeline(churn, "churn")
    assert "spend: did you mean 'spent'?" in str(caught.value)


def test_two_pipelines_do_not_share_a_table(project: Project) -> None:
    folder = project.conf / "pipelines"
    (folder / "other.yaml").write_text((folder / "flight_delays.yaml").read_text())
    output = {"predictions": {"path": "flight_delays/predictions"}}
    change_yaml(folder / "other.yaml", lambda content: content.update(name="other", output=output))
    for name in ("other", "flight_delays"):
        with pytest.raises(ConfigurationError, match="would write to the same table"):
            check_pipeline(project, name, offline=True)
