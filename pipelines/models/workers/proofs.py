"""Proofs on a sample: that each result belongs to its row, and that the quicker predictor gives what pyfunc gives."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines.models.predictors.features import Features
from pipelines.models.predictors.outputs import AlignmentError
from pipelines.models.workers.bisecting import score_batch

RELATIVE, ABSOLUTE = 1e-5, 1e-7
"""How far two results of one row may be apart: sums of numbers are taken in another order in batches of other sizes,
and many models compute with 24 bits."""
PERMUTED_ROWS = 16
ROWS_ALONE = 8
COMPARED_ROWS = 256

Predict = Callable[[Features], pa.StructArray]


class NativePredictorError(ValueError):
    """The predictor of the model's own library does not give what the model's pyfunc gives."""


@dataclass(frozen=True)
class Difference:
    """The first row at which two lists of results differ by more than the tolerance, and the largest difference.

    Args:
        largest: of two numbers, within the tolerance or not.
        row: its position; none where all are equal within the tolerance.
        one: what the one list says of it.
        other: what the other says.
    """

    largest: float = 0.0
    row: int | None = None
    one: Any = None
    other: Any = None


def compare(one: Sequence[Any], other: Sequence[Any]) -> Difference:
    """Two lists of results of the same rows: numbers within the tolerance, everything else equal, NaN equal to NaN.

    Args:
        one: plain Python values, or an Arrow array.
        other: likewise, as many.
    """
    largest = 0.0
    for row, (left, right) in enumerate(zip(_plain(one), _plain(other), strict=True)):
        apart, is_same = _apart(left, right)
        largest = max(largest, apart)
        if not is_same:
            return Difference(largest, row, left, right)
    return Difference(largest)


def spread(rows: int, most: int) -> list[int]:
    """Positions of at most so many rows, spread over all."""
    return list(range(rows)) if rows <= most else [place * rows // most for place in range(most)]


def prove_alignment(predict: Predict, features: Features, results: pa.StructArray) -> Difference:
    """Score a sample alone, shuffled and in other batch sizes: each row must keep its result.

    Args:
        predict: the model.
        features: a batch.
        results: what the model gave for it.

    Raises:
        AlignmentError: a result depends on the other rows of its batch, or on their order; with an example.
    """
    rows = spread(len(features), PERMUTED_ROWS)
    shuffled = list(rows)
    random.Random(len(rows)).shuffle(shuffled)
    third = len(rows) // 3
    ways = [("in another order and a smaller batch", [shuffled])]
    ways += [("in batches of other sizes", [part for part in (rows[:third], rows[third:]) if part])]
    ways += [("alone", [[row] for row in spread(len(features), ROWS_ALONE)])]
    largest = 0.0
    for way, batches in ways:
        for batch in batches:
            found = compare(results.take(pa.array(batch, pa.int64())), _predicted(predict, features, batch, way))
            if found.row is not None:
                raise AlignmentError(_misaligned(predict, features, batch[found.row], found, way))
            largest = max(largest, found.largest)
    return Difference(largest)


def prove_native(native: Predict, pyfunc: Predict, features: Features, kind: pa.DataType) -> Difference | None:
    """Compare a library's own predictor with the model's pyfunc on a sample of a batch.

    Returns:
        The largest difference; none where pyfunc raises on every row of the sample, which then says nothing.

    Raises:
        NativePredictorError: the two differ; with an example.
    """
    sample = features.take(spread(len(features), COMPARED_ROWS))
    scored = score_batch(pyfunc, sample, kind, allowed=COMPARED_ROWS, tells_values=False)
    rows = [row for row in range(len(sample)) if row not in scored.failures]
    for row in list(scored.failures)[:ROWS_ALONE]:
        if not _raises(native, sample.take([row])):
            raise NativePredictorError(f"it gives a result where pyfunc raises ({scored.failures[row]})")
    if not rows:
        return None
    try:
        found = native(sample.take(rows))
    except Exception as error:
        raise NativePredictorError(f"it raised {type(error).__name__} where pyfunc did not") from error
    difference = compare(found, scored.results.take(pa.array(rows, pa.int64())))
    if difference.row is not None:
        raise NativePredictorError(f"it gives {difference.one}, pyfunc {difference.other}")
    return difference


def _predicted(predict: Predict, features: Features, rows: Sequence[int], way: str) -> pa.StructArray:
    try:
        return predict(features.take(rows))
    except AlignmentError:
        raise
    except Exception as error:
        raise AlignmentError(
            f"the model scores a batch of {len(features)} rows, and raises {type(error).__name__} for rows of it {way}"
        ) from error


def _misaligned(predict: Predict, features: Features, row: int, found: Difference, way: str) -> str:
    once, again = predict(features), predict(features)
    if compare(once, again).row is not None:
        return "the model is not deterministic: the same rows in the same order give other results the second time"
    return (
        f"row {row + 1} of a batch of {len(features)} rows gives {found.one} with the others, and {found.other} {way}: "
        "its result depends on the other rows"
    )


def _raises(predict: Predict, features: Features) -> bool:
    try:
        predict(features)
    except Exception:
        return True
    return False


def _plain(values: Sequence[Any]) -> Sequence[Any]:
    return values.to_pylist() if isinstance(values, pa.Array) else values


def _apart(one: Any, other: Any) -> tuple[float, bool]:
    """How far two values are apart, and whether that is within the tolerance."""
    if isinstance(one, float) and isinstance(other, float):
        if one == other or (math.isnan(one) and math.isnan(other)):
            return 0.0, True
        apart = abs(one - other)
        return apart, math.isfinite(apart) and apart <= ABSOLUTE + RELATIVE * max(abs(one), abs(other))
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return _all_apart(list(one.values()), list(other.values()))
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return _all_apart(one, other)
    return 0.0, one == other


def _all_apart(one: Sequence[Any], other: Sequence[Any]) -> tuple[float, bool]:
    pairs = [_apart(left, right) for left, right in zip(one, other, strict=True)]
    return max((apart for apart, _ in pairs), default=0.0), all(is_same for _, is_same in pairs)
