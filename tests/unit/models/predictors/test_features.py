"""Features on their way: as one array or as columns, the same rows, numbers and gaps."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.models.predictors.features import Block, Features, TimeRangeError

NAMES = ("b", "n", "a", "t")
BLOCKS = (Block(("b", "a")), Block(("n",)), Block(("t",)))


@pytest.fixture
def features() -> Features:
    doubles = pa.array([[1.0, 10.0], [None, 20.0], [3.0, float("nan")], [4.0, 40.0]])
    return Features(NAMES, BLOCKS, (doubles, pa.array([1, 2, 3, 4]), pa.array(["x", None, "", "ü"])))


def test_a_frame_has_the_inputs_in_the_signatures_order(features: Features) -> None:
    frame = features.frame()
    assert list(frame.columns) == list(NAMES)
    assert [str(kind) for kind in frame.dtypes] == ["float64", "int64", "float64", "object"]
    np.testing.assert_array_equal(frame["b"], [1.0, np.nan, 3.0, 4.0])
    np.testing.assert_array_equal(frame["a"], [10.0, 20.0, np.nan, 40.0])
    assert frame["t"].tolist() == ["x", None, "", "ü"]


def test_a_table_tells_null_and_nan_apart(features: Features) -> None:
    rows = features.table().to_pylist()
    assert rows[1] == {"b": None, "n": 2, "a": 20.0, "t": None}
    assert np.isnan(rows[2]["a"])


def test_rows_are_kept_together_by_filter_take_and_slice(features: Features) -> None:
    kept = features.filter(pa.array([True, False, True, True]))
    assert kept.frame()["n"].tolist() == [1, 3, 4]
    assert kept.take([2, 0]).table().to_pylist() == [features.table().to_pylist()[row] for row in (3, 0)]
    part = features.slice(1, 2)
    assert len(part) == 2
    assert part.table().to_pylist()[0] == features.table().to_pylist()[1]
    assert part.frame()["a"].tolist()[0] == 20.0


def test_a_matrix_has_the_signatures_order_and_nan_for_gaps(features: Features) -> None:
    plain = Features(NAMES[:3], BLOCKS[:2], features.arrays[:2])
    assert plain.is_numeric
    np.testing.assert_array_equal(plain.matrix(), [[1, 1, 10], [np.nan, 2, 20], [3, 3, np.nan], [4, 4, 40]])
    assert plain.matrix().flags.c_contiguous
    assert not features.is_numeric


def test_one_block_is_a_matrix_without_a_copy() -> None:
    values = pa.array(np.arange(12.0))
    lists = pa.ListArray.from_arrays(pa.array([0, 3, 6, 9, 12], pa.int32()), values)
    features = Features(("a", "b", "c"), (Block(("a", "b", "c")),), (lists,))
    address = values.buffers()[1].address
    assert features.matrix().ctypes.data == address
    assert features.slice(2, 2).matrix().tolist() == [[6, 7, 8], [9, 10, 11]]
    assert features.frame().to_numpy().ctypes.data == address


def test_times_have_no_zone_and_count_nanoseconds_as_mlflow_takes_them() -> None:
    moment = dt.datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=dt.UTC)
    elsewhere = pa.array([moment, None], pa.timestamp("us", "America/New_York"))
    features = Features.of(pa.table({"at": pa.array([moment, None]), "there": elsewhere}))
    for frame in (features.frame(), features.table().to_pandas()):
        assert [str(kind) for kind in frame.dtypes] == ["datetime64[ns]"] * 2
        assert frame["at"].tolist() == frame["there"].tolist() == [pd.Timestamp("2024-02-29 12:00:00.000001"), pd.NaT]


@pytest.mark.parametrize("year", [1, 1677, 2263, 9999])
def test_a_time_that_does_not_fit_is_refused_and_does_not_wrap_around(year: int) -> None:
    features = Features.of(pa.table({"at": pa.array([dt.datetime(year, 1, 1)])}))
    with pytest.raises(TimeRangeError, match="before 1677 or after 2262"):
        features.frame()


def test_maps_are_dicts() -> None:
    maps = pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64()))
    assert Features.of(pa.table({"m": maps})).frame()["m"].tolist() == [{"a": 1}, None, {}]


def test_whole_numbers_become_doubles_and_lose_nothing() -> None:
    seconds = [1_700_000_001, 1_700_000_002]
    lists = pa.array([[seconds[0], 1], [seconds[1], 2]], pa.list_(pa.int64()))
    matrix = Features(("at", "n"), (Block(("at", "n")),), (lists,)).matrix()
    assert matrix.dtype == np.float64
    assert matrix[:, 0].tolist() == seconds
