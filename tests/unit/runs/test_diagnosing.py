"""The doctor: what it finds in order, and what it says of what is not. Without Spark."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable

from pipelines.config import Project
from pipelines.runs import machine
from pipelines.runs.diagnosing import diagnose
from pipelines.runs.findings import Finding
from pipelines.runs.manifest import installed
from unit.runs.slices_without_scoring import Planned


def findings(project: Project, *names: str) -> dict[str, Finding]:
    return {finding.what: finding for finding in diagnose(project, names)}


def with_environment(project: Project, **changes: object) -> Project:
    return project.model_copy(update={"environment": project.environment.model_copy(update=changes)})


def test_a_project_in_order_has_no_problem(planned: Planned) -> None:
    planned.publish(planned.manifest())
    found = findings(planned.project, "churn")
    assert {finding.what for finding in found.values() if finding.status == "problem"} == set()
    assert found["churn: model"].found.endswith("version 1")
    assert found["churn: predictions"].found == "read by spark, delta-rs, polars, duckdb"
    assert "keeps its versions for 7 days" in found["churn: input customers"].found
    assert found["packages"].status == "ok"


def test_each_fault_is_told_with_its_mend(planned: Planned, bare: Project) -> None:
    found = findings(bare, "churn")
    assert found["churn: model"].status == "problem"
    assert found["churn: tables"].status == "problem"
    assert "lakescore tables create churn" in found["churn: tables"].remedy
    assert found["churn: input customers"].status == "problem"


@pytest.fixture
def bare(planned: Planned, tmp_path: Path) -> Project:
    """The project with an empty registry, no tables and no input."""
    empty = tmp_path / "elsewhere"
    return with_environment(
        planned.project, tracking_uri=f"sqlite:///{tmp_path}/empty.db", warehouse=str(empty), inputs=str(empty)
    )


def test_an_input_that_forgets_sooner_than_replays_are_promised_is_told(planned: Planned) -> None:
    planned.configure(replay_days=30)
    input_ = findings(planned.project, "churn")["churn: input customers"]
    assert input_.status == "warning"
    assert "delta.deletedFileRetentionDuration is 7 days; replay_days promises 30" in input_.found
    assert "'delta.deletedFileRetentionDuration' = 'interval 30 days'" in input_.remedy
    DeltaTable(planned.customers).alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 30 days"})
    assert findings(planned.project, "churn")["churn: input customers"].status == "ok"


def test_a_place_that_cannot_be_written_is_told(planned: Planned, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    found = findings(with_environment(planned.project, warehouse=str(file)))["warehouse"]
    assert found.status == "problem"
    assert "cannot be written" in found.found


def test_a_probe_leaves_nothing_behind(planned: Planned) -> None:
    findings(planned.project)
    assert [file for file in Path(planned.project.environment.warehouse).iterdir() if "doctor" in file.name] == []


def test_a_port_that_cannot_be_opened_is_told(planned: Planned) -> None:
    settings = {**planned.project.environment.spark, "spark.driver.bindAddress": "192.0.2.1"}  # nobody's, by RFC 5737
    found = findings(with_environment(planned.project, spark=settings))["ports"]
    assert found.status == "problem"
    assert "spark.driver.bindAddress" in found.remedy


def test_no_java_is_told(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nonexistent")
    found = findings(planned.project)["Java"]
    assert (found.status, "openjdk-17" in found.remedy) == ("problem", True)


def test_packages_that_overwrite_each_other_are_told(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_in_a_mixed_environment(name: str) -> str | None:
        return {"mlflow": None, "pyspark-client": "4.1.4"}.get(name, installed(name))

    monkeypatch.setattr(machine, "installed", as_in_a_mixed_environment)
    told = [finding.found for finding in diagnose(planned.project, []) if finding.what == "packages"]
    assert told == ["missing: mlflow", "pyspark-client is installed beside pyspark: their files overwrite each other"]


def test_a_broken_yaml_is_told_and_the_next_pipeline_looked_at(planned: Planned) -> None:
    (planned.project.conf / "pipelines" / "broken.yaml").write_text("name: [", encoding="utf-8")
    found = findings(planned.project, "broken", "churn")
    assert found["broken"].status == "problem"
    assert found["churn: model"].status == "ok"
