"""A project whose slices are published, rejected and so on without any scoring, and so without Spark."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake

from pipelines.backfills.planning import Plan, PlannedSlice, plan
from pipelines.config import Project, load_project
from pipelines.inputs.pinning import open_sources
from pipelines.resolution.definition import define
from pipelines.resolution.layout import Layout, locate
from pipelines.resolution.manifest import Manifest, build_manifest
from pipelines.resolution.resolved_run import look_up
from pipelines.tables.ledger import Entry
from unit.conftest import Configure
from unit.samples import DAY_1, DAY_2, Registry, change_yaml, land

PREDICTIONS = pa.schema(
    [("customer", pa.int64()), ("score_date", pa.date32()), ("model_name", pa.string()), ("run_id", pa.string())]
)

_REASON = pa.struct([(name, pa.string()) for name in ("rule", "column", "message")])
QUARANTINE = pa.unify_schemas([PREDICTIONS, pa.schema([("reasons", pa.list_(_REASON)), ("row", pa.string())])])


def no_session() -> NoReturn:
    raise AssertionError("a plan of tables that are folders needs no Spark")


@dataclass
class Planned:
    """A project whose slices are published, rejected and so on without any scoring."""

    project: Project
    configure: Configure

    @property
    def layout(self) -> Layout:
        return locate(None, self.project, define(self.project, "churn").pipeline)

    @property
    def customers(self) -> Path:
        return Path(self.project.environment.inputs) / "customers"

    def plan(self, first: dt.date = DAY_1, last: dt.date | None = None, **options: Any) -> Plan:
        return plan(no_session, self.project, "churn", first, last or first, **options)

    def slice(self, day: dt.date = DAY_1, **options: Any) -> PlannedSlice:
        (planned,) = self.plan(day, **options).slices
        return planned

    def manifest(self, day: dt.date = DAY_1, version: int | None = None) -> Manifest:
        """What a run would fix now."""
        definition = define(self.project, "churn")
        pipeline = definition.pipeline
        model = look_up(self.project, pipeline.model.with_version(version) if version else pipeline.model)
        sources = [source.pinned(day) for source in open_sources(no_session, self.project, pipeline)]
        query, suite, features = definition.query, definition.checks.suite, definition.feature_source
        return build_manifest(pipeline, day, 1, sources, model, query, suite, features)

    def ran(self, state: Any, manifest: Manifest, **more: Any) -> Entry:
        """Enter a run that began and came to this end."""
        day = dt.date.fromisoformat(manifest.score_date)
        begun = Entry(manifest.run_id, "churn", day, "churn", "started", run_key=manifest.run_key)
        ended = replace(begun, state=state, model_version=manifest.model.version, **more)
        begun = replace(begun, manifest=manifest.as_json())
        self.layout.ledger.append(*([begun] if state == "started" else [begun, ended]))
        return ended

    def publish(self, manifest: Manifest, *, told: bool = True) -> Entry:
        """Put a run's row into the slice in place of what is there."""
        day = manifest.score_date
        row = {
            "customer": 1,
            "score_date": dt.date.fromisoformat(day),
            "model_name": "churn",
            "run_id": manifest.run_id,
        }
        write_deltalake(
            self.layout.predictions,
            pa.Table.from_pylist([row], schema=PREDICTIONS),
            mode="overwrite",
            predicate=f"score_date = '{day}'",
            commit_properties=CommitProperties({"userMetadata": json.dumps(manifest.commit_metadata())}),
        )
        if not told:
            return Entry(manifest.run_id, "churn", row["score_date"], "churn", "published")  # type: ignore[arg-type]
        timings = json.dumps({"score": 2.0, "publish": 1.0})
        return self.ran("published", manifest, rows_input=3, rows_scored=3, rows_quarantined=0, timings=timings)


def make_planned(churn: Project, configure: Configure, registry: Registry, folder: Path) -> Planned:
    """The project with three and two rows of its first days, and empty tables."""
    places = {"warehouse": "wh", "inputs": "in", "cache": "cache"}
    change_yaml(
        churn.conf / "environments" / "local.yaml",
        lambda content: content.update(
            {name: str(folder / place) for name, place in places.items()}, tracking_uri=registry.uri
        ),
    )
    found = Planned(load_project(churn.conf, "local"), configure)
    land(found.customers, {DAY_1: 3, DAY_2: 2})
    layout = found.layout
    layout.ledger.create()
    for location, schema in ((layout.predictions, PREDICTIONS), (layout.quarantine, QUARANTINE)):
        write_deltalake(location, schema.empty_table(), partition_by=["score_date", "model_name"])
    return found
