"""Certificates from the command line, of a model in an environment of its own too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from integration.test_command_line_and_spark_submit import BIN, run
from support.small_project import DAY, SmallProject, copy_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


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
