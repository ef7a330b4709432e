"""Ask: which runs there were, what they predicted and refused, why, and whether it comes out the same again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lakescore.opening import Day, day_of, layout_of, session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakescore.opening import Spark
    from pipelines.config import Project
    from pipelines.provenance.explaining import Answer
    from pipelines.provenance.reproducing import Replay
    from pipelines.quality.quarantine import RefusedRow
    from pipelines.tables.ledger import Entry
    from pipelines.tables.quarantine import RefusedBy

EVER = (dt.date.min, dt.date.max)


def runs(project: Project, pipeline: str | None = None, *, run_id: str | None = None) -> list[Entry]:
    """The ledger's last word on runs, oldest first; starts no Spark.

    Args:
        project: as `open_project` gives it.
        pipeline: only this one's.
        run_id: only this run.
    """
    from pipelines.resolution.layout import ledger_of

    return ledger_of(project).latest(pipeline=pipeline, run_id=run_id)


def predictions(
    project: Project, pipeline: str, first: Day | None = None, last: Day | None = None, *, spark: Spark = None
) -> DataFrame:
    """The published predictions of a period: key, outputs, and the run and model version that made them.

    Args:
        project: as `open_project` gives it.
        pipeline: its name.
        first: the first day; all by default.
        last: the last day; by default `first` alone.
        spark: the session, or a function that gives it; by default one as the environment configures it.
    """
    from pyspark.sql import functions as F

    given = session(project, spark)
    configured, layout = layout_of(project, pipeline, given)
    begin, end = _period(first, last)
    rows = given().read.format("delta").load(layout.predictions)
    return rows.where((F.col("model_name") == configured.model.name) & F.col("score_date").between(begin, end))


def quarantine(
    project: Project,
    pipeline: str,
    first: Day | None = None,
    last: Day | None = None,
    *,
    rule: str | None = None,
    run_id: str | None = None,
    most: int = 20,
    spark: Spark = None,
) -> tuple[list[RefusedRow], int]:
    """Refused rows with their reasons: of the published slices, or of one run whether or not it was published.

    Args:
        project: as `open_project` gives it.
        pipeline: its name.
        first: the first day; all by default.
        last: the last day; by default `first` alone.
        rule: only rows that this rule refused.
        run_id: the run; by default each slice's published one.
        most: how many rows are returned.
        spark: the session, or a function that gives it; only tables with names need one.

    Returns:
        The rows, and how many there are in all.

    Raises:
        UsageError: no row was refused by that rule, while others were; or there is no such run.
    """
    from pipelines.quality.quarantine import refused_rows

    configured, layout = layout_of(project, pipeline, spark)
    begin, end = _period(first, last)
    return refused_rows(layout, configured.model.name, begin, end, rule=rule, run_id=run_id, most=most)


def count_refused(
    project: Project, pipeline: str, first: Day | None = None, last: Day | None = None, *, spark: Spark = None
) -> list[RefusedBy]:
    """The refused rows of published slices, counted by day and rule; a row with two reasons counts for both.

    Args:
        project: as `open_project` gives it.
        pipeline: its name.
        first: the first day; all by default.
        last: the last day; by default `first` alone.
        spark: the session, or a function that gives it; only tables with names need one.
    """
    from pipelines.quality.quarantine import count_reasons

    configured, layout = layout_of(project, pipeline, spark)
    return count_reasons(layout, configured.model.name, *_period(first, last))


def why(
    project: Project,
    pipeline: str,
    key: Mapping[str, object] | Sequence[str],
    date: Day | None = None,
    *,
    spark: Spark = None,
    quick: bool = False,
) -> Answer:
    """Why a row has its prediction, or none: run, model, inputs, features, and what each of them added.

    Args:
        project: as `open_project` gives it.
        pipeline: its name.
        key: the row's key by the names of its columns; whatever else a row of predictions has is left aside, but for
            its `score_date`. Or words, as the command line takes them.
        date: the slice; by default that of the row, or else the newest with that key.
        spark: the session, or a function that gives it; it is asked for once needed.
        quick: only what the tables tell; starts no Spark, unless a catalog names them.

    Raises:
        UsageError: the key is not one.
        PipelineError: the pipeline or its tables are wrong.
    """
    from pipelines.config import load_pipeline
    from pipelines.provenance.explaining import why as explain
    from pipelines.provenance.row_key import words_of

    if isinstance(key, Mapping):
        names = load_pipeline(project, pipeline).key
        if date is None and "score_date" not in names:
            date = key.get("score_date")  # type: ignore[assignment]  # a row of predictions has a date there
        key = words_of(key, names)
    day = None if date is None else day_of(date)
    return explain(session(project, spark), project, pipeline, key, day, quick=quick)


def replay_run(project: Project, run_id: str, *, sample: int | None = None, spark: Spark = None) -> Replay:
    """Score a run again from its manifest, and compare each prediction with what it published.

    Args:
        project: as `open_project` gives it.
        run_id: a run that was published.
        sample: compare so many of its rows only.
        spark: the session, or a function that gives it; by default one as the environment configures it.

    Raises:
        UsageError: there is no such run, or it published nothing.
        PipelineError: scoring failed.
    """
    from pipelines.provenance.reproducing import replay

    return replay(session(project, spark)(), project, run_id, sample=sample)


def _period(first: Day | None, last: Day | None) -> tuple[dt.date, dt.date]:
    begin = EVER[0] if first is None else day_of(first)
    return begin, day_of(last) if last is not None else EVER[1] if first is None else begin
