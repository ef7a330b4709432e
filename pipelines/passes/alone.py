"""One slice, staged the quickest way."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from pyspark.errors import PythonException
from pyspark.sql import DataFrame

from pipelines.inputs.reading import read_slice_with_positions
from pipelines.inputs.spark_errors import translated
from pipelines.inputs.text_files import without_unread
from pipelines.models.workers.failures import differs_natively, unreadable
from pipelines.models.workers.file_reader import FileColumns
from pipelines.passes.failures import cut_short
from pipelines.passes.file_columns import file_columns
from pipelines.passes.model_call import build_environment, observing, staged_rows, tagged_of
from pipelines.passes.table_rows import final_columns
from pipelines.passes.written import Written, write_rows
from pipelines.resolution.preparation import Prepared
from pipelines.resolution.resolved_run import Resolved
from pipelines.tables.stages import Stage
from pipelines.transforms.staging import KIND, places
from pipelines.validation.history_measures import measures_of
from pipelines.validation.observing import measures


@dataclass(frozen=True)
class _Way:
    """How a slice is scored: the quickest way, as long as no worker finds anything against it.

    Args:
        frame: the slice's rows; where workers read by themselves, each tells where it lies.
        files: what the workers read by themselves.
        uses_native: by the model's own library where there is a predictor for it.
    """

    frame: DataFrame
    files: FileColumns | None = None
    uses_native: bool = True


def write_alone(resolved: Resolved, prepared: Prepared, stage: Stage, staged_at: dt.datetime) -> Written:
    """Write the stage the quickest way; what a worker finds against it is noted, and the whole slice scored without."""
    build_environment(resolved)
    way = _quickest(resolved, prepared)
    native_refused = files_refused = None
    while True:
        try:
            written = _pass(resolved, prepared, stage, way, staged_at)
        except PythonException as error:
            difference, unread = differs_natively(error), unreadable(error)
            if difference is not None and way.uses_native:
                way, native_refused = replace(way, uses_native=False), difference
            elif unread is not None and way.files is not None:
                way, files_refused = replace(way, frame=resolved.frame, files=None), unread
            else:
                raise
        else:
            report = replace(written.workers, native_refused=native_refused, files_refused=files_refused)
            return replace(written, workers=report)


def _quickest(resolved: Resolved, prepared: Prepared) -> _Way:
    files = file_columns(resolved, prepared)
    if files is not None:
        spark, pipeline = resolved.spark, resolved.definition.pipeline
        frame = read_slice_with_positions(spark, pipeline, resolved.sources[0], resolved.slice.score_date)
        if frame is not None:
            return _Way(frame, files)
    return _Way(resolved.frame)


def _pass(resolved: Resolved, prepared: Prepared, stage: Stage, way: _Way, staged_at: dt.datetime) -> Written:
    checks, files = prepared.checks, way.files
    marked = tagged_of(way.frame, resolved.definition, prepared, [] if files is None else places())
    asked = measures(checks.stage_rules, checks.measured + measures_of(resolved.definition.pipeline))
    observed, measured = observing(marked, asked)
    final = final_columns([resolved], staged_at)
    rows, workers = staged_rows(observed, resolved, prepared, files=files, uses_native=way.uses_native, final=final)
    with translated(lambda error: cut_short(error, resolved.model, workers, rows)):
        write_rows(rows, stage.rows)
    columns_read = 0 if files is None else len(files.shown)
    return Written(
        rows.drop(KIND).schema,
        without_unread(resolved.frame).schema,
        {resolved.slice.score_date: measured()},
        replace(workers.report(), columns_read=columns_read),
        is_final=final is not None,
    )
