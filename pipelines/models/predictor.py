"""A loaded model, in the worker: from Arrow features to Arrow outputs. Knows nothing of Spark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


class AlignmentError(ValueError):
    """The model gave results in other number or order than its rows: none can be trusted to belong to its row."""


class OutputError(ValueError):
    """The model's results are not what the configuration's outputs want; the message holds no value of any row."""


@dataclass(frozen=True)
class WantedOutput:
    """One output column, in plain values that travel to a worker.

    Args:
        name: the column's name.
        result: which of the model's results it is.
        type: the Arrow type that Spark expects.
        of: with `probability`, the class.
        column: with `predict`, the column of several.
    """

    name: str
    result: Literal["predict", "label", "probability"]
    type: pa.DataType
    of: bool | int | str | None = None
    column: str | None = None


class Predictor:
    """A model loaded from its folder; one a worker process."""

    def __init__(self, folder: Path) -> None:
        import mlflow.pyfunc

        self._model = mlflow.pyfunc.load_model(str(folder))
        self._native: Any = None

    def predict(self, features: pa.StructArray, wanted: Sequence[WantedOutput]) -> pa.StructArray:
        """The wanted outputs, a row for each row of features.

        The model is evaluated once: `label` is the likeliest class of the same probabilities.

        Raises:
            AlignmentError: the model returned another number of rows.
            OutputError: the model has no such class or column, or its results do not have the type wanted.
        """
        frame = pa.Table.from_batches([pa.RecordBatch.from_struct_array(features)]).to_pandas()
        predicted: Any = None
        probabilities: Any = None
        if any(output.result == "predict" for output in wanted):
            predicted = self._model.predict(frame)
            _same_length(len(predicted), len(frame))
            if isinstance(predicted, pd.DataFrame | pd.Series) and not predicted.index.equals(frame.index):
                raise AlignmentError("the model returned its results in another order than that of the rows")
        if any(output.result != "predict" for output in wanted):
            probabilities = self._classifier().predict_proba(frame)
            _same_length(len(probabilities), len(frame))
        columns = [
            _typed(_plain(predicted, output) if output.result == "predict" else self._of(probabilities, output), output)
            for output in wanted
        ]
        return pa.StructArray.from_arrays(columns, names=[output.name for output in wanted])

    def _classifier(self) -> Any:
        if self._native is None:
            try:
                native = self._model.get_raw_model()
            except NotImplementedError:  # a Python function of the user's own
                native = self._model
            if not hasattr(native, "predict_proba"):
                raise OutputError(
                    f"outputs of result 'probability' or 'label' need a model with predict_proba, "
                    f"and {type(native).__name__} has none: use result 'predict'"
                )
            self._native = native
        return self._native

    def _of(self, probabilities: Any, output: WantedOutput) -> Any:
        classes = [item.item() if hasattr(item, "item") else item for item in self._classifier().classes_]
        if output.result == "label":
            return [classes[position] for position in probabilities.argmax(axis=1)]
        if output.of not in classes:
            raise OutputError(f"output '{output.name}': the model has no class {output.of!r}; its classes: {classes}")
        return probabilities[:, classes.index(output.of)]


def _same_length(results: int, rows: int) -> None:
    if results != rows:
        raise AlignmentError(f"the model returned {results} results for a batch of {rows} rows")


def _plain(predicted: Any, output: WantedOutput) -> Any:
    """The one column of what predict returned that the output names."""
    if isinstance(predicted, pd.DataFrame):
        names = [str(name) for name in predicted.columns]
        if output.column is None and len(names) == 1:
            return predicted.iloc[:, 0]
        if output.column not in names:
            raise OutputError(f"output '{output.name}': the model returns the columns {names}; name one by 'column'")
        return predicted.iloc[:, names.index(output.column)]
    if output.column is not None:
        raise OutputError(f"output '{output.name}': the model returns one unnamed column, not '{output.column}'")
    return predicted


def _require_bits(found: pa.Array) -> None:
    """Arrow takes any number but 0 for true: of a model that says -1 and 1, or 1 and 2, every row would be."""
    others = set(pc.unique(found).to_pylist()) - {0, 1, None} if pa.types.is_integer(found.type) else {str(found.type)}
    if others:
        raise pa.ArrowInvalid(f"only 0 and 1 are booleans, not {sorted(others)[:5]}")


def _typed(values: Any, output: WantedOutput) -> pa.Array:
    try:
        found = pa.array(values, from_pandas=False)
        if pa.types.is_boolean(output.type) and not pa.types.is_boolean(found.type):
            _require_bits(found)
        cast = found.cast(output.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise OutputError(f"output '{output.name}': the model's results are no {output.type}: {error}") from error
    return cast.combine_chunks() if isinstance(cast, pa.ChunkedArray) else cast
