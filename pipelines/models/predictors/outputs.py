"""From what a predictor returns to the columns that the configuration wants, typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.models.predictors.features import Features
from pipelines.models.predictors.predictor import NoProbabilitiesError, Predictor

TWO = 2


class AlignmentError(ValueError):
    """The model gave results in other number or order than its rows: none can be trusted to belong to its row."""


class OutputError(ValueError):
    """The model's results are not what the configuration's outputs want; the message holds no value of any row."""


class _UnfitError(ValueError):
    """Results that Arrow would cast, with a loss: numbers that are no booleans, times that are no dates."""


@dataclass(frozen=True)
class WantedOutput:
    """One output column, in plain values that travel to a worker.

    Args:
        name: the column's name.
        result: which of the model's results it is.
        type: the Arrow type that Spark expects.
        of: with `probability`, the class; without it the second of two.
        column: with `predict`, the column of several: its name, or its number where they have none; with the others,
            the number of the one output of a model that has several.
    """

    name: str
    result: Literal["predict", "label", "probability", "probabilities"]
    type: pa.DataType
    of: bool | int | str | None = None
    column: str | None = None


def outputs_of(predictor: Predictor, features: Features, wanted: Sequence[WantedOutput]) -> pa.StructArray:
    """The wanted outputs, a row for each row of features.

    The model is evaluated once: `label` is the likeliest class of the same probabilities.

    Raises:
        AlignmentError: the model returned another number of rows.
        OutputError: the model has no such class or column, or its results do not have the type wanted.
    """
    if all(output.result == "predict" for output in wanted):
        predicted = predictor.predict(features)
        _require_aligned(predicted, len(features))
        columns = [_typed(_column_of(predicted, output), output) for output in wanted]
    else:
        try:
            probabilities = predictor.predict_proba(features)
            classes = predictor.classes()
        except NoProbabilitiesError as error:
            raise OutputError(str(error)) from error
        chosen = [_of_one(probabilities, classes, output) for output in wanted]
        for found, _ in chosen:
            _require_aligned(found, len(features))
        columns = [_typed(_of_classes(*one, output), output) for one, output in zip(chosen, wanted, strict=True)]
    return pa.StructArray.from_arrays(columns, names=[output.name for output in wanted])


def struct_type(wanted: Sequence[WantedOutput]) -> pa.StructType:
    """The type of what `outputs_of` gives."""
    return pa.struct([(output.name, output.type) for output in wanted])


def _require_aligned(results: Any, rows: int) -> None:
    """As many results as rows; where the model returns an index, in the rows' order."""
    if results is None or not hasattr(results, "__len__"):
        raise OutputError(f"the model returned {type(results).__name__}; expected a result for each row")
    if len(results) != rows:
        raise AlignmentError(f"the model returned {len(results)} results for a batch of {rows} rows")
    if isinstance(results, pd.DataFrame | pd.Series) and not results.index.equals(pd.RangeIndex(rows)):
        raise AlignmentError("the model returned its results in another order than that of the rows")


def _of_one(probabilities: Any, classes: list[Any], output: WantedOutput) -> tuple[np.ndarray[Any, Any], list[Any]]:
    """The probabilities and the classes of a model's one output, or of that one of several which is named by number.

    Of several outputs scikit-learn gives a list of arrays, rows by classes; or, of yes or no, one array of the
    probability of yes, rows by outputs.
    """
    is_one = not any(isinstance(item, list) for item in classes)
    if is_one and output.column is None:
        found = np.asarray(probabilities)
        if found.ndim != TWO or found.shape[1] != len(classes):
            raise OutputError(
                f"output '{output.name}': the model's probabilities have the shape {found.shape[1:]} a row, "
                f"and it names {len(classes)} classes: use result 'predict'"
            )
        return found, classes
    if is_one:
        raise OutputError(f"output '{output.name}': the model has one output, not several: leave 'column' out")
    if output.column is None or not output.column.isdecimal() or int(output.column) >= len(classes):
        raise OutputError(
            f"output '{output.name}': the model has {len(classes)} outputs; "
            f"name one by 'column', 0 to {len(classes) - 1}"
        )
    place = int(output.column)
    if isinstance(probabilities, list):
        return np.asarray(probabilities[place]), classes[place]
    of_second = np.asarray(probabilities)[:, place]
    return np.column_stack([1.0 - of_second, of_second]), classes[place]


def _of_classes(probabilities: np.ndarray[Any, Any], classes: list[Any], output: WantedOutput) -> Any:
    if output.result == "label":
        known = ~np.isnan(probabilities).any(axis=1)
        likeliest = probabilities.argmax(axis=1)
        return [classes[place] if is_known else None for place, is_known in zip(likeliest, known, strict=True)]
    if output.result == "probabilities":
        if not pa.types.is_map(output.type):
            return probabilities
        names = [str(name) for name in classes]
        return [list(zip(names, row, strict=True)) for row in probabilities.tolist()]
    if output.of is None and len(classes) != TWO:
        raise OutputError(f"output '{output.name}': name the class by 'of', one of {classes}")
    of = classes[1] if output.of is None else output.of
    if of not in classes:
        raise OutputError(f"output '{output.name}': the model has no class {of!r}; its classes: {classes}")
    return probabilities[:, classes.index(of)]


def _column_of(predicted: Any, output: WantedOutput) -> Any:
    """The one column of what predict returned that the output names."""
    if isinstance(predicted, pd.DataFrame):
        names = [str(name) for name in predicted.columns]
        if output.column is None and len(names) == 1:
            return predicted.iloc[:, 0]
        if output.column not in names:
            raise OutputError(f"output '{output.name}': the model returns the columns {names}; name one by 'column'")
        return predicted.iloc[:, names.index(output.column)]
    if not isinstance(predicted, np.ndarray) or predicted.ndim == 1:
        if output.column is not None:
            raise OutputError(f"output '{output.name}': the model returns one unnamed column, not '{output.column}'")
        return predicted
    width = predicted.reshape(len(predicted), -1).shape[1]
    if output.column is None:
        if width == 1:
            return predicted.reshape(-1)
        if predicted.ndim == TWO and pa.types.is_list(output.type):
            return predicted
        raise OutputError(
            f"output '{output.name}': the model returns {width} columns; name one by 'column', 0 to {width - 1}, "
            "or take all as array<…>"
        )
    if not output.column.isdecimal() or int(output.column) >= width or predicted.ndim != TWO:
        raise OutputError(f"output '{output.name}': the model returns columns 0 to {width - 1}, not '{output.column}'")
    return predicted[:, int(output.column)]


def _require_bits(found: pa.Array) -> None:
    """Arrow takes any number but 0 for true: of a model that says -1 and 1, or 1 and 2, every row would be."""
    is_number = pa.types.is_integer(found.type) or pa.types.is_floating(found.type)  # whole numbers with gaps float
    if not is_number:
        raise _UnfitError(f"only 0 and 1 are booleans, not {found.type}")
    others = set(pc.unique(found).to_pylist()) - {0, 1, None}
    if others:
        raise _UnfitError(f"only 0 and 1 are booleans; the model gives {len(others)} other values")


def _require_midnights(found: pa.Array, dates: pa.Array) -> None:
    """Arrow takes the day of any time: that of a time within it would be lost."""
    if pc.all(pc.equal(found, dates.cast(found.type)), skip_nulls=True).as_py() is False:
        raise _UnfitError("some have a time of day; take type timestamp")


def _typed(values: Any, output: WantedOutput) -> pa.Array:
    try:
        found = _as_arrow(values, output.type)
        if found.null_count == len(found):
            return pa.nulls(len(found), output.type)  # of gaps alone nothing says which type they are of
        if pa.types.is_boolean(output.type) and not pa.types.is_boolean(found.type):
            _require_bits(found)
        cast = found.cast(output.type)
        if pa.types.is_date(output.type) and pa.types.is_timestamp(found.type):
            _require_midnights(found, cast)
    except _UnfitError as error:
        raise OutputError(f"output '{output.name}': the model's results are no {output.type}: {error}") from error
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        # Arrow's words quote the value that it could not take.
        raise OutputError(f"output '{output.name}': the model's results are no {output.type}") from error
    return cast.combine_chunks() if isinstance(cast, pa.ChunkedArray) else cast


def _as_arrow(values: Any, kind: pa.DataType) -> pa.Array:
    """The values as Arrow finds them; a gap is null, whether the model says None, NaN, NaT or pandas' NA.

    NaN stays one where floating point numbers are wanted, which can hold it.
    """
    if isinstance(values, np.ndarray) and values.ndim == TWO:
        cells = np.ascontiguousarray(values).reshape(-1)
        element = kind.value_type if pa.types.is_list(kind) else kind
        offsets = pa.array(np.arange(len(values) + 1) * values.shape[1], pa.int32())
        return pa.ListArray.from_arrays(offsets, _as_arrow(cells, element))
    if pa.types.is_nested(kind):
        return pa.array([_without_gaps(row, kind) for row in values], kind if not pa.types.is_list(kind) else None)
    if not pa.types.is_floating(kind):
        return pa.array(values, from_pandas=True)
    if not hasattr(values, "dtype") or str(values.dtype) == "object":
        values = [None if value is pd.NA or value is pd.NaT else value for value in values]
    return pa.array(values, from_pandas=False)


def _without_gaps(value: Any, kind: pa.DataType) -> Any:
    """A nested value, with None for what its fields cannot hold: NaN anywhere but in a floating point number."""
    if value is pd.NA or value is pd.NaT or (_is_gap(value) and not pa.types.is_floating(kind)):
        return None
    if pa.types.is_map(kind) and isinstance(value, dict):
        return [(key, _without_gaps(item, kind.item_type)) for key, item in value.items()]
    if pa.types.is_struct(kind) and isinstance(value, dict):
        types = {kind.field(place).name: kind.field(place).type for place in range(kind.num_fields)}
        return {name: _without_gaps(item, types[name]) if name in types else item for name, item in value.items()}
    if pa.types.is_list(kind) and isinstance(value, list | tuple | np.ndarray):
        return [_without_gaps(item, kind.value_type) for item in value]
    return value


def _is_gap(row: Any) -> bool:
    return row is None or row is pd.NA or row is pd.NaT or (isinstance(row, float) and np.isnan(row))
