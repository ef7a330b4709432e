"""Checks pipelines before a row is read: their files, and what sources, suite and model say of each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyspark.sql import SparkSession

from pipelines.config import Pipeline, Project, load_pipeline, pipeline_names
from pipelines.config.places import table_names
from pipelines.errors import ConfigurationError, PipelineError
from pipelines.inputs.pinning import ANY_DAY, pin_sources
from pipelines.inputs.reading import read_slice
from pipelines.models.registry import RegisteredModel
from pipelines.resolution.definition import Definition, define
from pipelines.resolution.preparation import prepare
from pipelines.resolution.resolved_run import look_up, require_contract


@dataclass(frozen=True)
class Report:
    """What a check found of a pipeline that is in order.

    Args:
        pipeline: its name.
        rules: expectations that judge rows in the one pass.
        gates: expectations that judge the batch, in the same pass or by its columns.
        on_stage: the ids of those that speak of the slice as a whole: judged on the stage, of few columns.
        by_engine: why Great Expectations' engine computes some, by their ids; each reads the slice again.
        model: what the alias or version means now; None where the registry was not asked.
        unjudged: casts within features that may change a value and that no rule can judge, by feature.
    """

    pipeline: str
    rules: int
    gates: int
    on_stage: tuple[str, ...]
    by_engine: dict[str, str]
    model: str | None
    unjudged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def check_pipeline(project: Project, name: str, session: Callable[[], SparkSession] | None = None) -> Report:
    """Check a pipeline's files and, with a session, all else that a run would before it reads a row.

    Args:
        project: the configuration.
        name: the pipeline's.
        session: gives the Spark session, once the files are in order; None to look at files only.

    Raises:
        PipelineError: with the first thing that is wrong.
    """
    definition = define(project, name)
    _require_own_tables(project, definition.pipeline)
    model, unjudged = (None, {}) if session is None else _checked_with_sources(session(), project, definition)
    checks = definition.checks
    return Report(
        pipeline=name,
        rules=len(checks.rules),
        gates=len(checks.pass_gates) + len(checks.schema_gates),
        on_stage=checks.on_stage,
        by_engine=checks.by_engine,
        model=None if model is None else f"{model.name} version {model.version}",
        unjudged=unjudged,
    )


def _checked_with_sources(
    spark: SparkSession, project: Project, definition: Definition
) -> tuple[RegisteredModel, Mapping[str, tuple[str, ...]]]:
    pipeline = definition.pipeline
    model = look_up(project, pipeline.model)
    sources = pin_sources(spark, project, pipeline, ANY_DAY, {})

    require_contract(spark, definition, model, sources, ANY_DAY)
    frame = read_slice(spark, pipeline, definition.query, sources, ANY_DAY)
    return model, prepare(definition, model, frame).unjudged


def _require_own_tables(project: Project, pipeline: Pipeline) -> None:
    """Two pipelines that share a table would replace each other's slices."""
    own = set(table_names(pipeline).values())
    for name in pipeline_names(project):
        try:
            other = load_pipeline(project, name)
        except PipelineError:
            continue  # it is reported when that one is checked
        shared = own & set(table_names(other).values())
        if name != pipeline.name and shared:
            places = ", ".join(str(table.path or table.table) for table in shared)
            raise ConfigurationError(
                f"pipelines '{pipeline.name}' and '{name}' would write to the same table",
                expected="tables of its own for each pipeline",
                found=places,
                remedy="give one of them another 'output'",
            )
