"""From features to outputs: each row its own, of the type and class that were asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.models.predictors.features import Features
from pipelines.models.predictors.outputs import AlignmentError, OutputError, WantedOutput, outputs_of
from pipelines.models.predictors.predictor import Pyfunc
from unit.samples import training_rows

LABEL = WantedOutput("label", "label", pa.bool_())
PROBABILITY = WantedOutput("probability", "probability", pa.float64(), of=True)
PREDICTED = WantedOutput("predicted", "predict", pa.bool_())


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return training_rows()[0].head(20)


@pytest.fixture(scope="module")
def predictors(folders: dict[str, Path]) -> dict[str, Pyfunc]:
    return {name: Pyfunc(folder) for name, folder in folders.items()}


def features(rows: pd.DataFrame) -> Features:
    return Features.of(pa.Table.from_pandas(rows, preserve_index=False))


@pytest.mark.parametrize("kind", ["sklearn", "lightgbm"])
def test_a_classifier_gives_label_and_probability_of_one_evaluation(
    predictors: dict[str, Pyfunc], rows: pd.DataFrame, kind: str
) -> None:
    observed = outputs_of(predictors[kind], features(rows), [LABEL, PROBABILITY])
    probability = observed.field("probability").to_numpy(zero_copy_only=False)
    assert observed.type == pa.struct([("label", pa.bool_()), ("probability", pa.float64())])
    assert observed.field("label").to_pylist() == list(probability > 0.5)
    assert observed.field("label").to_pylist() == list(rows["age"] > 50)


@pytest.mark.parametrize("kind", ["sklearn", "lightgbm"])
def test_probabilities_are_the_models_own_and_sum_to_one(
    predictors: dict[str, Pyfunc], folders: dict[str, Path], rows: pd.DataFrame, kind: str
) -> None:
    import mlflow.pyfunc

    expected = mlflow.pyfunc.load_model(str(folders[kind])).get_raw_model().predict_proba(rows)
    no = WantedOutput("no", "probability", pa.float64(), of=False)
    observed = outputs_of(predictors[kind], features(rows), [no, PROBABILITY])
    np.testing.assert_allclose(observed.field("no").to_numpy(), expected[:, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(observed.field("probability").to_numpy(), expected[:, 1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["sklearn", "lightgbm"])
def test_predict_gives_what_the_model_predicts(predictors: dict[str, Pyfunc], rows: pd.DataFrame, kind: str) -> None:
    observed = outputs_of(predictors[kind], features(rows), [PREDICTED])
    assert observed.field("predicted").to_pylist() == list(rows["age"] > 50)


def test_a_rows_result_does_not_depend_on_its_batch(predictors: dict[str, Pyfunc], rows: pd.DataFrame) -> None:
    whole = outputs_of(predictors["sklearn"], features(rows), [PROBABILITY]).to_pylist()
    singly = [
        outputs_of(predictors["sklearn"], features(rows.iloc[[place]]), [PROBABILITY])[0].as_py()
        for place in range(len(rows))
    ]
    assert [item["probability"] for item in singly] == pytest.approx([item["probability"] for item in whole], abs=1e-12)


def test_one_of_several_columns_is_taken_by_its_name(predictors: dict[str, Pyfunc], rows: pd.DataFrame) -> None:
    wanted = [
        WantedOutput("high", "predict", pa.bool_(), column="high"),
        WantedOutput("twice", "predict", pa.float32(), column="double"),
    ]
    observed = outputs_of(predictors["columns"], features(rows), wanted)
    assert observed.field("high").to_pylist() == list(rows["age"] > 50)
    assert observed.field("twice").to_pylist() == pytest.approx(list(rows["age"] * 2), rel=1e-6)


@pytest.mark.parametrize("column", [None, "tripel"])
def test_an_unnamed_or_unknown_column_of_several_is_told_the_names(
    predictors: dict[str, Pyfunc], rows: pd.DataFrame, column: str | None
) -> None:
    wanted = WantedOutput("twice", "predict", pa.float64(), column=column)
    with pytest.raises(ValueError, match=r"output 'twice': the model returns the columns \['double', 'high'\]"):
        outputs_of(predictors["columns"], features(rows), [wanted])


def test_a_column_of_a_model_that_returns_one_unnamed_is_told_so(
    predictors: dict[str, Pyfunc], rows: pd.DataFrame
) -> None:
    wanted = WantedOutput("twice", "predict", pa.bool_(), column="double")
    with pytest.raises(ValueError, match="the model returns one unnamed column, not 'double'"):
        outputs_of(predictors["sklearn"], features(rows), [wanted])


@pytest.mark.parametrize("of", ["yes", 2, "True"])
def test_an_unknown_class_is_told_the_models_own(
    predictors: dict[str, Pyfunc], rows: pd.DataFrame, of: str | int
) -> None:
    wanted = WantedOutput("p", "probability", pa.float64(), of=of)
    with pytest.raises(ValueError, match=r"output 'p': the model has no class .*; its classes: \[False, True\]"):
        outputs_of(predictors["lightgbm"], features(rows), [wanted])


def test_a_model_without_probabilities_is_told_to_use_predict(
    predictors: dict[str, Pyfunc], rows: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match="has none: use result 'predict'"):
        outputs_of(predictors["columns"], features(rows), [PROBABILITY])


@pytest.mark.parametrize(
    "wanted",
    [
        WantedOutput("p", "probability", pa.bool_(), of=True),
        WantedOutput("p", "probability", pa.int32(), of=True),
        WantedOutput("p", "label", pa.date32()),
        WantedOutput("p", "predict", pa.list_(pa.float64())),
    ],
    ids=lambda wanted: f"{wanted.result} as {wanted.type}",
)
def test_results_of_another_type_are_refused(
    predictors: dict[str, Pyfunc], rows: pd.DataFrame, wanted: WantedOutput
) -> None:
    with pytest.raises(ValueError, match="output 'p': the model's results are no"):
        outputs_of(predictors["sklearn"], features(rows), [wanted])


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.string()], ids=str)
def test_results_are_cast_where_nothing_is_lost(
    predictors: dict[str, Pyfunc], rows: pd.DataFrame, kind: pa.DataType
) -> None:
    wanted = WantedOutput("p", "probability", kind, of=True)
    assert outputs_of(predictors["sklearn"], features(rows), [wanted]).field("p").type == kind


def test_a_model_that_loses_a_row_is_not_believed(predictors: dict[str, Pyfunc], rows: pd.DataFrame) -> None:
    wanted = WantedOutput("p", "predict", pa.float64())
    with pytest.raises(AlignmentError, match="returned 19 results for a batch of 20 rows"):
        outputs_of(predictors["forgetful"], features(rows), [wanted])


class _Given:
    """Gives what it was told to, whatever the rows."""

    name = "given"
    takes_numbers_only = False

    def __init__(self, results: Any, classes: list[Any] | None = None) -> None:
        self._results, self._classes = results, classes or []

    def predict(self, features: Features) -> Any:
        return self._results

    def predict_proba(self, features: Features) -> Any:
        return self._results

    def classes(self) -> list[Any]:
        return self._classes


def given(results: Any, *wanted: WantedOutput, classes: list[Any] | None = None, rows: int = 2) -> list[dict[str, Any]]:
    return outputs_of(_Given(results, classes), Features.of(pa.table({"x": range(rows)})), wanted).to_pylist()


def test_probabilities_that_lose_a_row_are_not_believed() -> None:
    with pytest.raises(AlignmentError, match="returned 1 results for a batch of 2 rows"):
        given(np.full((1, 2), 0.5), PROBABILITY, classes=[False, True])


THREE = np.array([[0.2, 0.3, 0.5], [0.7, 0.2, 0.1]])
DOUBLES = pa.list_(pa.float64())
RECORD = pa.struct({"a": pa.int64(), "b": pa.string()})
BY_CLASS = pa.map_(pa.string(), pa.float64())


@pytest.mark.parametrize(
    ("results", "wanted", "expected"),
    [
        (THREE, WantedOutput("p", "probabilities", DOUBLES), THREE.tolist()),
        (THREE, WantedOutput("p", "probabilities", BY_CLASS), [list(zip("abc", row, strict=True)) for row in THREE]),
        (THREE, WantedOutput("p", "label", pa.string()), ["c", "a"]),
        (THREE, WantedOutput("p", "probability", pa.float64(), of="b"), [0.3, 0.2]),
        (THREE, WantedOutput("p", "predict", DOUBLES), THREE.tolist()),
        (THREE, WantedOutput("p", "predict", pa.float64(), column="2"), [0.5, 0.1]),
        (THREE[:, :1], WantedOutput("p", "predict", pa.float64()), [0.2, 0.7]),
        (["x", None], WantedOutput("p", "predict", pa.string()), ["x", None]),
        ([[1.0], [2.0, 3.0]], WantedOutput("p", "predict", DOUBLES), [[1.0], [2.0, 3.0]]),
        ([{"a": 1.0}, {"b": 3.0}], WantedOutput("p", "predict", BY_CLASS), [[("a", 1.0)], [("b", 3.0)]]),
        ([{"a": 1}, {"b": "x"}], WantedOutput("p", "predict", RECORD), [{"a": 1, "b": None}, {"a": None, "b": "x"}]),
        (pd.Series([1.5, 2.5]), WantedOutput("p", "predict", pa.float32()), [1.5, 2.5]),
    ],
    ids=lambda value: f"{value.result} {value.column or ''} as {value.type}" if isinstance(value, WantedOutput) else "",
)  # fmt: skip
def test_results_of_every_shape_become_columns(results: Any, wanted: WantedOutput, expected: list[Any]) -> None:
    assert [row["p"] for row in given(results, wanted, classes=["a", "b", "c"])] == expected


def test_without_a_class_the_probability_is_that_of_the_second_of_two() -> None:
    wanted = WantedOutput("p", "probability", pa.float64())
    assert [row["p"] for row in given(THREE[:, :2], wanted, classes=["no", "yes"])] == [0.3, 0.2]
    with pytest.raises(OutputError, match="name the class by 'of'"):
        given(THREE, wanted, classes=["a", "b", "c"])


@pytest.mark.parametrize(
    ("results", "wanted", "told"),
    [
        (None, WantedOutput("p", "predict", pa.float64()), "the model returned NoneType"),
        (3.0, WantedOutput("p", "predict", pa.float64()), "the model returned float"),
        (THREE, WantedOutput("p", "predict", pa.float64()), "returns 3 columns; name one by 'column', 0 to 2"),
        (THREE, WantedOutput("p", "predict", pa.float64(), column="3"), "columns 0 to 2, not '3'"),
        (THREE, WantedOutput("p", "predict", pa.float64(), column="a"), "columns 0 to 2, not 'a'"),
        (["much", "more"], WantedOutput("p", "predict", pa.float64()), "results are no double"),
    ],
    ids=str,
)
def test_results_that_are_not_what_is_wanted_are_told(results: Any, wanted: WantedOutput, told: str) -> None:
    with pytest.raises(OutputError, match=told):
        given(results, wanted)


def test_a_model_that_sorts_its_rows_is_not_believed(predictors: dict[str, Pyfunc], rows: pd.DataFrame) -> None:
    with pytest.raises(AlignmentError, match="another order"):
        outputs_of(predictors["sorting"], features(rows), [WantedOutput("age", "predict", pa.float64())])


def test_minus_one_is_no_boolean(predictors: dict[str, Pyfunc], rows: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="only 0 and 1 are booleans; the model gives 1 other values"):
        outputs_of(predictors["signs"], features(rows), [WantedOutput("flag", "predict", pa.bool_())])


def test_a_class_that_is_not_known_is_no_class() -> None:
    unknown = np.array([[np.nan, np.nan], [0.2, 0.8]])
    wanted = WantedOutput("l", "label", pa.string())
    assert [row["l"] for row in given(unknown, wanted, classes=["no", "yes"])] == [None, "yes"]


def test_a_result_of_another_type_is_not_quoted() -> None:
    with pytest.raises(OutputError) as caught:
        given(["Alice Smith", "x"], WantedOutput("p", "predict", pa.float64()))
    assert "Alice" not in str(caught.value)


NAN, NAT, NA = float("nan"), pd.NaT, pd.NA
MOMENT = pd.Timestamp("2024-02-29 12:00")
UTC_TIMES = pa.timestamp("us", "UTC")


@pytest.mark.parametrize("gap", [None, NAN, NA, NAT], ids=["None", "NaN", "NA", "NaT"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x", pa.string()),
        (3, pa.int64()),
        (3, pa.int32()),
        (True, pa.bool_()),
        (1, pa.bool_()),
        (MOMENT, UTC_TIMES),
        (MOMENT.date(), pa.date32()),
        ([1.5], DOUBLES),
        (["x"], pa.list_(pa.string())),
        ({"a": 1.5}, BY_CLASS),
        ({"a": 1, "b": "x"}, RECORD),
    ],
    ids=lambda value: str(value).replace(" ", ""),
)
def test_a_gap_among_objects_is_null_however_the_model_spells_it(value: Any, gap: Any, kind: pa.DataType) -> None:
    values = pd.Series([value, gap], dtype=object)
    expected = given([value, None], WantedOutput("p", "predict", kind))
    assert [row["p"] is None for row in expected] == [False, True]
    assert given(values, WantedOutput("p", "predict", kind)) == expected
    assert given(values.to_numpy(), WantedOutput("p", "predict", kind)) == expected
    assert given(list(values), WantedOutput("p", "predict", kind)) == expected


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pd.Series([3.0, NAN]), pa.int64(), [3, None]),
        (pd.Series([3, None], dtype="Int64"), pa.int64(), [3, None]),
        (pd.Series([1.0, 0.0, NAN]), pa.bool_(), [True, False, None]),
        (pd.Series([True, None], dtype="boolean"), pa.bool_(), [True, None]),
        (pd.Series(["x", None], dtype="string"), pa.string(), ["x", None]),
        (pd.Series(["x", None], dtype="category"), pa.string(), ["x", None]),
        (pd.Series([MOMENT, NAT]), UTC_TIMES, [MOMENT.tz_localize("UTC").to_pydatetime(), None]),
        (np.array(["2024-02-29", "NaT"], "datetime64[ns]"), pa.date32(), [MOMENT.date(), None]),
        (pd.Series([1.5, None], dtype="Float64"), pa.float64(), [1.5, None]),
        (np.array([["x", NAN], ["y", "z"]], dtype=object), pa.list_(pa.string()), [["x", None], ["y", "z"]]),
        ([["x", NAN], None], pa.list_(pa.string()), [["x", None], None]),
        ([{"a": 1, "b": NAN}, None], RECORD, [{"a": 1, "b": None}, None]),
    ],
    ids=lambda value: str(getattr(value, "dtype", value)).replace(" ", "")[:40],
)
def test_a_gap_among_values_of_one_type_is_null(values: Any, kind: pa.DataType, expected: list[Any]) -> None:
    assert [row["p"] for row in given(values, WantedOutput("p", "predict", kind), rows=len(values))] == expected


def test_a_time_within_a_day_is_no_date() -> None:
    with pytest.raises(OutputError, match="some have a time of day; take type timestamp"):
        given(pd.Series([MOMENT, NAT]), WantedOutput("p", "predict", pa.date32()))


def test_a_nan_where_it_can_be_held_stays_one() -> None:
    for values, kind in (([1.5, NAN], pa.float64()), ([[NAN], [1.5]], DOUBLES), ([{"a": NAN}, {"a": 1.5}], BY_CLASS)):
        told = str(given(values, WantedOutput("p", "predict", kind)))
        assert told.count("nan") == 1
        assert "None" not in told


def test_a_batch_of_gaps_alone_is_null_throughout() -> None:
    for kind in (pa.date32(), UTC_TIMES, pa.bool_(), pa.int64(), pa.string(), pa.float64()):
        for values in (pd.Series([NAT, NAT]), pd.Series([NA, None], dtype=object)):
            if kind != pa.float64() or values.dtype == object:
                assert [row["p"] for row in given(values, WantedOutput("p", "predict", kind))] == [None, None]


@pytest.mark.parametrize("gap", [None, NA, NAT], ids=["None", "NA", "NaT"])
def test_a_gap_among_numbers_is_null_and_a_nan_stays_one(gap: Any) -> None:
    values = pd.Series([1.5, gap, NAN], dtype=object)
    first, second, third = (row["p"] for row in given(values, WantedOutput("p", "predict", pa.float64()), rows=3))
    assert (first, second) == (1.5, None)
    assert np.isnan(third)


def test_gaps_of_a_record_are_those_of_each_field() -> None:
    kind = pa.struct({"label": pa.string(), "score": pa.float64()})
    rows = given([{"label": NAN, "score": 1.5}, {"label": "x", "score": NAN}], WantedOutput("p", "predict", kind))
    assert rows[0]["p"] == {"label": None, "score": 1.5}
    assert rows[1]["p"]["label"] == "x"
    assert np.isnan(rows[1]["p"]["score"])


@pytest.mark.parametrize("values", [[0.5, NAN], [2.0, 1.0], [-1.0, 1.0]], ids=str)
def test_numbers_that_are_no_bits_are_refused_with_gaps_too(values: list[float]) -> None:
    with pytest.raises(OutputError, match="only 0 and 1 are booleans"):
        given(np.array(values), WantedOutput("p", "predict", pa.bool_()))


def test_probabilities_of_another_width_than_the_classes_are_refused() -> None:
    with pytest.raises(OutputError, match="it names 2 classes: use result 'predict'"):
        given(THREE, PROBABILITY, classes=[False, True])
    with pytest.raises(OutputError, match="the model has one output, not several: leave 'column' out"):
        given(THREE, WantedOutput("p", "label", pa.string(), column="0"), classes=["a", "b", "c"])
