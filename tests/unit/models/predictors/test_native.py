"""Real models of every flavor: the library's own predictor gives what the model's pyfunc gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.models.artifact import read_artifact
from pipelines.models.predictors.features import Block, Features
from pipelines.models.predictors.native import native_predictor
from pipelines.models.predictors.outputs import WantedOutput, outputs_of, struct_type
from pipelines.models.predictors.predictor import Pyfunc
from pipelines.models.workers.proofs import NativePredictorError, compare, prove_native

pytestmark = pytest.mark.filterwarnings("ignore")  # what libraries say while models are made
ROWS, WIDTH = 400, 6
NAMES = tuple(f"f{number}" for number in range(WIDTH))


def numbers(*, gaps: bool = False) -> pd.DataFrame:
    made = np.random.default_rng(7).normal(size=(ROWS, WIDTH))
    if gaps:
        made[np.random.default_rng(8).random(made.shape) < 0.1] = np.nan
    return pd.DataFrame(made, columns=list(NAMES))


def answer(kind: str) -> Any:
    frame = numbers()
    score = frame["f0"] + frame["f1"] * frame["f2"]
    return {
        "number": score,
        "flag": (score > 0).astype(int),
        "text": np.where(score > 0.5, "high", np.where(score > -0.5, "middle", "low")),
        "two": np.column_stack([score, -score]),
    }[kind]


def _lightgbm(kind: str) -> Any:
    import lightgbm

    if kind == "booster":
        return lightgbm.train({"verbose": -1}, lightgbm.Dataset(numbers(), answer("number")), 10)
    model = lightgbm.LGBMRegressor if kind == "number" else lightgbm.LGBMClassifier
    return model(n_estimators=10, verbose=-1).fit(numbers(), answer(kind))


def _xgboost(kind: str) -> Any:
    import xgboost

    if kind == "booster":
        return xgboost.train({}, xgboost.DMatrix(numbers(), answer("number")), 10)
    model = xgboost.XGBRegressor if kind == "number" else xgboost.XGBClassifier
    return model(n_estimators=10).fit(numbers(), answer(kind))


def _sklearn(kind: str) -> Any:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if kind == "two":
        return LinearRegression().fit(numbers(), answer("two"))
    if kind == "number":
        return RandomForestRegressor(5, n_jobs=-1, random_state=0).fit(numbers(), answer("number"))
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(numbers(), answer(kind))


def _catboost(kind: str) -> Any:
    import catboost

    model = catboost.CatBoostRegressor if kind == "number" else catboost.CatBoostClassifier
    return model(iterations=10, verbose=False, allow_writing_files=False).fit(numbers(), answer(kind))


def _onnx(kind: str) -> Any:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(3)
    first, last = rng.normal(size=(WIDTH, 8)).astype(np.float32), rng.normal(size=(8, 1)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", "last"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(first, "first"), numpy_helper.from_array(last, "last")],
    )
    return onnx.helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


MAKERS: dict[str, Callable[[str], Any]] = {
    "lightgbm": _lightgbm, "xgboost": _xgboost, "sklearn": _sklearn, "catboost": _catboost, "onnx": _onnx,
}  # fmt: skip
PREDICT = WantedOutput("p", "predict", pa.float64())
LABELS = (WantedOutput("l", "label", pa.string()), WantedOutput("p", "probabilities", pa.list_(pa.float64())))
CASES: dict[str, tuple[str, str, tuple[WantedOutput, ...]]] = {
    "lightgbm booster": ("lightgbm", "booster", (PREDICT,)),
    "lightgbm regressor": ("lightgbm", "number", (PREDICT,)),
    "lightgbm labels of two": ("lightgbm", "flag", (WantedOutput("p", "predict", pa.int64()),)),
    "lightgbm probabilities of two": ("lightgbm", "flag", LABELS),
    "lightgbm probabilities of three": ("lightgbm", "text", LABELS),
    "lightgbm labels of three": ("lightgbm", "text", (WantedOutput("p", "predict", pa.string()),)),
    "xgboost booster": ("xgboost", "booster", (PREDICT,)),
    "xgboost regressor": ("xgboost", "number", (PREDICT,)),
    "xgboost probabilities of two": ("xgboost", "flag", LABELS),
    "sklearn forest": ("sklearn", "number", (PREDICT,)),
    "sklearn two columns": ("sklearn", "two", (WantedOutput("p", "predict", pa.list_(pa.float64())),)),
    "sklearn pipeline": ("sklearn", "text", LABELS),
    "catboost regressor": ("catboost", "number", (PREDICT,)),
    "catboost probabilities of two": ("catboost", "flag", LABELS),
    "onnx network": ("onnx", "", (WantedOutput("p", "predict", pa.float32(), column="y"),)),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """A model's folder by flavor and kind, saved the first time."""
    import mlflow
    from mlflow.models import infer_signature

    root = tmp_path_factory.mktemp("models")

    def save(flavor: str, kind: str) -> Path:
        folder = root / f"{flavor}_{kind}"
        if not folder.exists():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trusted = {"skops_trusted_types": ["sklearn.tree._tree.Tree"]} if flavor == "sklearn" else {}
                made, signature = MAKERS[flavor](kind), infer_signature(numbers())
                save_model = getattr(mlflow, flavor).save_model
                save_model(made, str(folder), signature=signature, pip_requirements=["numpy"], **trusted)
        return folder

    return save


def packed(frame: pd.DataFrame) -> Features:
    """As features arrive from Spark: all of one type in one array, a gap as a null."""
    values = pa.array(frame.to_numpy().reshape(-1), from_pandas=True)
    lists = pa.ListArray.from_arrays(pa.array(np.arange(len(frame) + 1) * frame.shape[1], pa.int32()), values)
    return Features(tuple(frame.columns), (Block(tuple(frame.columns)),), (lists,))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
def test_the_librarys_predictor_gives_what_pyfunc_gives(
    saved: Callable[[str, str], Path], case: str, gaps: bool
) -> None:
    flavor, kind, wanted = CASES[case]
    if gaps and flavor == "sklearn" and kind != "number":
        pytest.skip("these estimators take no gaps")
    folder = saved(flavor, kind)
    pyfunc = Pyfunc(folder)
    native = native_predictor(folder, read_artifact(folder, "m").flavors, pyfunc)
    assert native is not None
    assert native.name == flavor
    features = packed(numbers(gaps=gaps))
    observed, expected = outputs_of(native, features, wanted), outputs_of(pyfunc, features, wanted)
    assert len(observed) == ROWS
    assert compare(observed, expected).row is None
    assert len({str(row) for row in observed.to_pylist()}) > 1


def test_what_a_library_gives_otherwise_is_noticed(saved: Callable[[str, str], Path]) -> None:
    folder = saved("lightgbm", "number")
    pyfunc = Pyfunc(folder)
    native = native_predictor(folder, read_artifact(folder, "m").flavors, pyfunc)
    assert native is not None
    features = packed(numbers())
    right = partial(outputs_of, pyfunc, wanted=[PREDICT])

    def wrong(rows: Features) -> pa.StructArray:
        values = right(rows).field("p").to_numpy() * 1.0001
        return pa.StructArray.from_arrays([pa.array(values)], names=["p"])

    found = prove_native(partial(outputs_of, native, wanted=[PREDICT]), right, features, struct_type([PREDICT]))
    assert found is not None
    assert found.largest < 1e-9
    with pytest.raises(NativePredictorError, match=r"it gives .*, pyfunc"):
        prove_native(wrong, right, features, struct_type([PREDICT]))


def test_a_pipeline_with_strings_and_gaps_takes_columns_by_name(tmp_path: Path) -> None:
    import mlflow
    from mlflow.models import infer_signature
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    frame = pd.DataFrame({"carrier": ["AA", "UA", "DL", "AA"] * 5, "delay": [1.0, np.nan, 3.0, 4.0] * 5})
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["carrier"]), (SimpleImputer(), ["delay"])
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1, 1, 0] * 5)
    mlflow.sklearn.save_model(
        model,
        str(tmp_path / "m"),
        signature=infer_signature(frame),
        pip_requirements=["numpy"],
        skops_trusted_types=["numpy.dtype"],
    )
    pyfunc = Pyfunc(tmp_path / "m")
    native = native_predictor(tmp_path / "m", read_artifact(tmp_path / "m", "m").flavors, pyfunc)
    assert native is not None
    unseen = pa.table({"carrier": ["AA", "XX", None], "delay": [None, 2.0, float("nan")]})
    wanted = [WantedOutput("p", "probability", pa.float64())]
    observed = outputs_of(native, Features.of(unseen), wanted).field("p").to_pylist()
    assert observed == pytest.approx(model.predict_proba(unseen.to_pandas())[:, 1].tolist())


def test_a_model_of_a_users_own_has_pyfunc_only(folders: dict[str, Path]) -> None:
    folder = folders["columns"]
    assert native_predictor(folder, read_artifact(folder, "m").flavors, Pyfunc(folder)) is None
