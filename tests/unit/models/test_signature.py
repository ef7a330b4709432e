"""What a model takes, held against what the features give: all that does not fit is told in one message."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import types as T

from pipelines.errors import ModelError
from pipelines.models.registry import resolve
from pipelines.models.signature import ModelInput, compare, model_inputs
from unit.samples import Registry

DOUBLE, LONG, STRING = T.DoubleType(), T.LongType(), T.StringType()
INPUTS = (
    ModelInput("age", DOUBLE),
    ModelInput("visits", LONG),
    ModelInput("city", STRING),
    ModelInput("note", STRING, required=False),
)
FITTING = {"age": DOUBLE, "visits": LONG, "city": STRING}


def folder_of(registry: Registry, cache: Path, name: str) -> Path:
    return resolve(registry.uri, cache, name, alias=None, version=1).folder


def test_inputs_come_in_the_signatures_order_with_spark_types(registry: Registry, tmp_path: Path) -> None:
    observed = model_inputs(folder_of(registry, tmp_path, "churn"), "m")
    assert observed == (ModelInput("age", DOUBLE), ModelInput("spend", DOUBLE))


def test_a_model_without_a_signature_says_how_to_give_it_one(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="model 'unsigned' has no signature") as caught:
        model_inputs(folder_of(registry, tmp_path, "unsigned"), "model 'unsigned'")
    assert "infer_signature" in str(caught.value)


def test_a_model_of_a_tensor_is_refused(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="takes a tensor, not named columns"):
        model_inputs(folder_of(registry, tmp_path, "tensor"), "m")


@pytest.mark.parametrize("content", [None, "", "]: no yaml", "[]"], ids=["no file", "empty", "no yaml", "a list"])
def test_a_folder_without_a_readable_model_is_a_model_error(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "MLmodel").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError):
        model_inputs(tmp_path, "m")


def test_features_that_fit_are_provided_in_the_signatures_order() -> None:
    observed = compare(INPUTS, {**FITTING, "note": STRING, "unused": T.DateType()}, "m")
    assert [item.name for item in observed] == ["age", "visits", "city", "note"]


def test_an_optional_input_may_be_missing() -> None:
    assert [item.name for item in compare(INPUTS, FITTING, "m")] == ["age", "visits", "city"]


def test_narrower_types_fit() -> None:
    assert len(compare(INPUTS, {"age": T.IntegerType(), "visits": T.ShortType(), "city": STRING}, "m")) == 3


def test_all_that_does_not_fit_is_told_at_once() -> None:
    found = {"ages": DOUBLE, "visits": DOUBLE, "city": T.DateType()}
    with pytest.raises(ModelError, match="the features do not fit the signature of model 'm' version 1") as caught:
        compare(INPUTS, found, "model 'm' version 1")
    observed = str(caught.value)
    assert "age: missing; did you mean 'ages'?" in observed
    assert "visits: double, but the model takes bigint; write CAST(… AS BIGINT)" in observed
    assert "city: date, but the model takes string" in observed
    assert "note: " not in observed


def test_all_of_many_problems_are_told() -> None:
    inputs = tuple(ModelInput(f"a_feature_with_a_long_name_{number}", DOUBLE) for number in range(40))
    with pytest.raises(ModelError) as caught:
        compare(inputs, {}, "m")
    assert str(caught.value).count(": missing") == 40


def test_an_optional_input_of_another_type_does_not_fit() -> None:
    with pytest.raises(ModelError, match="note: double, but the model takes string"):
        compare(INPUTS, {**FITTING, "note": DOUBLE}, "m")


def test_a_feature_that_is_always_null_fits_where_the_model_can_be_told_of_nulls() -> None:
    assert len(compare(INPUTS, {**FITTING, "age": T.NullType()}, "m")) == 3
    with pytest.raises(ModelError, match="visits: always null, and the model's bigint cannot hold a null"):
        compare(INPUTS, {**FITTING, "visits": T.NullType()}, "m")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(DOUBLE, True), (T.FloatType(), True), (STRING, True), (LONG, False), (T.BooleanType(), False)],
)
def test_whole_numbers_and_booleans_hold_no_null(kind: T.DataType, expected: bool) -> None:
    assert ModelInput("x", kind).holds_null is expected
