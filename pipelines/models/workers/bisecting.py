"""A batch on which the model raises: halved until the rows that make it raise stand alone; the others are scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from pipelines.models.isolation.host_process import HostError
from pipelines.models.predictors.features import Features
from pipelines.models.predictors.isolated import IsolationError
from pipelines.models.predictors.outputs import AlignmentError, OutputError

LONGEST_TEXT = 300
NOT_TRIED = "not tried, as the model raised on more rows than are allowed"


@dataclass(frozen=True)
class Scored:
    """A batch's results, and the rows for which there are none.

    Args:
        results: a row for each of the batch; null where the model raised.
        failures: what it raised, or that the row was not tried, by the row's position.
    """

    results: pa.StructArray
    failures: dict[int, str]


def score_batch(
    predict: Callable[[Features], pa.StructArray],
    features: Features,
    kind: pa.DataType,
    *,
    allowed: int,
    tells_values: bool,
) -> Scored:
    """Score a batch, and where the model raises, all rows of it but those on which it does.

    Args:
        predict: the model.
        features: the batch.
        kind: the results' type.
        allowed: on how many rows the model may raise; past that the rest of the batch is not tried.
        tells_values: whether an exception's text may be shown: it may quote the values of its row.

    Raises:
        AlignmentError, OutputError, IsolationError: the model is wrong, or gone, whichever rows it was given.
    """
    pieces: list[pa.StructArray] = []
    failures: dict[int, str] = {}
    parts = [(0, len(features))]
    while parts:
        start, length = parts.pop()
        if len(failures) > allowed:
            failures |= dict.fromkeys(range(start, start + length), NOT_TRIED)
            pieces.append(pa.nulls(length, kind))
            continue
        try:
            pieces.append(predict(features.slice(start, length)))
        except (AlignmentError, OutputError, IsolationError):
            raise
        except Exception as error:
            if length == 1:
                failures[start] = _message(error, tells_values)
                pieces.append(pa.nulls(1, kind))
            else:
                half = length // 2
                parts += [(start + half, length - half), (start, half)]
    return Scored(pieces[0] if len(pieces) == 1 else pa.concat_arrays(pieces), failures)


def _message(error: Exception, tells_values: bool) -> str:
    # A model host's reason holds no value; its whole text may.
    text = str(error) if tells_values else error.reason if isinstance(error, HostError) else ""
    first = (_without_batch(text).strip().splitlines() or [""])[0]
    return f"the model raised {type(error).__name__}{': ' if first else ''}{first}"[:LONGEST_TEXT]


def _without_batch(text: str) -> str:
    """Without the whole batch and schema that MLflow quotes before it says what is wrong with them."""
    return text.rpartition(". Error: ")[2] if text.startswith("Failed to enforce schema of data") else text
