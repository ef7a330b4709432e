"""What the reports show of a run and of a pipeline: gathered from ledger and tables, without Spark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from zoneinfo import ZoneInfo

from deltalake import DeltaTable
from pyspark.sql import SparkSession

from pipelines.config import Pipeline, Project, load_pipeline
from pipelines.config.calendar import EVERY_DAY
from pipelines.errors import UsageError
from pipelines.quality.quarantine import RefusedRow, some_rows
from pipelines.reports.calendar import Calendar
from pipelines.reports.distributions import Histogram, Rows, ValueCounts, histogram, value_counts
from pipelines.reports.staged_values import StagedRows
from pipelines.resolution.layout import Layout, ledger_of, outputs_in_catalog
from pipelines.resolution.manifest import Manifest, manifest_of
from pipelines.runs.history import published_slices
from pipelines.runs.tables import require_tables
from pipelines.tables import stages
from pipelines.tables.ledger import Entry, last_words
from pipelines.tables.locations import for_delta_rs
from pipelines.tables.quarantine import Refused
from pipelines.tables.reading import columns_of
from pipelines.validation.verdict import CheckResult, Verdict

SLICES = 30
"""The newest slices that a report looks at."""
EXAMPLES = 3
MOST_REFUSED = 2000
"""Refused rows among which examples of each rule are looked for, before each rule's own; no more are in memory."""

Distribution = Histogram | ValueCounts
_NUMBERS = ("int", "bigint", "float", "double")


@dataclass(frozen=True)
class PipelineFacts:
    """A pipeline over its newest slices.

    Args:
        pipeline: its configuration.
        slices: the published run of each slice, oldest first.
        attempts: the last word on every run of those dates and later ones, oldest first.
        outputs: how each output is spread, by run.
        lacking: the outputs that the predictions table does not have yet.
        tables: where predictions and quarantine are.
        today: the date now, in the pipeline's time zone.
    """

    pipeline: Pipeline
    slices: tuple[Entry, ...]
    attempts: tuple[Entry, ...]
    outputs: Mapping[str, Distribution]
    lacking: tuple[str, ...]
    tables: Mapping[str, str]
    today: dt.date

    @property
    def calendar(self) -> Calendar | None:
        """The days that are configured to have a slice; None where every one is, and their rhythm tells more."""
        return None if self.pipeline.days == EVERY_DAY else Calendar(self.pipeline.has_slice)


@dataclass(frozen=True)
class RunFacts:
    """One run, beside the slices before it.

    Args:
        entry: the ledger's last word on it.
        manifest: what fixed its result; None where a repair entered it.
        checks: what each check found.
        examples: by rule, some of the rows that it refused; personal columns masked.
        around: the pipeline's slices up to this one.
        standing: the run that is the slice now, if any is.
        rows_from: where its predictions are: among the published, on its stage, or nowhere any more.
    """

    entry: Entry
    manifest: Manifest | None
    checks: tuple[CheckResult, ...]
    examples: Mapping[str, Sequence[RefusedRow]]
    around: PipelineFacts
    standing: Entry | None
    rows_from: Literal["published", "stage", "nowhere"]

    @property
    def stands(self) -> bool:
        """Whether its rows are the slice now."""
        return self.standing is not None and self.standing.run_id == self.entry.run_id

    @property
    def before(self) -> tuple[Entry, ...]:
        """The slices of earlier dates, oldest first."""
        return tuple(entry for entry in self.around.slices if entry.score_date < self.entry.score_date)


def pipeline_facts(session: Callable[[], SparkSession], project: Project, name: str) -> PipelineFacts:
    """A pipeline's newest slices.

    Args:
        session: gives the Spark session, which only tables with names need.
        project: the configuration.
        name: the pipeline's.

    Raises:
        PipelineError: there is no such pipeline, or its tables are missing.
    """
    pipeline = load_pipeline(project, name)
    return _around(pipeline, _layout(session, project, pipeline))


def run_facts(session: Callable[[], SparkSession], project: Project, run_id: str) -> RunFacts:
    """One run, beside the slices before it.

    Raises:
        UsageError: the ledger has no such run, or its pipeline is gone.
        PipelineError: its pipeline or tables are wrong.
    """
    (entry,) = last_words(ledger_of(project).of_run(run_id))
    pipeline = load_pipeline(project, entry.pipeline)
    if entry.model_name != pipeline.model.name:
        raise UsageError(
            f"run '{run_id}' is of another model than the pipeline's now",
            expected=pipeline.model.name,
            found=entry.model_name,
        )
    layout = _layout(session, project, pipeline)
    staged = _staged(layout, run_id)
    around = _around(pipeline, layout, entry.score_date, staged)
    standing = next((found for found in around.slices if found.score_date == entry.score_date), None)
    stands = standing is not None and standing.run_id == run_id
    checks = Verdict.from_json(entry.verdict).results
    return RunFacts(
        entry=entry,
        manifest=manifest_of(entry),
        checks=checks,
        examples=_examples(layout, entry, checks),
        around=around,
        standing=standing,
        rows_from="published" if stands else "stage" if staged is not None else "nowhere",
    )


def _layout(session: Callable[[], SparkSession], project: Project, pipeline: Pipeline) -> Layout:
    return require_tables(session() if outputs_in_catalog(pipeline) else None, project, pipeline)


def _around(
    pipeline: Pipeline, layout: Layout, last: dt.date | None = None, staged: StagedRows | None = None
) -> PipelineFacts:
    """The newest slices, up to a date where one is given, and how outputs are spread there and on a stage."""
    history = [
        entry
        for entry in layout.ledger.history(pipeline=pipeline.name)
        if entry.model_name == pipeline.model.name and (last is None or entry.score_date <= last)
    ]
    newest = dict(list(published_slices(history).items())[:SLICES])
    whole = {entry.run_id: entry for entry in last_words(history)}
    slices = tuple(whole[entry.run_id] for _, entry in sorted(newest.items()))
    first = slices[0].score_date if slices else dt.date.min
    attempts = tuple(entry for entry in whole.values() if entry.score_date >= first)
    has = columns_of(DeltaTable(for_delta_rs(layout.predictions)))
    usual = tuple(entry.run_id for entry in slices if last is None or entry.score_date < last)
    dates = [entry.score_date for entry in slices] or [dt.date.max]
    runs = tuple(entry.run_id for entry in slices)
    rows = Rows(layout.predictions, pipeline.model.name, min(dates), max(dates), runs, usual, staged)
    return PipelineFacts(
        pipeline=pipeline,
        slices=slices,
        attempts=attempts,
        outputs=_outputs(rows, {name: output.type for name, output in pipeline.outputs.items() if name in has}),
        lacking=tuple(name for name in pipeline.outputs if name not in has),
        tables=layout.outputs(),
        today=dt.datetime.now(ZoneInfo(pipeline.timezone)).date(),
    )


def _staged(layout: Layout, run_id: str) -> StagedRows | None:
    """The rows of a run that were staged whole and not removed since."""
    stage = stages.at(layout.stages, run_id)
    return StagedRows(run_id, stage.rows) if stage.is_complete() else None


def _examples(layout: Layout, entry: Entry, checks: Sequence[CheckResult]) -> dict[str, list[RefusedRow]]:
    """Some rows that each rule refused; of a rule that refused few among very many, too."""
    refused = Refused(layout.quarantine, entry.score_date, entry.score_date, {entry.run_id})
    found: dict[str, list[RefusedRow]] = {}
    for row in some_rows(refused, MOST_REFUSED):
        for reason in row.reasons:
            several = found.setdefault(reason.rule, [])
            if len(several) < EXAMPLES:
                several.append(row)
    for check in checks:
        if check.action == "quarantine" and check.unexpected_count and check.check_id not in found:
            found[check.check_id] = some_rows(replace(refused, rule=check.check_id), EXAMPLES)
    return found


def _outputs(rows: Rows, types: Mapping[str, str]) -> dict[str, Distribution]:
    """How outputs are spread, by their names and types."""
    found: dict[str, Distribution] = {}
    for name, kind in types.items() if rows.all_runs else ():
        if kind in _NUMBERS:
            found[name] = histogram(rows, name)
        elif kind in ("string", "boolean"):
            found[name] = value_counts(rows, name)
    return found
