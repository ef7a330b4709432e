"""A batch on which the model raises: the culprits are found, all other rows scored, in their order."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException

from pipelines.models.predictors.features import Features
from pipelines.models.predictors.outputs import AlignmentError, OutputError
from pipelines.models.workers.bisecting import NOT_TRIED, Scored, score_batch

KIND = pa.struct([("p", pa.int64())])


class Model:
    """Doubles its rows, and raises on those that it is told to; it counts the rows that it is asked about."""

    def __init__(self, poison: set[int]) -> None:
        self.poison = poison
        self.calls: list[int] = []

    def __call__(self, features: Features) -> pa.StructArray:
        values = features.arrays[0]
        self.calls.append(len(features))
        found = sorted(self.poison & set(values.to_pylist()))
        if found:
            raise ValueError(f"row {found[0]} is poison\nand more lines")
        return pa.StructArray.from_arrays([pc.multiply(values, 2)], names=["p"])


def score(rows: int, model: Model, allowed: int = 1000, tells_values: bool = True) -> Scored:
    features = Features.of(pa.table({"x": pa.array(range(rows), pa.int64())}))
    return score_batch(model, features, KIND, allowed=allowed, tells_values=tells_values)


@given(st.integers(1, 200), st.sets(st.integers(0, 199), max_size=8))
def test_all_rows_but_the_culprits_are_scored_in_their_order(rows: int, poison: set[int]) -> None:
    scored = score(rows, Model(poison))
    culprits = {row for row in poison if row < rows}
    assert set(scored.failures) == culprits
    assert scored.results.to_pylist() == [None if row in culprits else {"p": row * 2} for row in range(rows)]


def test_a_clean_batch_is_scored_in_one_call() -> None:
    model = Model(set())
    assert score(100, model).failures == {}
    assert model.calls == [100]


def test_one_culprit_costs_about_two_calls_a_halving() -> None:
    model = Model({700})
    assert score(1024, model).failures == {700: "the model raised ValueError: row 700 is poison"}
    assert len(model.calls) == 1 + 2 * 10


def test_of_mlflows_error_the_cause_is_told_and_not_the_batch_before_it() -> None:
    def refuse(features: Features) -> pa.StructArray:
        raise MlflowException(
            "Failed to enforce schema of data '     i\n0  NaN' with schema '['i': integer]'. "
            "Error: Incompatible input types for column i. Can not safely convert float64 to int32."
        )

    failures = score_batch(refuse, Features.of(pa.table({"x": [1]})), KIND, allowed=1, tells_values=True).failures
    assert failures[0].startswith("the model raised MlflowException: Incompatible input types for column i.")


def test_a_personal_rows_exception_is_not_quoted() -> None:
    assert score(4, Model({2}), tells_values=False).failures == {2: "the model raised ValueError"}


def test_past_the_limit_the_rest_is_not_tried() -> None:
    model = Model(set(range(10_000)))
    scored = score(10_000, model, allowed=3)
    assert len(scored.failures) == 10_000
    assert sum(text == NOT_TRIED for text in scored.failures.values()) == 10_000 - 4
    assert len(model.calls) < 40


@pytest.mark.parametrize("error", [AlignmentError, OutputError])
def test_what_is_wrong_whichever_rows_are_given_is_not_bisected(error: type[ValueError]) -> None:
    calls = []

    def predict(features: Features) -> pa.StructArray:
        calls.append(len(features))
        raise error("wrong")

    with pytest.raises(error):
        score_batch(predict, Features.of(pa.table({"x": [1, 2, 3]})), KIND, allowed=9, tells_values=True)
    assert calls == [3]


@pytest.mark.parametrize("reason", ["of Alice Smith", OSError("Alice Smith")], ids=["text", "no text"])
def test_another_exceptions_reason_is_not_quoted_either(reason: object) -> None:
    class OwnError(Exception):
        pass

    def predict(features: Features) -> pa.StructArray:
        error = OwnError()
        error.reason = reason  # type: ignore[attr-defined]
        raise error

    scored = score_batch(predict, Features.of(pa.table({"x": [1]})), KIND, allowed=9, tells_values=False)
    assert scored.failures == {0: "the model raised OwnError"}
