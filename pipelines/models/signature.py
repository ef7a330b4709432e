"""What a model takes, by its signature, and whether the pipeline's features give it that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pyspark.sql import types as T

from pipelines.errors import ModelError, did_you_mean
from pipelines.expressions.types import CANNOT_HOLD_NULL, is_widened_by


@dataclass(frozen=True)
class ModelInput:
    """One column that a model takes.

    Args:
        name: the column's name.
        type: its Spark type.
        required: whether the model refuses to go without it.
    """

    name: str
    type: T.DataType
    required: bool = True

    @property
    def holds_null(self) -> bool:
        """Whether the model's input can say that a value is missing."""
        return not isinstance(self.type, CANNOT_HOLD_NULL)


def model_inputs(folder: Path, model: str) -> tuple[ModelInput, ...]:
    """The inputs of the model in a folder, in the signature's order.

    Raises:
        ModelError: the folder holds no MLflow model, or one without a signature of named, typed columns.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    try:
        signature = Model.load(str(folder)).signature
    except (MlflowException, OSError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ModelError(f"{model} is no readable MLflow model", found=error) from error
    remedy = "log it again with signature=infer_signature(inputs, predictions)"
    if signature is None or signature.inputs is None:
        raise ModelError(
            f"{model} has no signature: nothing says which columns it takes",
            expected="a signature with the names and types of its inputs",
            remedy=remedy,
        )
    schema = signature.inputs
    if schema.is_tensor_spec() or not schema.has_input_names():
        raise ModelError(
            f"{model} takes a tensor, not named columns", expected="named columns", found=schema, remedy=remedy
        )
    return tuple(ModelInput(column.name, spark_type(column.type), bool(column.required)) for column in schema.inputs)


def compare(inputs: tuple[ModelInput, ...], found: Mapping[str, T.DataType], model: str) -> list[ModelInput]:
    """The inputs that the features provide, once every one that is required has a type that fits.

    Args:
        inputs: what the model takes.
        found: the features' types before any cast.
        model: its name and version, for the message.

    Raises:
        ModelError: with all that is missing, of the wrong type, or always null, in one message.
    """
    problems = []
    provided = []
    for wanted in inputs:
        if wanted.name not in found:
            if wanted.required:
                problems.append(f"{wanted.name}: missing; {did_you_mean(wanted.name, found)}")
            continue
        provided.append(wanted)
        kind = found[wanted.name]
        sql = wanted.type.simpleString()
        if isinstance(kind, T.NullType):
            if not wanted.holds_null:
                problems.append(f"{wanted.name}: always null, and the model's {sql} cannot hold a null")
        elif not is_widened_by(kind, wanted.type):
            problems.append(
                f"{wanted.name}: {kind.simpleString()}, but the model takes {sql}; write CAST(… AS {sql.upper()})"
            )
    if problems:
        raise ModelError(
            f"the features do not fit the signature of {model}:\n    " + "\n    ".join(problems),
            expected=", ".join(f"{item.name} {item.type.simpleString()}" for item in inputs),
            found=", ".join(f"{name} {kind.simpleString()}" for name, kind in found.items()),
            remedy="mend 'features' in the pipeline's configuration",
        )
    return provided


def spark_type(kind: object) -> T.DataType:
    """The Spark type of one of a signature's types."""
    from mlflow.types.schema import Array, DataType, Map, Object

    match kind:
        case DataType():
            spark: T.DataType = kind.to_spark()  # type: ignore[no-untyped-call]
            return spark
        case Array():
            return T.ArrayType(spark_type(kind.dtype))
        case Map():
            return T.MapType(T.StringType(), spark_type(kind.value_type))
        case Object():
            return T.StructType([T.StructField(item.name, spark_type(item.dtype)) for item in kind.properties])
    raise ModelError(f"the signature's type {kind} has no counterpart in Spark")
