"""Checks pipelines without starting Spark: all that their files, the registry and the tables' logs can tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.config import FeatureFunction, Pipeline, Project, load_pipeline, pipeline_names
from pipelines.errors import ConfigurationError, ModelError, PipelineError, SourceError, did_you_mean
from pipelines.models.registry import RegisteredModel, resolve
from pipelines.models.signature import model_inputs
from pipelines.runs.definition import define
from pipelines.runs.layout import table_names
from pipelines.tables.commit_log import latest_version
from pipelines.tables.locations import below


@dataclass(frozen=True)
class Report:
    """What a check found of a pipeline that is in order.

    Args:
        pipeline: its name.
        rules: expectations that judge rows in the one pass.
        gates: expectations that judge the batch, in the same pass.
        by_engine: the ids of those that Great Expectations' engine computes, each in passes of its own.
        model: what the alias or version means now; None where the registry was not asked.
    """

    pipeline: str
    rules: int
    gates: int
    by_engine: tuple[str, ...]
    model: str | None


def check_pipeline(project: Project, name: str, *, offline: bool = False) -> Report:
    """Check a pipeline's files, and unless `offline` its model and its Delta sources too.

    Raises:
        PipelineError: with the first thing that is wrong.
    """
    definition = define(project, name)
    _require_own_tables(project, definition.pipeline)
    checks = definition.checks
    model = None
    if not offline:
        _require_sources(project, definition.pipeline)
        model = resolve(
            project.environment.tracking_uri,
            Path(project.environment.cache),
            definition.pipeline.model.name,
            alias=definition.pipeline.model.alias,
            version=definition.pipeline.model.version,
        )
        _require_features(definition.pipeline, model)
    return Report(
        pipeline=name,
        rules=len(checks.all_rules),
        gates=len(checks.gates) + len(checks.schema_gates),
        by_engine=tuple(foreign.expectation.check_id for foreign in checks.foreign),
        model=None if model is None else f"{model.name} version {model.version}",
    )


def _require_own_tables(project: Project, pipeline: Pipeline) -> None:
    """Two pipelines that share a table would replace each other's slices."""
    own = set(table_names(pipeline).values())
    for name in pipeline_names(project):
        try:
            other = load_pipeline(project, name)
        except PipelineError:
            continue  # it is told when that one is checked
        shared = own & set(table_names(other).values())
        if name != pipeline.name and shared:
            places = ", ".join(str(table.path or table.table) for table in shared)
            raise ConfigurationError(
                f"pipelines '{pipeline.name}' and '{name}' would write to the same table",
                expected="tables of its own for each pipeline",
                found=places,
                remedy="give one of them another 'output'",
            )


def _require_sources(project: Project, pipeline: Pipeline) -> None:
    for name, source in pipeline.source.tables.items():
        if source.path is not None and source.format == "delta":
            try:
                latest_version(below(project.environment.inputs, source.path))
            except SourceError as error:
                raise SourceError(
                    f"source '{name}': {error.problem}", expected=error.expected, remedy=error.remedy
                ) from error


def _require_features(pipeline: Pipeline, model: RegisteredModel) -> None:
    label = f"model '{model.name}' version {model.version}"
    inputs = model_inputs(model.folder, label)
    if isinstance(pipeline.features, FeatureFunction):
        return
    missing = [item.name for item in inputs if item.required and item.name not in pipeline.features]
    if missing:
        raise ModelError(
            f"the features do not fit the signature of {label}",
            expected=", ".join(item.name for item in inputs),
            found="missing: " + ", ".join(missing),
            remedy="; ".join(f"{name}: {did_you_mean(name, pipeline.features)}" for name in missing),
        )
