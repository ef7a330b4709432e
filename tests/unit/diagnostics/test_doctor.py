"""The doctor: what it finds in order, and what it says of what is not. Without Spark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from pipelines.config import Project
from pipelines.diagnostics import doctor, machine
from pipelines.diagnostics.doctor import diagnose
from pipelines.diagnostics.finding import Finding, ok
from pipelines.errors import SetupError, TableError
from pipelines.resolution.versions import installed
from unit.slices_without_scoring import Planned


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


IN_CATALOG: dict[str, Any] = {
    "source": {"tables": {"customers": {"table": "shop.customers", "slice": {"column": "day"}}}},
    "output": {"predictions": {"table": "shop.predictions"}, "quarantine": {"table": "shop.quarantine"}},
}


def test_a_spark_that_does_not_start_leaves_out_only_what_needs_it(planned: Planned) -> None:
    planned.configure(**IN_CATALOG)
    asked = []

    def broken() -> Any:
        asked.append("session")
        raise SetupError("Java ended before Spark was there", found="no heap", remedy="mend 'spark'")

    found = {finding.what: finding for finding in diagnose(planned.project, ["churn"], broken)}
    assert asked == ["session"]
    assert found["Spark"] == Finding(
        "Spark", "problem", "Java ended before Spark was there; found: no heap", "mend 'spark'"
    )
    assert found["churn: model"].status == "ok"
    for what in ("churn: tables", "churn: input customers"):
        assert found[what] == Finding(
            what, "warning", "named in a catalog, which was not asked", "mend Spark, then look again"
        )


@pytest.mark.parametrize("named", ["source", "output"])
def test_without_spark_what_is_in_folders_is_looked_at(planned: Planned, named: str) -> None:
    planned.configure(**{named: IN_CATALOG[named]})
    found = findings(planned.project, "churn")
    tables = ["churn: tables"] if named == "output" else ["churn: predictions", "churn: quarantine", "churn: runs"]
    expected = ["warning"] if named == "output" else ["ok"] * 3
    assert [found[what].status for what in tables] == expected
    assert found["churn: input customers"].status == ("warning" if named == "source" else "ok")
    told = [finding.remedy for finding in found.values() if finding.found == "named in a catalog, which was not asked"]
    assert told == ["look with Spark: leave out --offline"]


@pytest.fixture
def with_spark(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """A session that answers, and of which nothing else is asked."""
    monkeypatch.setattr(doctor, "spark_finding", lambda session: ok("Spark", "answers"))
    return object


def test_an_input_that_a_catalog_lacks_is_told_in_one_line(
    planned: Planned, with_spark: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planned.configure(source=IN_CATALOG["source"])

    def lacking(*of: Any) -> str:
        raise TableError(
            "the catalog has no Delta table 'shop.customers'",
            expected="an existing table",
            found="no schema shop",
            remedy="mend its name",
        )

    monkeypatch.setattr(doctor, "source_location", lacking)
    found = {finding.what: finding for finding in diagnose(planned.project, ["churn"], with_spark)}
    assert found["churn: input customers"] == Finding(
        "churn: input customers",
        "problem",
        "the catalog has no Delta table 'shop.customers'; found: no schema shop",
        "mend its name",
    )


def test_a_catalog_that_does_not_answer_is_told_and_the_doctor_goes_on(
    planned: Planned, with_spark: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*of: Any) -> Any:
        raise ConnectionError("no metastore\nat all")

    monkeypatch.setattr(doctor, "require_tables", silent)
    found = {finding.what: finding for finding in diagnose(planned.project, ["churn"], with_spark)}
    assert (found["churn: tables"].status, found["churn: tables"].found) == ("problem", "ConnectionError: no metastore")
    assert found["churn: input customers"].status == "ok"
