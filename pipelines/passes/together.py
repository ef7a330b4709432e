"""Several slices, staged in one job."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from pyspark.errors import PythonException

from pipelines.inputs.spark_errors import translated
from pipelines.inputs.text_files import without_unread
from pipelines.models.workers.failures import differs_natively
from pipelines.passes.failures import cut_short
from pipelines.passes.measures_by_day import COUNTED, measures_by_day, observed_by_day
from pipelines.passes.model_call import build_environment, observing, staged_rows
from pipelines.passes.table_rows import final_columns
from pipelines.passes.union_or_scan import rows_together
from pipelines.passes.written import Written, write_rows
from pipelines.resolution.preparation import Prepared
from pipelines.resolution.resolved_run import Resolved
from pipelines.tables.locations import below
from pipelines.tables.stages import Stage
from pipelines.transforms.staging import KIND, SLICE
from pipelines.validation.history_measures import measures_of


def write_together(
    runs: Sequence[Resolved], prepared: Prepared, stages: Sequence[Stage], staged_at: dt.datetime
) -> Written:
    """Write the stages of several slices in one job, the quickest way.

    What a worker finds against the model's own library is noted, and all slices are scored without it.
    """
    build_environment(runs[0])
    try:
        return _one_job(runs, prepared, stages, staged_at)
    except PythonException as error:
        difference = differs_natively(error)
        if difference is None:
            raise
    written = _one_job(runs, prepared, stages, staged_at, uses_native=False)
    return replace(written, workers=replace(written.workers, native_refused=difference))


def _one_job(
    runs: Sequence[Resolved],
    prepared: Prepared,
    stages: Sequence[Stage],
    staged_at: dt.datetime,
    *,
    uses_native: bool = True,
) -> Written:
    """Write the stages of several slices; each is then moved to where it would be by itself."""
    first, checks = runs[0], prepared.checks
    days = [run.slice.score_date for run in runs]
    measured = checks.measured + measures_of(first.definition.pipeline)
    observed, numbers = observing(rows_together(runs, prepared), measures_by_day(checks, measured, days))
    final = final_columns(runs, staged_at)
    rows, workers = staged_rows(
        observed, first, prepared, uses_native=uses_native, slices=len(runs), carried=[SLICE], final=final
    )
    aside = below(stages[0].location, "together")  # removed with what is incomplete, whatever ends this
    with translated(lambda error: cut_short(error, first.model, workers, rows)):
        write_rows(rows, aside)
    for day, stage in zip(days, stages, strict=True):
        stage.take(below(aside, f"{SLICE}={day.isoformat()}"))
    return Written(
        rows.drop(SLICE, KIND).schema,
        without_unread(first.frame).schema,
        observed_by_day(numbers(), days),
        replace(workers.report(), slices=len(runs)),
        counted=tuple(name for name, aggregate in measured if aggregate == COUNTED),
        is_final=final is not None,
    )
