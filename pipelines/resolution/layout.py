"""Where a pipeline's own tables are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.config import Pipeline, Project
from pipelines.config.places import LEDGER, table_names
from pipelines.tables.ledger import Ledger
from pipelines.tables.locations import below

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Layout:
    """The locations of one pipeline's tables and stages, and the warehouse's ledger."""

    predictions: str
    quarantine: str
    stages: str
    ledger: Ledger

    def outputs(self) -> dict[str, str]:
        """Where the pipeline's two tables are."""
        return {"predictions": self.predictions, "quarantine": self.quarantine}


def ledger_of(project: Project) -> Ledger:
    """The warehouse's ledger."""
    return Ledger(below(project.environment.warehouse, LEDGER))


def outputs_in_catalog(pipeline: Pipeline) -> bool:
    """Whether any of the pipeline's own tables has such a name."""
    return any(table.table is not None for table in table_names(pipeline).values())


def locate(spark: SparkSession | None, project: Project, pipeline: Pipeline) -> Layout:
    """Where the tables are; those with names are looked up in the catalog.

    Args:
        spark: the session, which only tables with names need.
        project: the configuration.
        pipeline: whose tables.

    Raises:
        TableError: the catalog lacks one.
    """
    warehouse = project.environment.warehouse
    places = {}
    for kind, name in table_names(pipeline).items():
        if name.path is not None:
            places[kind] = below(warehouse, name.path)
        else:
            from pipelines.tables.creation import location_of

            assert spark is not None  # noqa: S101 - whoever asks for a name has a session
            places[kind] = location_of(spark, str(name.table))
    return Layout(
        places["predictions"], places["quarantine"], below(warehouse, f"{pipeline.name}/_stage"), ledger_of(project)
    )
