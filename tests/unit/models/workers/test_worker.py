"""A task's batches: proven before they are believed, however small they are, and with refused rows among them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.models import infer_signature

from pipelines.models.artifact import Artifact
from pipelines.models.isolation.host_process import Host
from pipelines.models.predictors.features import Features
from pipelines.models.predictors.outputs import AlignmentError, WantedOutput
from pipelines.models.predictors.predictor import Pyfunc
from pipelines.models.predictors.proposed_outputs import proposed_outputs
from pipelines.models.registry import RegisteredModel, digest_of
from pipelines.models.workers.proofs import NativePredictorError
from pipelines.models.workers.worker import Scoring, Worker, load_model

CODE = """
import mlflow


class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["amount"]


mlflow.models.set_model(Model())
"""
FILES = Artifact(Path("/nowhere"), {}, "mlflow.sklearn", (), None, 1, runs_code=False, pickled=False)
SCORING = Scoring(RegisteredModel("m", 1, None, "d", FILES), (WantedOutput("p", "predict", pa.float64()),))
Numbers = np.ndarray[Any, Any]


class Counted:
    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, value: Any) -> None:
        self.values.append(value)


class Workers:
    def __init__(self) -> None:
        self.evaluated, self.loads, self.reports = Counted(), Counted(), Counted()


class Model:
    takes_numbers_only = False

    def __init__(self, name: str, function: Callable[[Numbers], Numbers]) -> None:
        self.name, self._function = name, function

    def predict(self, features: Features) -> Numbers:
        return self._function(features.matrix()[:, 0])


def score(batches: list[list[float]], pyfunc: Model, native: Model | None = None) -> tuple[list[Any], Workers]:
    workers = Workers()
    worker = Worker(SCORING, pyfunc, native, workers)  # type: ignore[arg-type]
    rows = []
    for batch in batches:
        features = Features.of(pa.table({"x": pa.array(batch, pa.float64())}))
        rows += worker.score(pa.array([value < 0 for value in batch]), features).to_pylist()
    return [None if row is None else row["p"] for row in rows], workers


DOUBLING = Model("pyfunc", lambda values: values * 2)


def test_refused_rows_are_not_scored_and_the_others_keep_their_places() -> None:
    rows, workers = score([[1, -1, 2], [-1], [3]], DOUBLING)
    assert rows == [2, None, 4, None, 6]
    assert sum(workers.evaluated.values) == 3


@pytest.mark.parametrize("batches", [[[1.0], [1.0, 2.0, 9.0]], [[-1.0, 5.0], [-1.0], [1.0, 2.0]]], ids=str)
def test_a_small_first_batch_proves_nothing_of_those_that_follow(batches: list[list[float]]) -> None:
    with pytest.raises(AlignmentError):
        score(batches, Model("pyfunc", lambda values: values - values.mean()))


def test_a_native_predictor_is_compared_until_enough_rows_were_seen() -> None:
    native = Model("native", lambda values: np.where(values > 5, 0.0, values * 2))
    with pytest.raises(NativePredictorError, match=r"it gives \{'p': 0.0\}, pyfunc \{'p': 18.0\}"):
        score([[1.0], [1.0, 9.0]], DOUBLING, native)


def test_once_proven_the_native_predictor_scores_alone() -> None:
    asked: list[int] = []

    def told(values: Numbers) -> Numbers:
        asked.append(len(values))
        return values * 2

    native = Model("native", lambda values: values * 2)
    rows, workers = score([list(range(20)), list(range(20)), list(range(7))], Model("pyfunc", told), native)
    assert asked == [20]
    assert len(rows) == 47
    assert [report.predictor for reports in workers.reports.values for report in reports] == ["native"]


def test_a_native_predictor_that_scores_what_pyfunc_refuses_is_not_used() -> None:
    def picky(values: Numbers) -> Numbers:
        if (values == 7).any():
            raise ValueError("seven")
        return values * 2

    with pytest.raises(NativePredictorError, match="gives a result where pyfunc raises"):
        score([[1.0, 7.0, 2.0]], Model("pyfunc", picky), Model("native", lambda values: values * 2))


def asked_in_a_process_of_its_own(folder: Path) -> None:
    with closing(Host(Path(sys.executable), folder, timeout=60, restarts=0)) as host:
        host.predict(pa.table({"amount": [1.0]}))


@pytest.mark.filterwarnings("ignore")  # of MLflow's own imports and hints
@pytest.mark.parametrize(
    "use",
    [
        lambda folder: load_model(folder, replace(SCORING, parameters={"a": 1})),
        Pyfunc,
        proposed_outputs,
        asked_in_a_process_of_its_own,
    ],
    ids=["by a worker", "by the driver", "by init", "in a process of its own"],
)
def test_a_model_of_code_leaves_its_files_as_the_next_worker_expects_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, use: Callable[[Path], object]
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    import mlflow

    monkeypatch.setattr("sys.dont_write_bytecode", False)
    (tmp_path / "model.py").write_text(CODE)
    inputs = pd.DataFrame({"amount": [1.0]})
    mlflow.pyfunc.save_model(
        str(tmp_path / "m"),
        python_model=str(tmp_path / "model.py"),
        signature=infer_signature(inputs, inputs["amount"]),  # type: ignore[arg-type]  # it takes a series, too
        pip_requirements=["mlflow"],
    )
    expected = digest_of(tmp_path / "m")
    use(tmp_path / "m")
    assert digest_of(tmp_path / "m") == expected
