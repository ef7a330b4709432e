"""A model in an environment and processes of its own, from the command line: the same rows as beside Spark's worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from integration.test_command_line_and_spark_submit import BIN, run
from small_project import DAY, PIPELINE, SmallProject, copy_of, without_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_model_apart_gives_the_rows_of_the_model_in_the_worker(empty: SmallProject, tmp_path: Path) -> None:
    beside, apart = copy_of(empty, tmp_path / "beside"), copy_of(empty, tmp_path / "apart")
    apart.configure(model={**PIPELINE["model"], "environment": "isolate"})
    for small in (beside, apart):
        ended = run(small, str(BIN / "lakescore"), "score", "orders", "--date", str(DAY))
        assert ended.returncode == 0, ended.stderr
    (entry,) = apart.ledger.latest()
    found = {check["check_id"]: check["found"] for check in entry.value("verdict")}
    assert found["audit:native_predictor"] == "used: isolated"
    observed, expected = without_run(apart.predictions()), without_run(beside.predictions())
    assert len(observed) == 36
    for one, other in zip(observed, expected, strict=True):
        assert one.pop("probability") == pytest.approx(other.pop("probability"), abs=1e-12)
        assert one == other


@pytest.mark.soak  # CI types `certify` of the README
def test_a_certificate_holds_for_an_honest_model(empty: SmallProject, tmp_path: Path) -> None:
    small = copy_of(empty, tmp_path / "certified")
    ended = run(small, str(BIN / "lakescore"), "certify", "orders", "--date", str(DAY), "--isolated", "--json")
    assert ended.returncode == 0, ended.stderr
    certificate = json.loads(ended.stdout)
    assert certificate["holds"] is True
    assert certificate["sample"] == 36
    names = [way["name"] for way in certificate["ways"]]
    assert {"sklearn, one batch", "isolated, one batch", "on Spark, partitions: 7"} <= set(names)
    assert all(way["differing_rows"] == 0 for way in certificate["ways"])


@pytest.mark.soak
def test_a_certificate_of_a_model_that_mixes_rows_up_does_not_hold(empty: SmallProject, tmp_path: Path) -> None:
    small = copy_of(empty, tmp_path / "mixed")
    small.use_model("leaking")
    ended = run(small, str(BIN / "lakescore"), "certify", "orders", "--date", str(DAY))
    assert ended.returncode == 3, ended.stderr
    assert "NOT within the tolerance" in ended.stdout
    assert "its result depends on the other rows" in ended.stdout
