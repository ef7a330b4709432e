"""The audit of a stage: what is in it, and the gates that it must pass before it is published."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.config import Limits, Output
from pipelines.expressions.names import column
from pipelines.expressions.reasons import as_json
from pipelines.models.workers.proofs import ABSOLUTE, RELATIVE
from pipelines.models.workers.report import WorkerReport
from pipelines.passes.attempt_folder import RUN
from pipelines.passes.stage_record import Staged
from pipelines.passes.table_rows import read_stages
from pipelines.resolution.resolved_run import Resolved
from pipelines.runs.history import entries_before, judge_history
from pipelines.tables.ledger import Entry
from pipelines.transforms.staging import marked_on_stage, refused_on_stage
from pipelines.validation.gates import Bounds
from pipelines.validation.stage import look_at, moments_of, own_aggregates, sizes_of
from pipelines.validation.verdict import CheckResult, Counts, Verdict, judge_stage

NEVER_ACCEPTED = frozenset({"audit:rows_reconciled", "audit:some_rows_scored"})
"""Gates that no one can waive: a slice that loses rows is never right, nor one of which no row is scored."""


@dataclass(frozen=True)
class Audited:
    """A stage, judged.

    Args:
        staged: the stage.
        counts: its rows.
        verdict: on them.
        refused_here: the rows with the reasons that only the whole slice gives; None where it gives none.
    """

    staged: Staged
    counts: Counts
    verdict: Verdict
    refused_here: DataFrame | None


def audit_stages(spark: SparkSession, stages: Sequence[Staged], accepted: Collection[str] = ()) -> list[Audited]:
    """Complete stages of one definition, judged in the order of their dates.

    A gate that compares a slice with those before it takes the earlier ones of these as published where they pass.

    Args:
        spark: the session.
        stages: of one definition.
        accepted: the checks that a person waived.
    """
    ordered = sorted(stages, key=lambda one: one.run.slice.score_date)
    newest = ordered[-1].run
    pipeline = newest.definition.pipeline
    looks = _looks(spark, ordered)
    entries = entries_before(newest.layout.ledger, pipeline, newest.slice)
    found = []
    for staged in ordered:
        look, refused_here = looks[staged.run.run_id]
        counts, verdict = _judged(staged, look, entries)
        found.append(Audited(staged, counts, verdict, refused_here))
        if not verdict.rejecting(accepted):
            entries.append(_as_published(staged.run, counts, verdict))
    return found


def rows_of(spark: SparkSession, audits: Sequence[Audited]) -> DataFrame:
    """The rows of stages: key, outputs, all reasons, and what is kept of them, as JSON.

    Those of several with their runs' ids in `RUN`.
    """
    pipeline = audits[0].staged.run.definition.pipeline

    def wanted_of(rows: DataFrame) -> list[Column]:
        kept = F.col("row") if isinstance(rows.schema["row"].dataType, T.StringType) else as_json(F.col("row"))
        return [*map(column, pipeline.key), *map(column, pipeline.outputs), F.col("reasons"), kept.alias("row")]

    if len(audits) == 1:
        rows = _rows_judged(spark, audits[0])
        return rows.select(*wanted_of(rows))
    alike: dict[str, list[Staged]] = {}
    for audit in audits:
        if audit.refused_here is None:
            alike.setdefault(audit.staged.record.schema.json(), []).append(audit.staged)
    together = [staged for staged in alike.values() if len(staged) > 1]
    done = {staged.run.run_id for each in together for staged in each}
    frames = [read_stages(spark, [one.stage for one in each], each[0].record.schema) for each in together]
    frames += [
        _rows_judged(spark, audit).withColumn(RUN, F.lit(audit.staged.run.run_id))
        for audit in audits
        if audit.staged.run.run_id not in done
    ]
    return reduce(DataFrame.unionAll, [frame.select(*wanted_of(frame), F.col(RUN)) for frame in frames])


def _rows_judged(spark: SparkSession, audit: Audited) -> DataFrame:
    if audit.refused_here is not None:
        return audit.refused_here
    return read_stages(spark, [audit.staged.stage], audit.staged.record.schema)


def _looks(spark: SparkSession, stages: Sequence[Staged]) -> dict[str, tuple[Mapping[str, Any], DataFrame | None]]:
    """What is asked of each stage, by its run's id, and its rows where whole-slice rules refuse some.

    The writing of a stage looks too, where no check speaks of the slice as a whole.
    """
    return {
        staged.run.run_id: _look(spark, staged) if staged.record.look is None else (staged.record.look, None)
        for staged in stages
    }


def _look(spark: SparkSession, staged: Staged) -> tuple[Mapping[str, Any], DataFrame | None]:
    pipeline, checks = staged.run.definition.pipeline, staged.run.definition.checks
    plain = read_stages(spark, [staged.stage], staged.record.schema)
    marked = marked_on_stage(plain, checks.stage_rules, moments_of(staged.record.stage_rules))
    rows = refused_on_stage(marked, checks.stage_rules, pipeline.personal)
    asked = own_aggregates(pipeline.key, rows.select(*pipeline.outputs).schema, checks)
    look = look_at(rows, checks, [F.count(F.lit(1)).alias("rows"), *asked.values()])
    refused_here = any(
        look[f"stage_rule_{position}"] for position, rule in enumerate(checks.stage_rules) if rule.refuses
    )
    return look, rows if refused_here else None


def _judged(staged: Staged, look: Mapping[str, Any], entries: Sequence[Entry]) -> tuple[Counts, Verdict]:
    run, record = staged.run, staged.record
    pipeline, checks = run.definition.pipeline, run.definition.checks
    suite = [*record.suite, *judge_stage(checks, sizes_of(record.stage_rules), look, pipeline.personal)]
    numbers = {name: measured.number for name, measured in record.history.items()}
    suite += judge_history(entries, pipeline, run.slice, numbers)
    counts, own = audit(
        look, record.rows_input, pipeline.outputs, pipeline.limits, suite, accepts_empty=pipeline.accepts_empty
    )
    own += judge_model(record.workers, look, pipeline.limits, pipeline.model.environment)
    return counts, Verdict((*suite, *own))


def _as_published(run: Resolved, counts: Counts, verdict: Verdict) -> Entry:
    """What the ledger will tell of the run once it is published, as far as gates ask."""
    return Entry(
        run_id=run.run_id,
        pipeline=run.definition.pipeline.name,
        score_date=run.slice.score_date,
        model_name=run.slice.model_name,
        state="published",
        rows_input=counts.input,
        verdict=json.dumps(verdict.as_json()),
    )


def audit(
    observed: Mapping[str, Any],
    rows_input: int,
    outputs: Mapping[str, Output],
    limits: Limits,
    rules: Sequence[CheckResult],
    *,
    accepts_empty: bool = False,
) -> tuple[Counts, list[CheckResult]]:
    """The gates of the project's own, judged from one look at the stage.

    Args:
        observed: the stage's `rows`, and what `own_aggregates` came to.
        rows_input: the rows of the first source for the slice, counted before any join.
        outputs: what may be null, and the ranges.
        limits: how much may be quarantined.
        rules: the results of the suite's rules, to which limits of their own may apply.
        accepts_empty: whether a slice without a row of the input passes.
    """
    counts = Counts(rows_input, observed["scored"], observed["rows"] - observed["scored"])
    results = [
        *judge_rows(counts, observed["alone"] - observed["keys"], accepts_empty=accepts_empty),
        *judge_limits(counts, limits, rules),
    ]
    for name, output in outputs.items():
        nulls = observed[f"nulls_{name}"]
        if not output.nullable:
            results.append(_gate(f"audit:{name}:not_null", nulls == 0, nulls, "no null or NaN", unexpected=nulls))
        if output.minimum is not None or output.maximum is not None:
            results.append(_range_gate(name, output, observed.get(f"min_{name}"), observed.get(f"max_{name}")))
    return counts, results


def judge_rows(counts: Counts, twice: int, *, accepts_empty: bool) -> list[CheckResult]:
    """Whether rows reconcile, some are scored, and no key stands twice apart from copies that a rule refuses.

    Args:
        counts: the slice's rows.
        twice: how many rows have the key of another.
        accepts_empty: whether none has to be scored where the input has none.
    """
    is_enough = counts.scored > 0 or (accepts_empty and counts.input == 0)
    wanted = "a row that is scored" + (", or an input without a row" if accepts_empty else "")
    return [
        _gate(
            "audit:rows_reconciled",
            counts.input == counts.scored + counts.quarantined,
            counts.scored + counts.quarantined,
            f"{counts.input} rows, as many as the source has: a join must neither lose nor multiply rows",
        ),
        _gate("audit:some_rows_scored", is_enough, counts.scored, wanted),
        _gate("audit:keys_unique", twice == 0, twice, "no key twice", unexpected=twice),
    ]


def judge_limits(counts: Counts, limits: Limits, rules: Sequence[CheckResult]) -> list[CheckResult]:
    """Whether no more rows are quarantined, by all rules and by single ones, than the limits allow."""
    results = [_share("limit:quarantined_share", counts.quarantined, counts.input, limits.quarantined_share)]
    if limits.quarantined_rows is not None:
        results.append(_count("limit:quarantined_rows", counts.quarantined, limits.quarantined_rows))
    broken = {result.check_id: result.unexpected_count or 0 for result in rules if result.kind == "rule"}
    for rule_id, limit in limits.rules.items():
        if limit.share is not None:
            share = _share(f"limit:{rule_id}:share", broken.get(rule_id, 0), counts.input, limit.share)
            results.append(replace(share, expected=f"at most {limit.share:g} of the input that break it"))
        if limit.rows is not None:
            count = _count(f"limit:{rule_id}:rows", broken.get(rule_id, 0), limit.rows)
            results.append(replace(count, expected=f"at most {limit.rows} rows that break it"))
    return results


def judge_model(
    workers: WorkerReport, observed: Mapping[str, Any], limits: Limits, environment: str
) -> list[CheckResult]:
    """Whether the model treated each row by itself, the predictor is the quickest, and the model raised on few rows.

    Args:
        workers: what the workers reported.
        observed: what `own_aggregates` came to.
        limits: on how many rows it may raise.
        environment: what is done about packages that are not those of the model.
    """
    raised, refused = observed["model_raised"], workers.native_refused
    native = _gate(
        "audit:native_predictor",
        refused is None,
        workers.native_difference,
        f"results within {ABSOLUTE:g} + {RELATIVE:g} x the value of those of pyfunc, else pyfunc is used",
    )
    packages = _gate(
        "audit:model_environment", not workers.mismatches, None, "the packages that the model was made with"
    )
    return [
        *_judge_files(workers),
        replace(
            packages,
            severity="warning",
            action="reject" if environment == "fail" else "warn",
            found=workers.mismatches,
        ),
        replace(native, severity="info", action="warn", found=refused or f"used: {workers.predictor or 'none'}"),
        _gate(
            "audit:rows_keep_their_results",
            workers.predictor is not None or workers.evaluated == 0,
            workers.alignment_difference,
            "on a sample, the same result for a row alone, in another order and in batches of other sizes",
        ),
        replace(
            _gate(
                "limit:model_raised_rows",
                raised <= limits.model_raised_rows,
                raised,
                f"at most {limits.model_raised_rows} rows on which the model raises",
                unexpected=raised,
            ),
            found=observed["model_raised_message"] or "",
        ),
    ]


def _judge_files(workers: WorkerReport) -> list[CheckResult]:
    columns, unread = workers.columns_read or 0, workers.files_refused
    if not columns and unread is None:
        return []
    expected = "columns that only the model takes are read by the workers themselves"
    gate = _gate("audit:columns_read_by_workers", unread is None, columns, expected)
    return [replace(gate, severity="info", action="warn", found=f"read by Spark: {unread}" if unread else "")]


def _share(check_id: str, rows: int, of: int, most: float) -> CheckResult:
    share = rows / of if of else 0.0
    return _gate(check_id, share <= most, share, f"at most {most:g} of the input quarantined")


def _count(check_id: str, rows: int, most: int) -> CheckResult:
    return _gate(check_id, rows <= most, rows, f"at most {most} rows quarantined")


def _range_gate(name: str, output: Output, least: float | None, greatest: float | None) -> CheckResult:
    bounds = Bounds(output.minimum, output.maximum)
    outside = [float(value) for value in (least, greatest) if value is not None and not bounds.hold(float(value))]
    observed = outside[0] if outside else None if least is None else float(least)
    return _gate(f"audit:{name}:in_range", not outside, observed, bounds.expected())


def _gate(
    check_id: str, success: bool, observed: float | None, expected: str, unexpected: int | None = None
) -> CheckResult:
    value = None if observed is None else float(observed)
    return CheckResult(check_id, "gate", "critical", bool(success), value, unexpected, expected, action="reject")
