"""The parts of a published run, had again from its manifest: its configuration, its inputs as they were, its model."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyspark.sql import SparkSession

from pipelines.config import Pipeline, Project
from pipelines.errors import ConfigurationError, ModelError, SourceError
from pipelines.inputs.pinning import PinnedSource, files_at, reach
from pipelines.inputs.spark_errors import first_line
from pipelines.models.registry import RegisteredModel
from pipelines.resolution.definition import Definition, recorded
from pipelines.resolution.manifest import Manifest, ManifestModel, ManifestSource
from pipelines.resolution.resolved_run import look_up
from pipelines.tables.fingerprints import Pinned
from pipelines.tables.locations import for_delta_rs


@dataclass(frozen=True)
class Rebuilt:
    """A run's parts, all of them as they were.

    Args:
        definition: the recorded configuration with its texts.
        sources: at their versions.
        model: of the same digest.
    """

    definition: Definition
    sources: tuple[PinnedSource, ...]
    model: RegisteredModel


def rebuild(spark: SparkSession, project: Project, manifest: Manifest, run_id: str) -> Rebuilt | tuple[str, ...]:
    """The parts of a run, or else what of them can no longer be had.

    Args:
        spark: the session.
        project: where the registry and the feature functions are.
        manifest: the run's, as the ledger holds it.
        run_id: the run's, for messages.
    """
    try:
        definition = recorded(project, manifest.configuration, run_id)
    except ConfigurationError as error:
        return (error.brief,)
    sources, gone = _sources(spark, project, definition.pipeline, manifest)
    model, missing = _model(project, definition.pipeline, manifest.model)
    if model is None or gone:
        return (*gone, *missing)
    return Rebuilt(definition, tuple(sources), model)


def _sources(
    spark: SparkSession, project: Project, pipeline: Pipeline, manifest: Manifest
) -> tuple[list[PinnedSource], list[str]]:
    """The sources as they were, and those that can no longer be had."""
    sources, gone = [], []
    for source in manifest.sources:
        name, location, version = source.name, source.location, source.version
        pinned = Pinned(version=version, fingerprint=source.fingerprint, rows=None)
        sources.append(PinnedSource(name, location, source.format, pinned))
        try:
            if version is not None:
                DeltaTable(for_delta_rs(location), version=version)
            elif _fingerprint(spark, project, pipeline, source, manifest.score_date) != source.fingerprint:
                gone.append(f"source '{name}': its files at {location} were changed since, and have no versions")
        except (DeltaError, SourceError) as error:
            gone.append(f"source '{name}', version {version} of {location}: {first_line(error)}")
    return sources, gone


def _fingerprint(
    spark: SparkSession, project: Project, pipeline: Pipeline, source: ManifestSource, score_date: str
) -> str:
    """That of a folder of files now."""
    configured = pipeline.source.tables[source.name]
    files = files_at(source.location, lambda: spark, project, source.name, configured, pipeline.timezone)
    return files.pin(reach(configured.slice, dt.date.fromisoformat(score_date), pipeline.timezone)).fingerprint


def _model(
    project: Project, pipeline: Pipeline, recorded_model: ManifestModel
) -> tuple[RegisteredModel | None, list[str]]:
    assert recorded_model.version is not None  # noqa: S101 - a manifest names the version that scored
    try:
        model = look_up(project, pipeline.model.with_version(recorded_model.version))
    except ModelError as error:
        return None, [error.brief]
    if model.digest != recorded_model.digest:
        return None, [
            f"{model.label}: its files have the digest {model.digest[:12]}, then {recorded_model.digest[:12]}"
        ]
    return model, []
