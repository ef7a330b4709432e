"""What is on record of a stage comes back as it was; what another release wrote is no record."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import types as T

from pipelines.models.workers.report import ProofReport, WorkerReport
from pipelines.passes.stage_record import Audit, HistoryNumber, StageRecord, record_of
from pipelines.tables.stages import at
from pipelines.validation.stage import RuleCounts
from pipelines.validation.verdict import Acceptance, CheckResult, Counts, Verdict

PROOFS = [ProofReport("native", "", 1e-9, 0.0), ProofReport("native", "numpy 1 for 2", None, 2e-9)]
RECORD = StageRecord(
    run_id="run",
    run_key="key",
    code_version="0.1",
    packages={"numpy": "2"},
    schema=T.StructType([T.StructField("id", T.LongType())]),
    rows_input=5,
    suite=(CheckResult("a", "rule", "warning", success=True, observed=0.5, expectation={"type": "t"}),),
    stage_rules={"r": RuleCounts(3, 4, 0.1, None)},
    history={"usual": HistoryNumber("rows", 5.0)},
    staged_at=dt.datetime(2024, 1, 1, 12, 30, 0, 1, tzinfo=dt.UTC),
    is_final=True,
    workers=WorkerReport.of(4, 1, PROOFS),
)


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        replace(RECORD, look={"rows": 5, "scored": 4}, workers=replace(RECORD.workers, slices=3, native_refused="far")),
        replace(RECORD, audit=Audit(Counts(5, 4, 1), Verdict(RECORD.suite), None)),
        replace(RECORD, audit=Audit(Counts(5, 4, 1), Verdict(()), Acceptance(("a",), "known"))),
    ],
    ids=["written", "looked at", "audited", "accepted"],
)
def test_a_record_comes_back_from_the_stage_as_it_was(tmp_path: Path, record: StageRecord) -> None:
    stage = at(str(tmp_path), "run")
    stage.finish(record.as_json())
    assert record_of(stage) == record


def test_the_workers_report_tells_the_worst_that_one_of_them_found() -> None:
    observed = WorkerReport.of(4, 1, PROOFS)
    assert (observed.predictor, observed.mismatches) == ("native", "numpy 1 for 2")
    assert (observed.native_difference, observed.alignment_difference) == (1e-9, 2e-9)
    assert WorkerReport.of(0, 0, []).predictor is None


def test_what_there_is_nothing_to_tell_of_is_left_out() -> None:
    assert "slices" not in WorkerReport(4, 1).as_json()
    assert {"look", "audit", "verdict"}.isdisjoint(RECORD.as_json())


@pytest.mark.parametrize("missing", ["run_key", "suite", "workers", "staged_at"])
def test_of_another_release_there_is_no_record(tmp_path: Path, missing: str) -> None:
    stage = at(str(tmp_path), "run")
    stage.finish({name: value for name, value in RECORD.as_json().items() if name != missing})
    assert stage.is_complete()
    assert record_of(stage) is None


def test_an_incomplete_stage_has_none(tmp_path: Path) -> None:
    assert record_of(at(str(tmp_path), "run")) is None


def test_the_marker_is_plain_json() -> None:
    assert json.loads(json.dumps(RECORD.as_json()))["schema"]["type"] == "struct"
