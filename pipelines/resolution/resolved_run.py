"""Everything that fixes a run, looked up once at its start."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from pipelines.config import Project
from pipelines.config.models import Environment, Model
from pipelines.errors import PipelineError
from pipelines.inputs.contract import broken_contract
from pipelines.inputs.pinning import PinnedSource, open_sources
from pipelines.inputs.reading import read_slice
from pipelines.models.registry import RegisteredModel, resolve
from pipelines.models.safety import require_safe
from pipelines.resolution.definition import Definition
from pipelines.resolution.layout import Layout
from pipelines.resolution.manifest import Manifest, build_manifest
from pipelines.resolution.preparation import prepare
from pipelines.tables.fingerprints import Known
from pipelines.tables.slices import Slice


@dataclass(frozen=True)
class Resolved:
    """A run's manifest, and the objects that it was made of."""

    definition: Definition
    layout: Layout
    slice: Slice
    model: RegisteredModel
    manifest: Manifest
    sources: tuple[PinnedSource, ...]
    environment: Environment
    spark: SparkSession = field(repr=False)

    @property
    def run_id(self) -> str:
        return self.manifest.run_id

    @cached_property
    def frame(self) -> DataFrame:
        """The slice's rows, made of the sources as they are pinned.

        Raises:
            SourceError: a column is missing or no date, or the query cannot be analyzed.
        """
        definition = self.definition
        return read_slice(self.spark, definition.pipeline, definition.query, self.sources, self.slice.score_date)


def resolve_run(
    spark: SparkSession,
    project: Project,
    layout: Layout,
    definition: Definition,
    slice_: Slice,
    model: RegisteredModel,
    fence: int,
    known: Mapping[str, Known],
) -> Resolved:
    """Look up, once, everything that fixes a run's result; see `resolve_runs`."""
    (run,) = resolve_runs(spark, project, layout, definition, model, [(slice_, fence, known)])
    return run


def resolve_runs(
    spark: SparkSession,
    project: Project,
    layout: Layout,
    definition: Definition,
    model: RegisteredModel,
    wanted: Sequence[tuple[Slice, int, Mapping[str, Known]]],
) -> list[Resolved]:
    """Look up, once for all, everything that fixes the results of runs.

    Args:
        spark: the session.
        project: the configuration.
        layout: where the pipeline's tables are.
        definition: the pipeline and its texts.
        model: what scores.
        wanted: of each run, what is to be scored; the attempt's number, taken before anything is pinned, so that a
            later attempt sees no older input; and what the slice's published run found of the sources.

    Raises:
        PipelineError: a source is missing, or is not what the configuration says of it.
    """
    pipeline = definition.pipeline
    opened = open_sources(lambda: spark, project, pipeline)
    runs = []
    for slice_, fence, known in wanted:
        sources = [source.pinned(slice_.score_date, known.get(source.name)) for source in opened]
        manifest = build_manifest(
            pipeline,
            slice_.score_date,
            fence,
            sources,
            model,
            definition.query,
            definition.checks.suite,
            definition.feature_source,
        )
        environment = project.environment
        runs.append(Resolved(definition, layout, slice_, model, manifest, tuple(sources), environment, spark))
    # All are of the same versions: what is wrong with the columns of one is wrong with those of all.
    first = runs[0]
    require_contract(spark, definition, model, first.sources, first.slice.score_date)
    _ = first.frame
    return runs


def require_contract(
    spark: SparkSession,
    definition: Definition,
    model: RegisteredModel,
    sources: Sequence[PinnedSource],
    score_date: dt.date,
) -> None:
    """Check every source that declares its columns, before a query over them is analyzed.

    Args:
        spark: the session.
        definition: the pipeline and its texts.
        model: what scores.
        sources: as pinned.
        score_date: any day.

    Raises:
        SourceError: with all differences, and what else is wrong because of them.
        ConfigurationError: a declared type is no SQL type.
    """
    broken = broken_contract(spark, definition.pipeline, sources)
    if broken is None:
        return
    try:
        prepare(definition, model, read_slice(spark, definition.pipeline, definition.query, sources, score_date))
    except PipelineError as error:
        raise broken.error(error.problem) from None
    raise broken.error()


def look_up(project: Project, model: Model) -> RegisteredModel:
    """The registered model that a configuration means now, once its files may be loaded.

    Raises:
        ModelError: there is none, loading it would run code that the configuration does not allow, or it is too large.
    """
    environment = project.environment
    registered = resolve(
        environment.tracking_uri, Path(environment.cache), model.name, alias=model.alias, version=model.version
    )
    require_safe(
        registered.artifact,
        registered.label,
        allow_pickle=model.allow_pickle,
        allow_code=model.allow_code,
        trusted_types=model.trusted_types,
        most_bytes=environment.largest_model_mb * 1024**2,
        findings=Path(environment.cache) / "findings" / registered.digest,
    )
    return registered
