"""What is on record of a complete stage: what was observed while it was written, and what its audit came to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Self

from pyspark.sql import types as T

from pipelines.models.workers.report import WorkerReport
from pipelines.resolution.resolved_run import Resolved
from pipelines.tables.stages import Stage
from pipelines.validation.stage import RuleCounts
from pipelines.validation.verdict import Acceptance, CheckResult, Counts, Verdict


@dataclass(frozen=True)
class HistoryNumber:
    """What a gate compares with earlier slices: of this one, and what it is a number of."""

    subject: str
    number: float | None


@dataclass(frozen=True)
class Audit:
    """What the audit of a stage came to.

    Args:
        counts: its rows.
        verdict: on them.
        accepted: what a person waived; None where nothing.
    """

    counts: Counts
    verdict: Verdict
    accepted: Acceptance | None

    def as_json(self) -> dict[str, object]:
        """Its part of the stage's marker."""
        accepted = None if self.accepted is None else asdict(self.accepted)
        return {"counts": asdict(self.counts), "verdict": self.verdict.as_json(), "accepted": accepted}

    @classmethod
    def of_plain(cls, said: Mapping[str, Any]) -> Self | None:
        """The audit that a marker tells of; None where the stage was not audited yet."""
        if "verdict" not in said:
            return None
        accepted = said["accepted"]
        return cls(
            Counts(**said["counts"]),
            Verdict.of_plain(said["verdict"]),
            None if accepted is None else Acceptance(tuple(accepted["checks"]), accepted["reason"]),
        )


@dataclass(frozen=True)
class StageRecord:
    """What was observed while a stage was written; its marker holds it as JSON.

    Args:
        run_id: the run that wrote the rows.
        run_key: the digest of all that changes them.
        code_version: of the code that wrote them.
        packages: the versions of those that may change a prediction.
        schema: the stage's.
        rows_input: the rows of the first source, counted before any join.
        suite: the results of the checks that the pass judged.
        stage_rules: what the pass counted for rules that are judged on the stage, by their ids.
        history: what gates compare with earlier slices, by their names.
        staged_at: when the rows were written.
        is_final: whether the files are as the tables have them.
        workers: what the workers reported.
        look: the numbers that the audit asks for, by name; None where the audit has to look itself.
        audit: what it came to; None before it.
    """

    run_id: str
    run_key: str
    code_version: str
    packages: Mapping[str, str]
    schema: T.StructType
    rows_input: int
    suite: tuple[CheckResult, ...]
    stage_rules: Mapping[str, RuleCounts]
    history: Mapping[str, HistoryNumber]
    staged_at: dt.datetime
    is_final: bool
    workers: WorkerReport
    look: Mapping[str, Any] | None = None
    audit: Audit | None = None

    def as_json(self) -> dict[str, object]:
        """The record as plain values."""
        left_out = {"audit", "look"} if self.look is None else {"audit"}
        return {
            **{name: value for name, value in vars(self).items() if name not in left_out},
            "schema": self.schema.jsonValue(),
            "suite": [result.as_json() for result in self.suite],
            "stage_rules": {name: asdict(counts) for name, counts in self.stage_rules.items()},
            "history": {name: vars(number) for name, number in self.history.items()},
            "staged_at": self.staged_at.isoformat(),
            "workers": self.workers.as_json(),
            **({} if self.audit is None else self.audit.as_json()),
        }

    @classmethod
    def of_plain(cls, said: Mapping[str, Any]) -> Self:
        """The record of such plain values as `as_json` gives.

        Raises:
            KeyError, TypeError, ValueError: another release wrote them.
        """
        return cls(
            run_id=said["run_id"],
            run_key=said["run_key"],
            code_version=said["code_version"],
            packages=said["packages"],
            schema=T.StructType.fromJson(said["schema"]),
            rows_input=said["rows_input"],
            suite=Verdict.of_plain(said["suite"]).results,
            stage_rules={name: RuleCounts(**counts) for name, counts in said["stage_rules"].items()},
            history={name: HistoryNumber(**number) for name, number in said["history"].items()},
            staged_at=dt.datetime.fromisoformat(said["staged_at"]),
            is_final=said["is_final"],
            workers=WorkerReport.of_plain(said["workers"]),
            look=said.get("look"),
            audit=Audit.of_plain(said),
        )


@dataclass(frozen=True)
class Staged:
    """A run whose stage is complete.

    Args:
        run: the run.
        stage: its rows.
        record: what writing them observed.
    """

    run: Resolved
    stage: Stage
    record: StageRecord

    @property
    def holds_final_files(self) -> bool:
        """Whether the stage's rows are as the tables have them; not those of a stage that another run has filled."""
        return self.record.is_final and self.record.run_id == self.run.run_id


def record_of(stage: Stage) -> StageRecord | None:
    """What is on record of a stage; None where it is not complete, or another release wrote it."""
    with suppress(ValueError, KeyError, TypeError):
        marker = stage.marker()
        return None if marker is None else StageRecord.of_plain(marker)
    return None
