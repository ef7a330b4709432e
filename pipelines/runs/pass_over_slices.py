"""One pass over the slices of runs: staged together, audited, and put in place, each by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from py4j.protocol import Py4JNetworkError
from pyspark.sql import DataFrame, SparkSession

from pipelines.errors import (
    NO_SPACE,
    AbandonedError,
    ConflictError,
    SetupError,
    UsageError,
    did_you_mean,
)
from pipelines.passes.committing import UnknownEndError
from pipelines.passes.publishing import Outcome, Refusal, Replacement, append_quarantine, publish_slices
from pipelines.passes.stage_record import Audit, Staged
from pipelines.passes.staging import write_stages
from pipelines.passes.table_rows import predictions_of, quarantine_of, refused_columns
from pipelines.resolution.preparation import prepare
from pipelines.resolution.resolved_run import Resolved
from pipelines.runs.auditing import NEVER_ACCEPTED, Audited, audit_stages, rows_of
from pipelines.runs.progress import Steps
from pipelines.runs.recording import Record, is_cancelled, judged
from pipelines.runs.recovery import reusable_stages
from pipelines.runs.rejection import describe, rejection
from pipelines.runs.results import Result
from pipelines.runs.tables import require_columns
from pipelines.tables.commit_log import latest_version
from pipelines.tables.ledger import Entry, State
from pipelines.tables.locations import local_path
from pipelines.validation.verdict import Acceptance, Verdict

Part = TypeVar("Part")


def always(failures: int) -> bool:  # noqa: ARG001 - what is asked is of any number
    """Go on, however many slices failed."""
    return True


@dataclass
class Pass:
    """One pass over the slices of runs that are on the record: staged, audited, and put in place.

    Args:
        spark: the session.
        record: the runs'.
        accepted: checks that may fail.
        may_go_on: asked before each part of a halved pass, with the number of slices that failed.
        steps: timed and reported as they begin.
        ends: what became of each slice.
        slices: how many the pass is over.
    """

    spark: SparkSession
    record: Record
    accepted: Acceptance
    may_go_on: Callable[[int], bool]
    steps: Steps
    ends: dict[dt.date, Result | Exception]
    slices: int
    _rejected: set[str] = field(default_factory=set)

    def over(self, runs: Sequence[Resolved], forced: Collection[dt.date] = ()) -> None:
        """Stage, audit and publish the slices of the runs.

        Args:
            runs: on the record.
            forced: the score dates that are scored again whatever earlier runs have staged.
        """
        stages = self._staged(runs, forced)
        if stages:
            self._publish(sorted(stages, key=lambda staged: staged.run.slice.score_date))

    def _staged(self, runs: Sequence[Resolved], forced: Collection[dt.date]) -> list[Staged]:
        """Every row of the slices, staged: by this pass, or by earlier runs that ended before they published."""
        layout, history = runs[0].layout, runs[0].definition.pipeline.history
        may_reuse = [run.manifest for run in runs if run.slice.score_date not in forced]
        kept = reusable_stages(layout, may_reuse, history, self.record.locks)
        reused = [Staged(run, *kept[run.run_id]) for run in runs if run.run_id in kept]
        return [*reused, *self._written([run for run in runs if run.run_id not in kept])]

    def _written(self, runs: Sequence[Resolved]) -> list[Staged]:
        if not runs:
            return []
        if not self.may_go_on(self._failures):
            self._fail(runs, AbandonedError("too many slices failed before it", remedy="run it again"))
            return []
        first = runs[0]
        with self.steps("read"):  # what is wrong here is wrong with every slice
            prepared = prepare(first.definition, first.model, first.frame)
            require_columns(first.layout, prepared.keys, first.definition.pipeline)
        try:
            with self.steps("score"):
                return write_stages(runs, prepared, self.record.locks)
        except Exception as error:
            if len(runs) == 1 or _is_of_all(error):
                self._fail(runs, error)
                return []
            return [staged for part in self._parts(runs) for staged in self._written(part)]

    def _parts(self, several: Sequence[Part]) -> Iterator[Sequence[Part]]:
        """The halves of what failed together, one after the other."""
        for part in halves(several):
            self.steps.anew()
            yield part

    @property
    def _failures(self) -> int:
        return sum(isinstance(end, Exception) for end in self.ends.values())

    def _fail(self, runs: Sequence[Resolved], error: Exception) -> None:
        cause = self.record.failed(runs, error)
        if cause is not error:
            cause.__cause__ = error
        for run in runs:
            self.ends[run.slice.score_date] = cause if isinstance(cause, Exception) else error

    def _publish(self, stages: Sequence[Staged]) -> None:
        """The stages, audited and put in place; what does not pass is entered as rejected, and kept as evidence."""
        try:
            passing = self._passing(stages)
        except Exception as error:
            left = [staged for staged in stages if staged.run.slice.score_date not in self.ends]
            if len(left) > 1 and not _is_of_all(error):
                for part in self._parts(left):
                    self._publish(part)
            else:
                self._fail([staged.run for staged in left], error)
            return
        try:
            if passing:
                self._put_in_place(passing)
        except Exception as error:
            self._fail([one.staged.run for one in passing if one.staged.run.slice.score_date not in self.ends], error)

    def _put_in_place(self, audits: Sequence[Audited]) -> None:
        with self.steps("publish"):
            outcomes = self._put(audits)
        there = []
        for audit, outcome in zip(audits, outcomes, strict=True):
            if isinstance(outcome, Exception):
                self._fail([audit.staged.run], outcome)
            else:
                there.append((audit, outcome))
        if there:
            with self.steps("record"):
                self._enter(there)
            self._tell_results(there)

    def _passing(self, stages: Sequence[Staged]) -> list[Audited]:
        """Those of the stages that pass the audit, once what they refused is in the quarantine."""
        with self.steps("audit"):
            audits = self._audited(stages)
        failing = [audit for audit in audits if audit.verdict.rejecting(self.accepted.checks)]
        with self.steps("quarantine"):
            self._reject(failing)
            # Of rejected runs too, as evidence: their rows count as published nowhere.
            self._quarantine(audits)
            self._leave(failing)
        return [audit for audit in audits if not audit.verdict.rejecting(self.accepted.checks)]

    def _audited(self, stages: Sequence[Staged]) -> list[Audited]:
        audits = audit_stages(self.spark, stages, self.accepted.checks)
        waived = self.accepted if self.accepted.checks else None
        for audit in audits:
            _require_known(self.accepted, audit.verdict)
            record = replace(audit.staged.record, audit=Audit(audit.counts, audit.verdict, waived))
            audit.staged.stage.finish(record.as_json())
        return audits

    def _reject(self, audits: Sequence[Audited]) -> None:
        entries = []
        for audit in audits:
            if audit.staged.run.run_id in self._rejected:  # entered before its rows could not be put aside
                continue
            self._rejected.add(audit.staged.run.run_id)
            error = describe(audit.verdict.rejecting(self.accepted.checks), audit.verdict, audit.counts)
            entries.append(replace(self._judged(audit, "rejected"), error=error))
        if entries:
            audits[0].staged.run.layout.ledger.append(*entries)

    def _leave(self, audits: Sequence[Audited]) -> None:
        """Leave rejected slices as they are, with their evidence."""
        for audit in audits:
            run, failed = audit.staged.run, audit.verdict.rejecting(self.accepted.checks)
            self.record.ended(run)
            self.ends[run.slice.score_date] = rejection(run, audit.staged.stage, failed, audit.verdict, audit.counts)

    def _quarantine(self, audits: Sequence[Audited]) -> None:
        refusing = [audit for audit in audits if audit.counts.quarantined]
        if refusing:
            run, staged_at = refusing[0].staged.run, _staged_at(refusing)
            refusals = [
                Refusal(
                    audit.staged.run.slice,
                    audit.staged.run.run_id,
                    audit.counts.quarantined,
                    files=local_path(audit.staged.stage.refused) if audit.staged.holds_final_files else None,
                    columns=refused_columns(audit.staged.run),
                )
                for audit in refusing
            ]
            append_quarantine(
                lambda: quarantine_of(rows_of(self.spark, refusing), staged_at, run), run.layout.quarantine, refusals
            )

    def _put(self, audits: Sequence[Audited]) -> list[Outcome | Exception]:
        """What became of each slice; of several that fail together, each is tried by itself in the end."""
        run, staged_at = audits[0].staged.run, _staged_at(audits)

        def rows() -> DataFrame:
            return predictions_of(rows_of(self.spark, audits), staged_at, run)

        replacements = [
            Replacement(
                audit.staged.run.slice,
                audit.staged.run.manifest.fence,
                audit.staged.run.manifest.commit_metadata(),
                audit.counts.scored,
                files=local_path(audit.staged.stage.scored) if audit.staged.holds_final_files else None,
            )
            for audit in audits
        ]
        try:
            return [*publish_slices(rows, run.layout.predictions, replacements)]
        except Exception as error:
            if len(audits) == 1 or _is_of_all(error) or isinstance(error, ConflictError | UnknownEndError):
                return [error] * len(audits)
        return [outcome for part in halves(audits) for outcome in self._put(part)]

    def _enter(self, published: Sequence[tuple[Audited, Outcome]]) -> None:
        runs = [audit.staged.run for audit, _ in published]
        runs[0].layout.ledger.append(*[self._judged(audit, outcome) for audit, outcome in published])
        self.record.ended(*runs)
        for audit, _ in published:
            with suppress(OSError):  # `repair` clears it
                audit.staged.stage.clear()

    def _tell_results(self, published: Sequence[tuple[Audited, Outcome]]) -> None:
        layout = published[0][0].staged.run.layout
        version = latest_version(layout.predictions)
        for audit, outcome in published:
            run = audit.staged.run
            self.ends[run.slice.score_date] = Result(
                outcome=outcome,
                run_id=run.run_id,
                pipeline=run.definition.pipeline.name,
                score_date=run.slice.score_date,
                model=run.manifest.model,
                sources=run.manifest.sources,
                counts=audit.counts,
                verdict=audit.verdict,
                timings=self.steps.shared_by(self.slices),
                workers=audit.staged.record.workers,
                tables=layout.outputs(),
                predictions_version=version,
            )

    def _judged(self, audit: Audited, state: State) -> Entry:
        timings = self.steps.shared_by(self.slices)
        return judged(audit.staged.run, state, audit.verdict, audit.counts, timings, self.accepted)


def halves(several: Sequence[Part]) -> tuple[Sequence[Part], Sequence[Part]]:
    """The first of several, and the others, as many or one less."""
    half = (len(several) + 1) // 2
    return several[:half], several[half:]


def _staged_at(audits: Sequence[Audited]) -> dict[str, dt.datetime]:
    return {audit.staged.run.run_id: audit.staged.record.staged_at for audit in audits}


def _is_of_all(error: Exception) -> bool:
    """Whether what ended a pass would end each part of it."""
    of_all = (SetupError, AbandonedError, Py4JNetworkError)
    return isinstance(error, of_all) or is_cancelled(error) or NO_SPACE in str(error)


def _require_known(accepted: Acceptance, verdict: Verdict) -> None:
    known = [result.check_id for result in verdict.results]
    for check_id in accepted.checks:
        if check_id not in known:
            raise UsageError(f"--accept: there is no check '{check_id}'", remedy=did_you_mean(check_id, known))
        if check_id in NEVER_ACCEPTED:
            raise UsageError(f"--accept: '{check_id}' cannot be waived: a slice that fails it is never right")
