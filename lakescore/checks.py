"""Judge: the configuration, past slices by a suite, and the ways in which a model can be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakescore.opening import Day, day_of, session

if TYPE_CHECKING:
    from lakescore.opening import Spark
    from pipelines.config import Project
    from pipelines.diagnostics.certifying import Certificate
    from pipelines.diagnostics.checking import Report
    from pipelines.quality.trials import DayTrial


def check(project: Project, pipeline: str, *, offline: bool = False, spark: Spark = None) -> Report:
    """Check configuration, suite, sources and model, but read no row.

    Args:
        project: as `open_project` gives it.
        pipeline: its name.
        offline: look at files only, not at registry and sources; starts no Spark.
        spark: the session, or a function that gives it; by default one as the environment configures it.

    Raises:
        PipelineError: with the first thing that is wrong.
    """
    from pipelines.diagnostics.checking import check_pipeline

    return check_pipeline(project, pipeline, None if offline else session(project, spark))


def validate(
    project: Project,
    pipeline: str,
    first: Day,
    last: Day,
    *,
    suite: str | Path | None = None,
    spark: Spark = None,
) -> Iterator[DayTrial]:
    """Judge past slices without scoring them: what a suite would quarantine or reject, day by day.

    Args:
        project: as `open_project` gives it.
        pipeline: its name.
        first: the first day.
        last: the last day.
        suite: another suite, as Great Expectations writes it, held against the present one.
        spark: the session, or a function that gives it; by default one as the environment configures it.

    Raises:
        PipelineError: the period is empty, or a suite, the model or a source is wrong.
    """
    from pipelines.quality.trials import validate_slices

    other = None if suite is None else Path(suite)
    return validate_slices(session(project, spark)(), project, pipeline, day_of(first), day_of(last), other)


def suggest(project: Project, pipeline: str, first: Day, last: Day, *, spark: Spark = None) -> Mapping[str, Any]:
    """Profile a reference period in one pass, and suggest a suite with the evidence of each expectation in `meta`.

    Args:
        project: as `open_project` gives it.
        pipeline: its name.
        first: the first day.
        last: the last day.
        spark: the session, or a function that gives it; by default one as the environment configures it.

    Returns:
        The suite, as Great Expectations writes it.

    Raises:
        PipelineError: the pipeline or a source is wrong, or the period has no row.
    """
    from pipelines.quality.suggesting import suggest as suggest_suite

    return suggest_suite(session(project, spark)(), project, pipeline, day_of(first), day_of(last))


def certify(
    project: Project, pipeline: str, date: Day, *, rows: int = 1000, isolated: bool = False, spark: Spark = None
) -> Certificate:
    """Score one sample in every way a run could, and tell how far the results are apart.

    Args:
        project: as `open_project` gives it.
        pipeline: its name.
        date: the day whose clean rows are taken.
        rows: how many of them.
        isolated: also in an environment of the model's own, which may have to be built.
        spark: the session, or a function that gives it; by default one as the environment configures it.

    Raises:
        PipelineError: pipeline, model or source are wrong, or the model raises on the sample.
    """
    from pipelines.diagnostics.certifying import certify as certify_slice

    return certify_slice(session(project, spark)(), project, pipeline, day_of(date), rows=rows, isolated=isolated)
