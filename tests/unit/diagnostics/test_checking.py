"""A check without a session says what the files alone can tell; with one, it asks for it last."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn, cast

import pytest
from pyspark.sql import SparkSession

from pipelines.config import Project
from pipelines.diagnostics.checking import check_pipeline
from pipelines.errors import ConfigurationError, ModelError, SourceError, UsageError
from unit.conftest import Configure
from unit.samples import DAY_1, Registry, change_yaml, land


def test_the_projects_own_pipeline_is_in_order(project: Project) -> None:
    report = check_pipeline(project, "flight_delays")
    assert report.rules + report.gates + len(report.on_stage) + len(report.by_engine) >= 15
    assert report.model is None


def test_a_report_tells_what_needs_more_than_the_one_pass_and_why(churn: Project, configure: Configure) -> None:
    configure(
        ("given", "column_values_to_not_be_null", {"column": "age"}),
        ("some", "table_row_count_to_be_between", {"min_value": 1}),
        ("there", "column_to_exist", {"column": "age"}),
        ("unique", "column_values_to_be_unique", {"column": "age"}),
        ("median", "column_median_to_be_between", {"column": "age", "min_value": 1}),
        ("rising", "column_values_to_be_increasing", {"column": "age"}),
    )
    report = check_pipeline(churn, "churn")
    assert (report.rules, report.gates, report.on_stage) == (1, 2, ("unique", "median"))
    assert report.by_engine == {"rising": "it depends on the order of the rows, which Spark does not keep"}


def test_an_unknown_pipeline_is_told_the_nearest_name(project: Project) -> None:
    with pytest.raises(UsageError, match="there is no pipeline 'flight_delay'"):
        check_pipeline(project, "flight_delay")


def test_a_missing_file_is_found_without_registry_and_sources(project: Project) -> None:
    (project.conf / "pipelines" / "flight_delays.sql").unlink()
    with pytest.raises(ConfigurationError, match=r"source\.query: cannot be read"):
        check_pipeline(project, "flight_delays")


def test_the_session_is_asked_for_only_once_the_files_are_in_order(project: Project) -> None:
    def started() -> NoReturn:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        check_pipeline(project, "flight_delays", started)
    (project.conf / "pipelines" / "flight_delays.sql").unlink()
    with pytest.raises(ConfigurationError):
        check_pipeline(project, "flight_delays", started)


@pytest.fixture
def served(churn: Project, registry: Registry) -> Project:
    """The same project with its source landed and its model registered."""
    land(Path(churn.environment.inputs) / "customers", {DAY_1: 1})
    return churn.model_copy(update={"environment": churn.environment.model_copy(update={"tracking_uri": registry.uri})})


def no_session() -> SparkSession:
    """In place of a session, where none is used: a registry and Delta logs are read without."""
    return cast(SparkSession, None)


def test_a_missing_source_is_named(served: Project) -> None:
    place = Path(served.environment.inputs) / "customers"
    place.rename(place.with_name("clients"))
    with pytest.raises(SourceError, match=f"source 'customers': there is no Delta table at {place}"):
        check_pipeline(served, "churn", no_session)


def test_a_missing_model_is_named(served: Project, configure: Configure) -> None:
    configure(model={"name": "churm", "version": 1})
    with pytest.raises(ModelError, match="churm"):
        check_pipeline(served, "churn", no_session)


def test_two_pipelines_do_not_share_a_table(project: Project) -> None:
    folder = project.conf / "pipelines"
    (folder / "other.yaml").write_text((folder / "flight_delays.yaml").read_text())
    output = {"predictions": {"path": "flight_delays/predictions"}}
    change_yaml(folder / "other.yaml", lambda content: content.update(name="other", output=output))
    for name in ("other", "flight_delays"):
        with pytest.raises(ConfigurationError, match="would write to the same table"):
            check_pipeline(project, name)
