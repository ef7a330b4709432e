"""Trees of HistGradientBoosting: trusted where every index that is followed is within bounds, and else not."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops.io import dump, get_untrusted_types  # type: ignore[import-untyped]

from pipelines.models.skops_trees import _NODE, TREE, trees_are_harmless

RANDOM = np.random.default_rng(1)
ROWS = RANDOM.random((200, 4))
MODELS = {
    "classifier": HistGradientBoostingClassifier(max_iter=3),
    "of three classes": HistGradientBoostingClassifier(max_iter=2),
    "regressor": HistGradientBoostingRegressor(max_iter=3),
    "in a pipeline": make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=2)),
}
Parts = dict[str, bytes]


def written(folder: Path, name: str) -> Path:
    model = MODELS[name]
    target = (ROWS[:, 0] * 3).astype(int) if name == "of three classes" else ROWS[:, 0]
    file = folder / "model.skops"
    dump(model.fit(ROWS, target > 0.5 if name == "classifier" else target), file)
    return file


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """The parts of a good file."""
    with ZipFile(written(tmp_path_factory.mktemp("m"), "classifier")) as file:
        return {name: file.read(name) for name in file.namelist()}


def of(folder: Path, parts: Parts) -> Path:
    file = folder / "changed.skops"
    with ZipFile(file, "w") as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return file


def nodes_in(parts: Parts) -> dict[str, np.ndarray[Any, Any]]:
    """The trees' arrays of nodes, by the parts' names."""
    arrays = {name: np.load(io.BytesIO(content)) for name, content in parts.items() if name.endswith(".npy")}
    return {name: array for name, array in arrays.items() if array.dtype.names}


def with_array(parts: Parts, name: str, array: np.ndarray[Any, Any]) -> Parts:
    stream = io.BytesIO()
    np.save(stream, array)
    return {**parts, name: stream.getvalue()}


def test_nodes_are_those_of_this_scikit_learn() -> None:
    assert PREDICTOR_RECORD_DTYPE == _NODE


@pytest.mark.parametrize("name", MODELS)
def test_trees_as_scikit_learn_makes_them_are_harmless(tmp_path: Path, name: str) -> None:
    file = written(tmp_path, name)
    assert TREE in get_untrusted_types(file=file)
    assert trees_are_harmless(file)


def test_trees_over_categories_are_not_told_to_be(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[:, 1] = (rows[:, 1] * 5).astype(int)
    file = tmp_path / "model.skops"
    dump(HistGradientBoostingClassifier(max_iter=2, categorical_features=[1]).fit(rows, rows[:, 1] > 2), file)
    assert not trees_are_harmless(file)


@given(
    field=st.sampled_from(["left", "right", "feature_idx"]),
    value=st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([-1, 4, 0])),
    place=st.integers(0, 1000),
)
def test_an_index_out_of_bounds_is_found_wherever_it_is(
    parts: Parts, tmp_path_factory: pytest.TempPathFactory, field: str, value: int, place: int
) -> None:
    name, nodes = next(iter(nodes_in(parts).items()))
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    chosen = int(inner[place % len(inner)])
    nodes = nodes.copy()
    nodes[field][chosen] = np.array(value).astype(nodes.dtype[field])
    now = int(nodes[field][chosen])
    is_within = 0 <= now < 4 if field == "feature_idx" else chosen < now < len(nodes)
    file = of(tmp_path_factory.mktemp("f"), with_array(parts, name, nodes))
    assert trees_are_harmless(file) == is_within


def first_booster(schema: dict[str, Any]) -> dict[str, Any]:
    return schema["content"]["content"]


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "fewer features than the trees ask for": lambda it: it["n_features_in_"].update(content="0"),
    "no number of features": lambda it: it.pop("n_features_in_"),
    "a step before the trees": lambda it: it["_preprocessor"].update(content="1"),
    "trees elsewhere": lambda it: it.update(other=it["_predictors"]),
    "trees by reference": lambda it: it["_predictors"]["content"][0]["content"].append({"__loader__": "CachedNode"}),
    "an array of another kind": lambda it: nodes_of(it).update(type="scipy"),
    "an array that is not there": lambda it: nodes_of(it).update(file="none.npy"),
}


def nodes_of(booster: dict[str, Any]) -> dict[str, Any]:
    tree = booster["_predictors"]["content"][0]["content"][0]
    return tree["content"]["content"]["nodes"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_describes_them_otherwise_is_not_told_to_be(parts: Parts, tmp_path: Path, change: str) -> None:
    schema = json.loads(parts["schema.json"])
    CHANGES[change](first_booster(schema))
    assert not trees_are_harmless(of(tmp_path, {**parts, "schema.json": json.dumps(schema).encode()}))


@pytest.mark.parametrize("wide", ["is_leaf", "left"])
def test_nodes_whose_values_a_cast_would_change_are_not_told_to_be(parts: Parts, tmp_path: Path, wide: str) -> None:
    name, nodes = next(iter(nodes_in(parts).items()))
    fields = [(field, "<u8" if field == wide else nodes.dtype[field].str) for field in nodes.dtype.names or ()]
    assert not trees_are_harmless(of(tmp_path, with_array(parts, name, nodes.astype(np.dtype(fields)))))


def test_of_what_is_no_file_of_skops_nothing_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.skops").write_bytes(b"no archive")
    assert not trees_are_harmless(tmp_path / "a.skops")
