"""What the reports show of a run and of a pipeline: gathered from ledger and tables, without Spark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import SparkSession

from pipelines.config import Pipeline, Project, load_pipeline
from pipelines.errors import UsageError
from pipelines.runs.history import published_slices
from pipelines.runs.layout import Layout, in_catalog, ledger_of
from pipelines.runs.quarantine import RefusedRow, refused_rows
from pipelines.runs.tables import require_tables
from pipelines.tables.distributions import Histogram, Published, ValueCounts, histogram, value_counts
from pipelines.tables.ledger import Entry, last_words
from pipelines.validation.verdict import CheckResult

SLICES = 30
"""The newest slices that a report looks at."""
EXAMPLES = 3
MOST_REFUSED = 2000
"""Refused rows of which reasons are shown with examples; counts are the verdict's, of all."""

Distribution = Histogram | ValueCounts
_NUMBERS = ("int", "bigint", "float", "double")


@dataclass(frozen=True)
class PipelineFacts:
    """A pipeline over its newest slices.

    Args:
        pipeline: its configuration.
        slices: the published run of each slice, oldest first.
        attempts: the last word on every run of those dates, oldest first.
        outputs: how each output is spread, by run.
        tables: where predictions and quarantine are.
    """

    pipeline: Pipeline
    slices: tuple[Entry, ...]
    attempts: tuple[Entry, ...]
    outputs: Mapping[str, Distribution]
    tables: Mapping[str, str]


@dataclass(frozen=True)
class RunFacts:
    """One run, beside the slices before it.

    Args:
        entry: the ledger's last word on it.
        states: the rows that the ledger has of it, oldest first.
        checks: what each check found.
        examples: by rule, some of the rows that it refused; personal columns masked.
        around: the pipeline's slices up to this one.
        stands: whether its rows are the slice now.
    """

    entry: Entry
    states: tuple[Entry, ...]
    checks: tuple[CheckResult, ...]
    examples: Mapping[str, Sequence[RefusedRow]]
    around: PipelineFacts
    stands: bool


def pipeline_facts(
    session: Callable[[], SparkSession], project: Project, name: str, last: dt.date | None = None
) -> PipelineFacts:
    """A pipeline's newest slices.

    Args:
        session: gives the Spark session, which only tables with names need.
        project: the configuration.
        name: the pipeline's.
        last: leave out later slices.

    Raises:
        PipelineError: there is no such pipeline, or its tables are missing.
    """
    pipeline = load_pipeline(project, name)
    layout = require_tables(session() if in_catalog(pipeline) else None, project, pipeline)
    history = [
        entry
        for entry in layout.ledger.history(pipeline=name)
        if entry.model_name == pipeline.model.name and (last is None or entry.score_date <= last)
    ]
    newest = dict(list(published_slices(history).items())[:SLICES])
    whole = {entry.run_id: entry for entry in last_words(history)}
    slices = tuple(whole[entry.run_id] for _, entry in sorted(newest.items()))
    first = slices[0].score_date if slices else dt.date.min
    attempts = tuple(entry for entry in whole.values() if entry.score_date >= first)
    return PipelineFacts(pipeline, slices, attempts, _outputs(pipeline, layout, slices), layout.outputs())


def run_facts(session: Callable[[], SparkSession], project: Project, run_id: str) -> RunFacts:
    """One run, beside the slices before it.

    Raises:
        UsageError: the ledger has no such run, or its pipeline is gone.
        PipelineError: its pipeline or tables are wrong.
    """
    states = ledger_of(project).of_run(run_id)
    (entry,) = last_words(states)
    around = pipeline_facts(session, project, entry.pipeline, entry.score_date)
    if entry.model_name != around.pipeline.model.name:
        raise UsageError(
            f"run '{run_id}' is of another model than the pipeline's now",
            expected=around.pipeline.model.name,
            found=entry.model_name,
        )
    layout = require_tables(session() if in_catalog(around.pipeline) else None, project, around.pipeline)
    checks = tuple(CheckResult(**result) for result in entry.value("verdict") or [])
    return RunFacts(
        entry=entry,
        states=tuple(states),
        checks=checks,
        examples=_examples(layout, entry),
        around=around,
        stands=bool(around.slices) and around.slices[-1].run_id == run_id,
    )


def _examples(layout: Layout, entry: Entry) -> dict[str, list[RefusedRow]]:
    rows, _ = refused_rows(
        layout, entry.model_name, entry.score_date, entry.score_date, run_id=entry.run_id, most=MOST_REFUSED
    )
    found: dict[str, list[RefusedRow]] = {}
    for row in rows:
        for reason in row.reasons:
            several = found.setdefault(reason["rule"], [])
            if len(several) < EXAMPLES:
                several.append(row)
    return found


def _outputs(pipeline: Pipeline, layout: Layout, slices: Sequence[Entry]) -> dict[str, Distribution]:
    if not slices:
        return {}
    dates = [entry.score_date for entry in slices]
    runs = tuple(entry.run_id for entry in slices)
    rows = Published(layout.predictions, pipeline.model.name, min(dates), max(dates), runs)
    found: dict[str, Distribution] = {}
    for name, output in pipeline.outputs.items():
        if output.type in _NUMBERS:
            spread = histogram(rows, name)
            if spread is not None:
                found[name] = spread
        elif output.type in ("string", "boolean"):
            found[name] = value_counts(rows, name)
    return found
