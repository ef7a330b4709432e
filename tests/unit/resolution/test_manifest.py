"""The run key changes with what changes rows, and with nothing else."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import TableError
from pipelines.inputs.pinning import PinnedSource
from pipelines.models.artifact import Artifact
from pipelines.models.registry import RegisteredModel
from pipelines.resolution.manifest import Manifest, build_manifest, new_run_id
from pipelines.resolution.manifest_diff import Changes, changes
from pipelines.resolution.versions import code_version, package_versions
from pipelines.tables.fingerprints import Pinned
from pipelines.validation.suite import Expectation
from unit.samples import DAY_1, DAY_2, pipeline

NOT_NULL = Expectation("given", "expect_column_values_to_not_be_null", {"column": "age"}, "critical")
SOURCE = PinnedSource("customers", "/in/customers", "delta", Pinned(3, "id@2", 10))
FILES = Artifact(Path("/cache/1"), {}, "mlflow.sklearn", (), None, 1, runs_code=False, pickled=False)
MODEL = RegisteredModel("churn", 1, "champion", "d1", FILES)
SLICE = {"column": "day"}


def manifest(**changes: Any) -> Manifest:
    parts: dict[str, Any] = {
        "pipeline": pipeline(),
        "score_date": DAY_1,
        "fence": 1,
        "sources": [SOURCE],
        "model": MODEL,
        "query": None,
        "suite": (NOT_NULL,),
        "feature_source": None,
    }
    return build_manifest(**{**parts, **changes})


def table(**changes: Any) -> dict[str, Any]:
    return {"tables": {"customers": {"path": "customers", "slice": SLICE, **changes}}}


def source(**changes: Any) -> list[PinnedSource]:
    return [replace(SOURCE, pinned=replace(SOURCE.pinned, **changes))]


CHANGING: dict[str, dict[str, Any]] = {
    "score date": {"score_date": DAY_2},
    "fingerprint": {"sources": source(fingerprint="id@3")},
    "model's files": {"model": replace(MODEL, digest="d2")},
    "model's name": {"model": replace(MODEL, name="other")},
    "query": {"query": "SELECT 1"},
    "slice's column": {"pipeline": pipeline(source=table(slice={"column": "month"}))},
    "slice's lookback": {"pipeline": pipeline(source=table(slice={"column": "day", "lookback_days": 1}))},
    "slice's condition": {"pipeline": pipeline(source=table(slice={"where": "day = :score_date"}))},
    "source's format": {"pipeline": pipeline(source=table(format="parquet"))},
    "text source's signs": {"pipeline": pipeline(source=table(format="csv", text={"decimal": ","}))},
    "text source's types": {"pipeline": pipeline(source=table(format="csv", columns={"spend": "double"}))},
    "order of columns without a header": {
        "pipeline": pipeline(source=table(format="jsonl", columns={"spend": "double", "age": "int"}))
    },
    "another order of them": {
        "pipeline": pipeline(source=table(format="jsonl", columns={"age": "int", "spend": "double"}))
    },
    "key": {"pipeline": pipeline(key=["customer", "day"])},
    "feature's expression": {"pipeline": pipeline(features={"age": "age + 1", "spend": "spend"})},
    "feature function": {"pipeline": pipeline(features={"function": "package.module:derive"})},
    "another feature function": {"pipeline": pipeline(features={"function": "package.module:other"})},
    "feature function's source": {"feature_source": "def derive(frame): ..."},
    "suite": {"suite": ()},
    "expectation's argument": {"suite": (replace(NOT_NULL, kwargs={"column": "spend"}),)},
    "expectation's severity": {"suite": (replace(NOT_NULL, severity="warning"),)},
    "output's type": {"pipeline": pipeline(outputs={"prediction": {"type": "float"}})},
    "output's name": {"pipeline": pipeline(outputs={"score": {"type": "double"}})},
    "output's result": {"pipeline": pipeline(outputs={"prediction": {"type": "double", "result": "label"}})},
    "personal columns": {"pipeline": pipeline(personal=["customer"])},
    "policy for rows": {"pipeline": pipeline(policy={"rows": {"warning": "quarantine"}})},
    "policy for a check": {"pipeline": pipeline(policy={"checks": {"given": "warn"}})},
    "another policy for a check": {"pipeline": pipeline(policy={"checks": {"given": "reject"}})},
}
KEEPING: dict[str, dict[str, Any]] = {
    "limits": {"pipeline": pipeline(limits={"quarantined_share": 0.5, "quarantined_rows": 7})},
    "limits of rules": {"pipeline": pipeline(limits={"rules": {"given": {"rows": 7}}})},
    "policy that says the default": {"pipeline": pipeline(policy={"rows": {"critical": "quarantine"}, "checks": {}})},
    "history gates": {"pipeline": pipeline(history={"usual": {"of": "rows", "within": 0.5}})},
    "contract with the source": {"pipeline": pipeline(source=table(columns={"age": "int"}, other_columns="refuse"))},
    "description": {"pipeline": pipeline(description="who leaves")},
    "source's path": {"pipeline": pipeline(source=table(path="elsewhere"))},
    "source's location": {"sources": [replace(SOURCE, location="/moved/customers")]},
    "source's version": {"sources": source(version=9)},
    "source's rows": {"sources": source(rows=None)},
    "output tables": {"pipeline": pipeline(output={"predictions": {"path": "elsewhere"}})},
    "alias": {"pipeline": pipeline(model={"name": "churn", "alias": "other"}), "model": replace(MODEL, alias="other")},
    "version in place of alias": {"pipeline": pipeline(model={"name": "churn", "version": 1})},
    "model's version number": {"model": replace(MODEL, version=2)},
    "fence": {"fence": 2},
    "order of features": {"pipeline": pipeline(features={"spend": "spend", "age": "age"})},
}


@pytest.mark.parametrize("changes", CHANGING.values(), ids=CHANGING)
def test_the_run_key_changes_with_what_changes_rows(changes: dict[str, Any]) -> None:
    assert manifest(**changes).run_key != manifest().run_key


@pytest.mark.parametrize("changes", KEEPING.values(), ids=KEEPING)
def test_the_run_key_stays_with_what_changes_no_row(changes: dict[str, Any]) -> None:
    assert manifest(**changes).run_key == manifest().run_key


def test_two_changes_never_have_one_key() -> None:
    keys = {manifest(**changes).run_key for changes in CHANGING.values()}
    assert len(keys) == len(CHANGING)


def test_a_manifest_holds_all_that_was_resolved() -> None:
    observed = json.loads(manifest(query="SELECT 1").as_json())
    assert observed["sources"] == [
        {"name": "customers", "location": "/in/customers", "format": "delta", "version": 3, "fingerprint": "id@2"}
    ]
    assert observed["model"] == {"name": "churn", "version": 1, "alias": "champion", "digest": "d1"}
    assert observed["configuration"]["query"] == "SELECT 1"
    assert observed["configuration"]["expectations"] == [{"check_id": "given", **NOT_NULL.as_json()}]
    assert (observed["pipeline"], observed["score_date"], observed["fence"]) == ("churn", "2013-07-01", 1)


def test_a_manifest_that_went_through_the_ledger_is_of_no_change() -> None:
    columns = {"spend": "double", "age": "int"}
    made = manifest(pipeline=pipeline(source=table(format="csv", text={"header": False}, columns=columns)))
    held = Manifest.from_json(made.as_json())
    assert list(held.configuration.pipeline["source"]["tables"]["customers"]["columns"]) == list(columns)
    assert held == replace(made, configuration=held.configuration)
    assert changes(held, made) == Changes()


def test_a_manifest_of_another_release_is_read_without_what_only_that_one_knew() -> None:
    text = manifest().as_json()
    said = json.loads(text)
    said["model"]["flavor"] = said["a_new_key"] = "more"
    assert Manifest.from_json(json.dumps(said)) == Manifest.from_json(text)


@pytest.mark.parametrize("text", ["{}", "no JSON", "[]", '{"sources": 1}'])
def test_a_manifest_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(TableError, match="a manifest in the ledger cannot be read"):
        Manifest.from_json(text)


def test_a_commit_says_of_its_run_what_made_it() -> None:
    made = manifest()
    observed = made.commit_metadata()
    assert (observed["run_id"], observed["run_key"], observed["fence"]) == (made.run_id, made.run_key, 1)
    assert observed["sources"] == {"customers": 3}


def test_runs_sort_by_their_start_and_are_told_apart() -> None:
    early, late = dt.datetime(2013, 7, 1, 9, tzinfo=dt.UTC), dt.datetime(2013, 7, 1, 10, tzinfo=dt.UTC)
    ids = {new_run_id(early) for _ in range(100)}
    assert len(ids) == 100
    assert {len(run_id) for run_id in ids} == {24}
    assert max(ids) < new_run_id(late)


def test_versions_of_code_and_packages_are_known() -> None:
    assert code_version().partition("+")[2]
    assert {"pyspark", "mlflow", "deltalake"} <= set(package_versions())
