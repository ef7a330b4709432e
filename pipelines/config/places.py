"""Where a pipeline's tables are, as configured or by default; light, so that a DAG file may ask."""

from __future__ import annotations

from pipelines.config.models import Pipeline, Project, TableName

LEDGER = "ops/runs"
"""The ledger's folder in the warehouse."""


def table_names(pipeline: Pipeline) -> dict[str, TableName]:
    """The pipeline's output tables: as configured, else folders named after it."""
    return {
        "predictions": pipeline.output.predictions or TableName(path=f"{pipeline.name}/predictions"),
        "quarantine": pipeline.output.quarantine or TableName(path=f"{pipeline.name}/quarantine"),
    }


def in_warehouse(project: Project, path: str) -> str:
    """A folder of the warehouse."""
    return f"{project.environment.warehouse.rstrip('/')}/{path}"
