"""Puts right what processes that ended left behind: the ledger tells what the tables hold, dead stages are cleared."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from pyspark.sql import SparkSession

from pipelines.config import Pipeline, Project, load_pipeline
from pipelines.resolution.layout import Layout
from pipelines.runs.recovery import look_back_at, settle
from pipelines.runs.tables import require_tables
from pipelines.tables.ledger import UNFINISHED, Entry
from pipelines.tables.quarantine import Refused
from pipelines.tables.slices import Slice, SliceState, all_slices, count_rows, look_at_slices, newest_commit
from pipelines.tables.stages import abandoned

What = Literal["closed", "completed", "recovered", "stage removed", "left"]


@dataclass(frozen=True)
class Repair:
    """One thing that was put right, or that a person has to.

    Args:
        what: `closed`: a run whose process is gone was entered as failed. `completed`: a run that had published was
            entered so. `recovered`: a published run that the ledger did not know was entered. `stage removed`: rows
            that no run can use. `left`: nothing was done.
        pipeline: whose.
        score_date: the slice's, where it is known.
        run_id: the run.
        why: in words.
    """

    what: What
    pipeline: str
    score_date: dt.date | None
    run_id: str
    why: str


def repair(session: Callable[[], SparkSession], project: Project, name: str) -> list[Repair]:
    """Complete the ledger from a pipeline's tables and stages, and remove stages that no run can use.

    What a process is working on stays as it is. On object stores nothing tells which those are: there, runs without an
    end and stages are left alone.

    Args:
        session: gives the Spark session, which only tables with names need.
        project: the configuration.
        name: the pipeline's.

    Raises:
        PipelineError: the tables are missing.
    """
    pipeline = load_pipeline(project, name)
    layout = require_tables(session() if pipeline.is_in_catalog else None, project, pipeline)
    return [*_runs_ended(layout, pipeline), *_slices_recovered(layout, pipeline), *_stages_cleared(layout, pipeline)]


def _runs_ended(layout: Layout, pipeline: Pipeline) -> Iterator[Repair]:
    """The runs that never recorded their end."""
    unfinished = {entry.run_id: entry for entry in layout.ledger.latest(pipeline=pipeline.name) if _is_open(entry)}
    slices = {Slice(entry.score_date, entry.model_name) for entry in unfinished.values()}
    for past in look_back_at(layout, pipeline.name, sorted(slices, key=lambda one: one.score_date)) if slices else ():
        settle(layout, past, past.state.slice)
    for run_id, before in unfinished.items():
        after = layout.ledger.latest(run_id=run_id)[-1]
        if _is_open(after):
            yield Repair("left", pipeline.name, before.score_date, run_id, "it is running, as far as anything tells")
        else:
            what: What = "completed" if after.state == "published" else "closed"
            yield Repair(what, pipeline.name, before.score_date, run_id, after.error or "")


def _is_open(entry: Entry) -> bool:
    return entry.state in UNFINISHED


def _slices_recovered(layout: Layout, pipeline: Pipeline) -> Iterator[Repair]:
    """The published slices of which the ledger does not tell."""
    known = {entry.run_id: entry for entry in layout.ledger.latest(pipeline=pipeline.name)}
    of_ledger = {Slice(entry.score_date, entry.model_name) for entry in known.values()}  # empty ones have no files
    slices = sorted({*all_slices(layout.predictions), *of_ledger}, key=lambda one: (one.score_date, one.model_name))
    for state in look_at_slices(layout.predictions, slices) if slices else ():
        day = state.slice.score_date
        if len(state.runs) > 1:
            runs = ", ".join(sorted(state.runs))
            why = f"rows of several runs stand in the slice: lakescore score {pipeline.name} --date {day} --force"
            yield Repair("left", pipeline.name, day, runs, why)
            continue
        if not state.is_published:
            continue
        of_slice = (one for one in known.values() if Slice(one.score_date, one.model_name) == state.slice)
        run_id = next(iter(state.runs), None) or next(
            (one.run_id for one in of_slice if state.is_of(one.run_id, one.fence)), None
        )
        if run_id is None:
            why = "it is published as empty, by a run that the ledger does not know: score it again"
            yield Repair("left", pipeline.name, day, "unknown", why)
            continue
        entry = known.get(run_id)
        if entry is not None and entry.state == "retracted":
            why = f"its rows stand although it was retracted: lakescore retract {pipeline.name} --date {day} --reason …"
            yield Repair("left", pipeline.name, day, run_id, why)
            continue
        if entry is not None and (entry.state == "published" or _is_open(entry)):
            continue
        layout.ledger.append(_recovered(layout, pipeline, state, run_id, entry))
        why = "the ledger did not know it" if entry is None else f"the ledger said: {entry.state}"
        yield Repair("recovered", pipeline.name, day, run_id, why)


def _recovered(layout: Layout, pipeline: Pipeline, state: SliceState, run_id: str, entry: Entry | None) -> Entry:
    """What tables and log tell of a published run."""
    day = state.slice.score_date
    commit = newest_commit(layout.predictions, run_id)
    refused = Refused(layout.quarantine, day, day, {run_id}).count()
    scored = count_rows(layout.predictions, state.slice)
    before = entry or Entry(run_id, pipeline.name, day, state.slice.model_name, "published")
    return Entry(
        run_id=run_id,
        pipeline=pipeline.name,
        score_date=day,
        model_name=state.slice.model_name,
        state="published",
        model_version=before.model_version or (commit.model_version if commit else None),
        run_key=before.run_key or (commit.run_key if commit else None),
        fence=before.fence or (commit.fence if commit else None),
        rows_input=scored + refused,
        rows_scored=scored,
        rows_quarantined=refused,
        error="entered by a repair, of what the tables hold",
    )


def _stages_cleared(layout: Layout, pipeline: Pipeline) -> Iterator[Repair]:
    """The stages that no process works on and no run can use: incomplete ones, and those of published runs."""
    known = {entry.run_id: entry for entry in layout.ledger.latest(pipeline=pipeline.name)}
    for stage in abandoned(layout.stages):
        entry = known.get(stage.run_id)
        day = None if entry is None else entry.score_date
        if not stage.is_complete():
            stage.discard()
            yield Repair("stage removed", pipeline.name, day, stage.run_id, "it was never complete")
        elif entry is not None and entry.state in ("published", "superseded"):
            stage.discard()
            yield Repair("stage removed", pipeline.name, day, stage.run_id, f"its run ended: {entry.state}")
        else:
            stage.leave()
