"""Replays quarantined slices after a fix: says which rows would move, runs them, and counts the tables afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.config import Project
from pipelines.errors import PipelineError, UsageError, did_you_mean, outcome_of
from pipelines.expressions.names import column
from pipelines.inputs.periods import days_of
from pipelines.inputs.reading import count_input
from pipelines.inputs.spark_errors import reading, translated
from pipelines.passes.union_or_scan import MOST_ROWS
from pipelines.quality.quarantine import count_reasons, count_refused
from pipelines.quality.trials import Trial, moved, try_slice
from pipelines.resolution.definition import DEMANDED, Definition, define
from pipelines.resolution.layout import Layout
from pipelines.resolution.manifest import manifest_of
from pipelines.resolution.manifest_diff import changes, is_rejected_by_history, judging_of
from pipelines.resolution.preparation import prepare, with_features
from pipelines.resolution.resolved_run import Resolved, look_up, resolve_run
from pipelines.runs.recovery import Past, look_back
from pipelines.runs.results import Result
from pipelines.runs.scoring import Ended, score_days
from pipelines.runs.tables import require_tables
from pipelines.tables.ledger import Entry
from pipelines.tables.slices import Slice

WAS_REFUSED = "__was_refused"


@dataclass(frozen=True)
class Replayable:
    """A slice with refused rows, and what a replay would do to it.

    Args:
        score_date: the slice's.
        run_id: the run that refused the rows: the published one, or the last that was rejected where none is.
        refused: how many rows it refused.
        changed: what differs from that run: suite, input, model, configuration; empty where nothing does.
        released: rows that would be scored now.
        newly_refused: rows that were scored and would be refused now.
        trial: what the present suite says of the slice.
        error: why nothing can be said of it; such a slice is left alone.
    """

    score_date: dt.date
    run_id: str
    refused: int
    changed: tuple[str, ...]
    released: int = 0
    newly_refused: int = 0
    trial: Trial | None = None
    error: str = ""

    @property
    def is_stale(self) -> bool:
        """Whether a replay would run the slice."""
        return bool(self.changed)


@dataclass(frozen=True)
class Replayed:
    """A slice after its replay, counted in the tables.

    Args:
        score_date: the slice's.
        outcome: published, superseded, or how the run ended otherwise.
        run_id: the new run's, where it was published.
        rows_input: of the source.
        rows_scored: in the predictions table.
        rows_quarantined: in the quarantine table, by the published run.
        error: why it was not published.
    """

    score_date: dt.date
    outcome: str
    run_id: str = ""
    rows_input: int = 0
    rows_scored: int = 0
    rows_quarantined: int = 0
    error: str = ""

    @property
    def is_proven(self) -> bool:
        """Whether every row of the input stands in one of the two tables."""
        return self.outcome == "published" and self.rows_input == self.rows_scored + self.rows_quarantined


def plan_replay(
    spark: SparkSession, project: Project, name: str, first: dt.date, last: dt.date, rule: str | None = None
) -> Iterator[Replayable]:
    """What a replay would do to each slice of a period that has refused rows; nothing is written.

    Args:
        spark: the session.
        project: the configuration.
        name: the pipeline's.
        first: the first score date.
        last: the last score date.
        rule: only slices that have rows refused by this rule.

    Raises:
        PipelineError: the pipeline, its model or a source is wrong.
    """
    definition = define(project, name)
    layout = require_tables(spark, project, definition.pipeline)
    days = days_of(first, last)
    if rule is not None:
        _require_known(rule, layout, definition, first, last)
    for day in days:
        past = look_back(layout, name, Slice(day, definition.pipeline.model.name))
        standing = _standing(past)
        if standing is not None and (refused := count_refused(layout, day, standing.run_id, rule)):
            try:
                with translated(reading(definition.pipeline)):
                    planned = _planned(spark, project, layout, definition, past, standing, refused)
            except PipelineError as error:
                planned = Replayable(day, standing.run_id, refused, (), error=str(error))
            yield planned


def replay(spark: SparkSession, project: Project, name: str, plan: Sequence[Replayable]) -> Iterator[Replayed]:
    """Run the slices that changed, as many in a pass as share one, and count the tables afterwards.

    Args:
        spark: the session.
        project: the configuration.
        name: the pipeline's.
        plan: what `plan_replay` found.

    Yields:
        What became of each; a slice that is rejected or fails does not keep the others from being replayed.
    """
    layout = require_tables(spark, project, define(project, name).pipeline)
    for days in _passes([item for item in plan if item.is_stale]):
        ends = score_days(spark, project, name, days)
        runs = [ended.end.run_id for ended in ends if isinstance(ended.end, Result)]
        scored, refused = (_rows_of_runs(spark, table, runs) for table in (layout.predictions, layout.quarantine))
        for ended in ends:
            yield _replayed(ended, scored, refused)


def _passes(stale: Sequence[Replayable]) -> Iterator[list[dt.date]]:
    """The dates of slices that have few enough rows together."""
    days: list[dt.date] = []
    rows = 0
    for item in stale:
        rows += item.trial.rows if item.trial is not None else MOST_ROWS
        if days and rows > MOST_ROWS:
            yield days
            days, rows = [], item.trial.rows if item.trial is not None else MOST_ROWS
        days.append(item.score_date)
    if days:
        yield days


def _replayed(ended: Ended, scored: Mapping[str, int], refused: Mapping[str, int]) -> Replayed:
    day, end = ended.score_date, ended.end
    if isinstance(end, Result):
        run_id = end.run_id
        return Replayed(day, end.outcome, run_id, end.counts.input, scored.get(run_id, 0), refused.get(run_id, 0))
    error = str(end) if isinstance(end, PipelineError) else f"unexpected: {type(end).__name__}: {end}"
    return Replayed(day, "rejected" if outcome_of(end) == "rejected" else "failed", error=error)


def _rows_of_runs(spark: SparkSession, table: str, runs: Sequence[str]) -> dict[str, int]:
    """How many rows of a table each run has."""
    rows = spark.read.format("delta").load(table).where(F.col("run_id").isin(list(runs)))
    return {row["run_id"]: row["count"] for row in rows.groupBy("run_id").count().collect()}


def _require_known(rule: str, layout: Layout, definition: Definition, first: dt.date, last: dt.date) -> None:
    counted = count_reasons(layout, definition.pipeline.model.name, first, last)
    known = {count.rule for count in counted} | {known.id for known in definition.checks.all_rules}
    if rule not in known and not rule.startswith(DEMANDED):
        raise UsageError(f"there is no rule '{rule}', and none refused rows", remedy=did_you_mean(rule, known))


def _standing(past: Past) -> Entry | None:
    """The published run; where there is none, the last that was rejected, unless a later one was retracted."""
    published = past.published()
    if published is not None:
        return published
    ended = [entry for entry in past.runs if entry.state in ("rejected", "retracted", "published")]
    return ended[-1] if ended and ended[-1].state == "rejected" else None


def _planned(
    spark: SparkSession,
    project: Project,
    layout: Layout,
    definition: Definition,
    past: Past,
    standing: Entry,
    refused: int,
) -> Replayable:
    pipeline, slice_ = definition.pipeline, past.state.slice
    known = past.known_sources(pipeline)
    model = look_up(project, pipeline.model)
    resolved = resolve_run(spark, project, layout, definition, slice_, model, past.next_fence, known)
    changed = _changed(standing, resolved)
    if not changed:
        return Replayable(slice_.score_date, standing.run_id, refused, changed)
    prepared = prepare(definition, resolved.model, resolved.frame)
    rows = with_features(resolved.frame, definition, prepared)
    rows_input = count_input(spark, pipeline, resolved.sources, slice_.score_date)
    trial, refused_now = try_slice(rows, definition, prepared, resolved.frame, rows_input, layout.ledger, slice_)
    marked = _with_past(spark, rows, layout, standing, pipeline.key)
    released, newly_refused = moved(marked, F.col(WAS_REFUSED), refused_now)
    return Replayable(slice_.score_date, standing.run_id, refused, changed, released, newly_refused, trial)


def _with_past(spark: SparkSession, rows: DataFrame, layout: Layout, run: Entry, key: tuple[str, ...]) -> DataFrame:
    """The rows with whether the run refused them, found by their key."""
    refused = spark.read.format("delta").load(layout.quarantine).where(F.col("run_id") == run.run_id)
    names = [f"__key_{number}" for number in range(len(key))]
    keys = refused.select(*[column(name).alias(alias) for name, alias in zip(key, names, strict=True)]).distinct()
    keys = keys.withColumn(WAS_REFUSED, F.lit(True))
    same = [column(name).eqNullSafe(F.col(alias)) for name, alias in zip(key, names, strict=True)]
    joined = rows.join(keys, on=same, how="left")
    return joined.withColumn(WAS_REFUSED, F.coalesce(F.col(WAS_REFUSED), F.lit(False)))


def _changed(standing: Entry, resolved: Resolved) -> tuple[str, ...]:
    """What differs between a run and one that would be made now, and might let a refused row through."""
    if standing.run_key == resolved.manifest.run_key and standing.state == "published":
        return ()
    manifest = manifest_of(standing)
    if manifest is None:  # a repair entered it
        return ("configuration",)
    changed = changes(manifest, resolved.manifest)
    suite = {"expectations", "policy"}
    differs = {
        "suite": not suite.isdisjoint(changed.configuration),
        "input": bool(changed.sources),
        "model": bool(changed.model),
        "limits": bool(judging_of(standing, changed)),
        "history": standing.state == "rejected" and is_rejected_by_history(standing),
        "configuration": not suite.issuperset(changed.configuration),
    }
    return tuple(name for name, is_so in differs.items() if is_so)
