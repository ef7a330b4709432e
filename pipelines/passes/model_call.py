"""The rows of a pass on their way: tagged, measured, scored by the model, and as the stage holds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql.pandas.types import to_arrow_type

from pipelines.config import Pipeline
from pipelines.models.isolation.environment import environment_python
from pipelines.models.predictors.isolated import Isolation
from pipelines.models.predictors.outputs import WantedOutput
from pipelines.models.registry import RegisteredModel
from pipelines.models.workers.file_reader import FileColumns
from pipelines.models.workers.udf import with_outputs
from pipelines.models.workers.worker import Scoring, Workers
from pipelines.resolution.definition import Definition
from pipelines.resolution.preparation import Prepared, with_features
from pipelines.resolution.resolved_run import Resolved
from pipelines.transforms.staging import staged, tagged
from pipelines.validation.stage import stage_values


def build_environment(run: Resolved) -> None:
    """Build the model's environment where it needs one of its own: workers do too, each on its machine."""
    if run.definition.pipeline.model.environment == "isolate":  # its faults are best reported from here
        made_with = run.model.artifact
        environment_python(made_with.requirements, made_with.python_version, Path(run.environment.cache))


def staged_rows(
    marked: DataFrame,
    run: Resolved,
    prepared: Prepared,
    *,
    files: FileColumns | None = None,
    uses_native: bool = True,
    slices: int = 1,
    carried: Sequence[str] = (),
    final: Mapping[str, Column] | None = None,
) -> tuple[DataFrame, Workers]:
    """The marked rows, scored, as the stage holds them; and what the workers tell once they are written."""
    pipeline, checks = run.definition.pipeline, prepared.checks
    scoring = scoring_of(pipeline, prepared, run.model, run.environment.cache)
    scoring = replace(scoring, uses_native=uses_native, slices=slices)
    scored, workers = with_outputs(marked, scoring, prepared.types, prepared.output_types, files)
    rows = staged(
        scored,
        key=pipeline.key,
        outputs=list(pipeline.outputs),
        rules=checks.rules,
        stage_rules=checks.stage_rules,
        columns_read=prepared.columns_read,
        personal=pipeline.personal,
        values=stage_values(checks, pipeline.personal),
        keep_all=checks.refuse_on_stage,
        read_by_workers=() if files is None else files.shown,
        carried=carried,
        final=final,
    )
    return rows, workers


def scoring_of(pipeline: Pipeline, prepared: Prepared, model: RegisteredModel, cache: str) -> Scoring:
    """What the workers have to know of the model and of what is wanted of it."""
    types = {field.name: to_arrow_type(field.dataType) for field in prepared.output_types}
    wanted = [
        WantedOutput(name, output.result, types[name], output.of, output.column)
        for name, output in pipeline.outputs.items()
    ]
    return Scoring(
        model,
        tuple(wanted),
        parameters=pipeline.model.params,
        allowed_failures=pipeline.limits.model_raised_rows,
        tells_values=prepared.tells_values(pipeline),
        isolation=isolation_of(pipeline, cache) if pipeline.model.environment == "isolate" else None,
    )


def isolation_of(pipeline: Pipeline, cache: str) -> Isolation:
    """How a model is run in an environment of its own."""
    return Isolation(cache, pipeline.model.batch_timeout_seconds)


def tagged_of(
    frame: DataFrame, definition: Definition, prepared: Prepared, carried: Sequence[Column] = ()
) -> DataFrame:
    """The columns read, what else is carried, the features, and the bits of broken rules."""
    checks = prepared.checks
    return tagged(with_features(frame, definition, prepared, carried), checks.rules, checks.stage_rules)


def observing(marked: DataFrame, asked: Sequence[Column]) -> tuple[DataFrame, Callable[[], dict[str, Any]]]:
    """The rows, and what was measured of them on the way.

    Only the write of the stage may be asked for it: below a shuffle, rows of a task that ran twice count twice.
    """
    if not asked:
        return marked, dict
    observation = Observation()
    return marked.observe(observation, *asked), lambda: observation.get
