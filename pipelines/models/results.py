"""What a model's results are, as outputs of a pipeline: found by its signature and by its classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.models.predictor import NoProbabilitiesError, Pyfunc

_SQL = {
    "boolean": "boolean",
    "integer": "int",
    "long": "bigint",
    "float": "float",
    "double": "double",
    "string": "string",
    "datetime": "timestamp",
}
"""MLflow's types of columns, and the SQL type of each."""
_TWO = 2


def proposed_outputs(folder: Path) -> dict[str, dict[str, Any]]:
    """The outputs that suit a model, as a pipeline's configuration writes them.

    Of a classifier with probabilities: the label, and the probability of the second of two classes or of all. Of
    others: what `predict` gives, each column of several.

    Args:
        folder: the model's; its files may be loaded.
    """
    predictor = Pyfunc(folder)
    columns = _columns(folder)
    try:
        classes = predictor.classes()
    except (NoProbabilitiesError, AttributeError):
        classes = []
    if not classes:
        return _predicted(columns)
    label = {"result": "label", "type": _type_of(classes[0], next(iter(columns.values()), "double"))}
    if len(classes) == _TWO:
        positive = classes[1]
        return {
            "prediction": label,
            "probability": {"result": "probability", "of": positive, "type": "double", "minimum": 0, "maximum": 1},
        }
    return {"prediction": label, "probabilities": {"result": "probabilities", "type": "map<string,double>"}}


def _predicted(columns: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    if len(columns) <= 1:
        return {"prediction": {"result": "predict", "type": next(iter(columns.values()), "double")}}
    return {
        f"prediction_{place}" if not name.isidentifier() else name: {"result": "predict", "column": name, "type": kind}
        for place, (name, kind) in enumerate(columns.items())
    }


def _columns(folder: Path) -> dict[str, str]:
    """The SQL types of what `predict` gives, by column; nothing where the signature does not tell."""
    from mlflow.models import Model

    signature = Model.load(str(folder)).signature
    schema = None if signature is None else signature.outputs
    if schema is None:
        return {}
    if schema.is_tensor_spec():
        kind = schema.inputs[0].type
        names = {"i": "bigint", "f": "double", "b": "boolean", "U": "string", "O": "string"}
        return {"0": names.get(kind.kind, "double")}
    return {
        str(item.name if item.name is not None else place): _SQL.get(item.type.name, "double")
        for place, item in enumerate(schema.inputs)
    }


def _type_of(label: Any, declared: str) -> str:
    if isinstance(label, bool):
        return "boolean"
    if isinstance(label, str):
        return "string"
    return declared if declared in ("int", "bigint") else "bigint" if isinstance(label, int) else "double"
