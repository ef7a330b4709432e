"""The one pass over the input of one or several slices: every row read, tagged, scored and written aside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from pipelines.inputs.reading import count_inputs
from pipelines.inputs.spark_errors import translated
from pipelines.inputs.text_files import without_unread
from pipelines.passes.alone import write_alone
from pipelines.passes.failures import meaning
from pipelines.passes.stage_record import HistoryNumber, Staged, StageRecord
from pipelines.passes.tallying import Tallied, tally
from pipelines.passes.together import write_together
from pipelines.passes.written import Written
from pipelines.resolution.preparation import Prepared
from pipelines.resolution.resolved_run import Resolved
from pipelines.tables.locking import RunLock
from pipelines.tables.stages import Stage, at
from pipelines.validation.compiling import Checks
from pipelines.validation.engine import EngineResult, run_engine
from pipelines.validation.history_measures import numbers_of, subject
from pipelines.validation.observing import Observed
from pipelines.validation.stage import counted_for_stage
from pipelines.validation.verdict import judge_pass


def write_stages(runs: Sequence[Resolved], prepared: Prepared, locks: Mapping[str, RunLock]) -> list[Staged]:
    """Every row of the runs' slices, staged in one pass; what was observed on the way stands in the stages' markers.

    Args:
        runs: of one definition, one model and the same versions of the sources.
        prepared: their parts, held against each other.
        locks: those that the runs hold, by their ids.

    Raises:
        ModelError: the model failed on a batch, or gave it another number of results; no stage is left behind.
        SourceError: a feature or a rule cannot be computed of some value.
    """
    first = runs[0]
    pipeline, checks = first.definition.pipeline, prepared.checks
    stages = [at(run.layout.stages, run.run_id, locks[run.run_id]) for run in runs]
    try:
        for run, stage in zip(runs, stages, strict=True):
            stage.begin(run.manifest.as_json())
        with translated(lambda error: meaning(error, pipeline, prepared, first.model)):
            engine_results = [_by_engine(run, checks) for run in runs]
            staged_at = dt.datetime.now(dt.UTC)
            written = (
                write_alone(first, prepared, stages[0], staged_at)
                if len(runs) == 1
                else write_together(runs, prepared, stages, staged_at)
            )
            inputs = count_inputs(first.spark, pipeline, {run.slice.score_date: run.sources for run in runs})
            tallied = tally(first.spark, stages, written.schema, prepared)
            return [
                _finished(
                    run, stage, prepared, written, tallied[run.run_id], results, inputs[run.slice.score_date], staged_at
                )
                for run, stage, results in zip(runs, stages, engine_results, strict=True)
            ]
    except BaseException:
        for stage in stages:
            stage.clear()
        raise


def _by_engine(run: Resolved, checks: Checks) -> list[EngineResult]:
    if not checks.foreign:
        return []
    expectations = [foreign.expectation for foreign in checks.foreign]
    return run_engine(without_unread(run.frame), expectations, run.definition.pipeline.personal)


def _finished(
    run: Resolved,
    stage: Stage,
    prepared: Prepared,
    written: Written,
    tallied: Tallied,
    engine_results: Sequence[EngineResult],
    rows_input: int,
    staged_at: dt.datetime,
) -> Staged:
    """Say that the stage is complete, and what was observed."""
    pipeline, manifest, checks = run.definition.pipeline, run.manifest, prepared.checks
    metrics = written.metrics_of(run.slice.score_date, tallied.numbers)
    observed = Observed(metrics, checks.rules, checks.stage_rules)
    suite = judge_pass(checks, observed, engine_results, written.read, pipeline.personal)
    record = StageRecord(
        run_id=manifest.run_id,
        run_key=manifest.run_key,
        code_version=manifest.code_version,
        packages=manifest.packages,
        schema=written.schema,
        rows_input=rows_input,
        suite=tuple(suite),
        stage_rules=counted_for_stage(checks, observed),
        history={
            name: HistoryNumber(subject(pipeline.history[name]), number)
            for name, number in numbers_of(pipeline, metrics, metrics["rows"]).items()
        },
        staged_at=staged_at,
        is_final=written.is_final,
        workers=written.workers,
        look=None if tallied.look is None else {"rows": metrics["rows"], **tallied.look},
    )
    stage.finish(record.as_json())
    return Staged(run, stage, record)
