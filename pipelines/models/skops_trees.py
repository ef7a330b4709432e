"""Trees of HistGradientBoosting in a skops file: harmless where every index that scikit-learn follows is within bounds.

scikit-learn walks these trees in compiled code that checks nothing, so a file could make it read any memory. Here the
arrays are looked at before anything is loaded: nodes whose children come after them, features that the model has, no
categories (whose bit sets would be followed too), and no step before the trees that could take columns away.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

TREE = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
_MODULE, _NAME = TREE.rsplit(".", 1)
_BOOSTERS = frozenset({"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"})
_ARRAYS = frozenset({"nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets"})
_NODE = np.dtype(
    [
        ("value", "<f8"),
        ("count", "<u4"),
        ("feature_idx", "<i8"),
        ("num_threshold", "<f8"),
        ("missing_go_to_left", "u1"),
        ("left", "<u4"),
        ("right", "<u4"),
        ("gain", "<f8"),
        ("depth", "<u4"),
        ("is_leaf", "u1"),
        ("bin_threshold", "u1"),
        ("is_categorical", "u1"),
        ("bitset_idx", "<u4"),
    ]
)
"""A node, as sklearn.ensemble._hist_gradient_boosting.common has it; of another one a cast would change the values."""


Node = dict[str, Any]
"""An object as a skops file describes it: its loader, and what that takes."""


def trees_are_harmless(file: Path) -> bool:
    """Whether all trees in a skops file are parts of boosters, and whatever these ask of them is there.

    Args:
        file: of a size that was looked at. Of a broken one the answer is no.
    """
    try:
        with ZipFile(file) as parts:
            schema = json.loads(parts.read("schema.json"))
            boosters = list(_objects(schema, _BOOSTERS))
            trees = [tree for booster in boosters for tree in _trees_of(booster, parts)]
            return len(trees) == len(list(_objects(schema, {_NAME}))) and all(trees)
    except Exception:  # of a hostile file anything may be raised: then nothing is known of it
        return False


def _objects(schema: Any, names: Collection[str]) -> Iterator[Node]:
    """The descriptions of all objects of these classes."""
    left = [schema]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if one.get("__class__") in names:
                yield one
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)


def _trees_of(booster: Node, parts: ZipFile) -> Iterator[bool]:
    """Of each tree of a booster, whether it is harmless.

    Raises:
        ValueError, KeyError: the booster is described in another way than skops does.
    """
    attributes = _attributes(booster)
    features = json.loads(_of_loader(attributes["n_features_in_"], "JsonNode")["content"])
    if json.loads(_of_loader(attributes["_preprocessor"], "JsonNode")["content"]) is not None:
        raise ValueError("a step before the trees")
    for stage in _of_loader(attributes["_predictors"], "ListNode")["content"]:
        for tree in _of_loader(stage, "ListNode")["content"]:
            yield _is_harmless(tree, parts, features)


def _is_harmless(tree: Node, parts: ZipFile, features: int) -> bool:
    if (tree["__module__"], tree["__class__"]) != (_MODULE, _NAME):
        return False
    arrays = _attributes(tree)
    if set(arrays) != _ARRAYS:
        return False
    described = _of_loader(arrays["nodes"], "NdArrayNode")
    nodes = np.load(io.BytesIO(parts.read(described["file"])), allow_pickle=False)
    if described["type"] != "numpy" or nodes.ndim != 1 or not len(nodes) or nodes.dtype != _NODE:
        return False
    inner = nodes["is_leaf"] == 0
    places = np.flatnonzero(inner)
    follow = [nodes[side][inner] for side in ("left", "right")]
    asked = nodes["feature_idx"][inner]
    return bool(
        all(np.all((child > places) & (child < len(nodes))) for child in follow)
        and np.all((asked >= 0) & (asked < features))
        and not nodes["is_categorical"][inner].any()
    )


def _attributes(described: Node) -> Node:
    attributes: Node = _of_loader(_of_loader(described, "ObjectNode")["content"], "DictNode")["content"]
    return attributes


def _of_loader(described: Node, loader: str) -> Node:
    if described["__loader__"] != loader:
        raise ValueError(f"{described['__loader__']} in place of {loader}")
    return described
