"""What a model's results are, as outputs of a pipeline: found by its signature and by its classes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import types as T

from pipelines.config.models import OUTPUT_TYPE, is_reserved
from pipelines.config.typed import NAME
from pipelines.errors import ModelError
from pipelines.models.predictors.predictor import NoProbabilitiesError, Pyfunc
from pipelines.models.signature import spark_type

_OF_NUMPY = {
    "i": "bigint",
    "u": "bigint",
    "f": "double",
    "b": "boolean",
    "U": "string",
    "O": "string",
    "M": "timestamp",
}
"""The SQL type of each kind of NumPy's types."""
_TWO = 2


def proposed_outputs(folder: Path) -> dict[str, dict[str, Any]]:
    """The outputs that suit a model, as a pipeline's configuration writes them.

    Of a classifier with probabilities: the label, and the probability of the second of two classes or of all. Of
    others, and of those with several outputs: what `predict` gives, each column of several.

    Args:
        folder: the model's; its files may be loaded.

    Raises:
        ModelError: a result has a type that no output can have.
    """
    predictor = Pyfunc(folder)
    columns = _columns(folder)
    try:
        classes = predictor.classes()
    except (NoProbabilitiesError, AttributeError):
        classes = []
    if any(isinstance(item, list) for item in classes):
        return _predicted(columns if len(columns) > 1 else _of_each(classes, next(iter(columns.values()), "double")))
    # A signature that was inferred from predict_proba has a column for each class: `predict` gives none of them.
    tells_classes = list(columns) == [str(place) for place in range(len(classes))]
    if not classes or (len(columns) > 1 and not tells_classes):
        return _predicted(columns)
    label = {"result": "label", "type": _type_of(classes[0], next(iter(columns.values()), "double"))}
    if len(classes) == _TWO:
        positive = classes[1]
        return {
            "prediction": label,
            "probability": {"result": "probability", "of": positive, "type": "double", "minimum": 0, "maximum": 1},
        }
    return {"prediction": label, "probabilities": {"result": "probabilities", "type": "map<string,double>"}}


def _of_each(classes: Sequence[Sequence[Any]], declared: str) -> dict[str, str]:
    """The types of a classifier's several outputs, by their numbers."""
    return {str(place): _type_of(item[0], declared) for place, item in enumerate(classes)}


def _predicted(columns: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    if len(columns) <= 1:
        return {"prediction": {"result": "predict", "type": next(iter(columns.values()), "double")}}
    return {
        output: {"result": "predict", "column": name, "type": kind}
        for output, (name, kind) in zip(_output_names(list(columns)), columns.items(), strict=True)
    }


def _output_names(columns: Sequence[str]) -> list[str]:
    """A name for each column: its own where it may be an output's, else `prediction_` and its number."""
    folded = [name.lower() for name in columns]
    taken = set(folded)
    found = []
    for place, name in enumerate(columns):
        if re.fullmatch(NAME, name) and not is_reserved(name) and folded.count(name.lower()) == 1:
            found.append(name)
        else:
            plain = f"prediction_{place}"
            found.append(plain if plain not in taken else f"{plain}_of_{len(columns)}")
    return found


def _columns(folder: Path) -> dict[str, str]:
    """The SQL types of what `predict` gives, by column; nothing where the signature does not tell."""
    from mlflow.models import Model

    signature = Model.load(str(folder)).signature
    schema = None if signature is None else signature.outputs
    if schema is None:
        return {}
    if schema.is_tensor_spec():
        tensor = schema.inputs[0]
        kind = _OF_NUMPY.get(tensor.type.kind, "double")
        width = tensor.shape[1] if len(tensor.shape) == _TWO else 1
        return {str(place): kind for place in range(max(width, 1))}
    return {
        str(item.name if item.name is not None else place): _output_type(spark_type(item.type))
        for place, item in enumerate(schema.inputs)
    }


def _output_type(kind: T.DataType) -> str:
    sql = kind.simpleString()
    if re.match(OUTPUT_TYPE, sql) is None:
        raise ModelError(
            f"the model gives a result of type {sql}, which no column of predictions can have",
            expected="numbers, texts, booleans, dates or times, or arrays, maps and structs of them",
            remedy="wrap the model in one that gives another type",
        )
    return sql


def _type_of(label: Any, declared: str) -> str:
    if isinstance(label, bool):
        return "boolean"
    if isinstance(label, str):
        return "string"
    return declared if declared in ("int", "bigint") else "bigint" if isinstance(label, int) else "double"
