"""How a column's values are spread in each run of a table: counted by delta-rs' engine, whatever the number of rows."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable

from pipelines.tables.locations import for_delta_rs
from pipelines.tables.reading import between, equal, one_of, query, quoted
from pipelines.tables.staged_values import StagedRows

BINS = 40
MOST_VALUES = 12
MOST_COUNTED = 10_000
"""Of a column whose values are all different, no more are taken into memory."""
LEAST_SHARE = 0.0001


@dataclass(frozen=True)
class Histogram:
    """Counts of a number by run.

    Args:
        edges: the bins' bounds, one more than there are bins.
        counts: by run, how many values each bin has.
        means: by run.
    """

    edges: tuple[float, ...]
    counts: Mapping[str, tuple[int, ...]]
    means: Mapping[str, float]

    def quantile(self, run_id: str, share: float) -> float | None:
        """The value below which that share of a run's values lies, within a bin's width; none where it has no values.

        >>> Histogram((0.0, 1.0, 2.0), {"a": (5, 5)}, {}).quantile("a", 0.75)
        1.5
        """
        counts = self.counts.get(run_id, ())
        wanted = share * sum(counts)
        for place, (until, count) in enumerate(zip(accumulate(counts), counts, strict=True)):
            if count and until >= wanted:
                low, high = self.edges[place], self.edges[place + 1]
                return low + (high - low) * (1 - (until - wanted) / count)
        return None


@dataclass(frozen=True)
class ValueCounts:
    """Counts of the commonest values, as text, by run."""

    values: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Published:
    """The rows of some runs in a predictions table."""

    location: str
    model_name: str
    first: dt.date
    last: dt.date
    runs: tuple[str, ...]

    @property
    def condition(self) -> str:
        """In SQL."""
        return " AND ".join(
            [
                between("score_date", self.first, self.last),
                equal("model_name", self.model_name),
                one_of("run_id", self.runs),
            ]
        )


def histogram(rows: Published, column: str, staged: StagedRows | None = None) -> Histogram | None:
    """The histogram of a numeric column over the range of all the runs; none where it has no finite values.

    Args:
        rows: the published rows.
        column: which column.
        staged: the rows of a run that is not published, counted beside them.
    """
    table, name = DeltaTable(for_delta_rs(rows.location)), f"CAST({quoted(column)} AS DOUBLE)"
    finite = f"{name} > CAST('-inf' AS DOUBLE) AND {name} < CAST('inf' AS DOUBLE)"
    where = f"{rows.condition} AND {quoted(column)} IS NOT NULL AND {finite}"
    (bounds,) = query(table, f"SELECT min({name}) AS low, max({name}) AS high FROM rows WHERE {where}").to_pylist()
    found = [float(bound) for bound in bounds.values() if bound is not None]
    if staged is not None:
        found += [float(edge(values)) for values in _finite(staged, column) for edge in (np.min, np.max)]
    if not found:
        return None
    low, high = min(found), max(found)
    width = (high - low) / BINS or 1.0
    place = f"CAST(least(floor(({name} - {low!r}) / {width!r}), {BINS - 1}) AS INT)"
    counted = query(
        table,
        f"SELECT run_id, {place} AS place, count(*) AS n, sum({name}) AS total FROM rows WHERE {where} GROUP BY 1, 2",
    ).to_pylist()
    counts = {run: [0] * BINS for run in rows.runs}
    totals = dict.fromkeys(rows.runs, 0.0)
    for row in counted:
        counts[row["run_id"]][row["place"]] = row["n"]
        totals[row["run_id"]] += row["total"]
    if staged is not None:
        counts[staged.run_id], totals[staged.run_id] = _counted(staged, column, low, width)
    return Histogram(
        edges=tuple(low + width * place for place in range(BINS + 1)),
        counts={run: tuple(several) for run, several in counts.items()},
        means={run: totals[run] / sum(several) for run, several in counts.items() if sum(several)},
    )


def value_counts(rows: Published, column: str, staged: StagedRows | None = None) -> ValueCounts:
    """How often the commonest values of a column stand in each run, those first that are commonest in all."""
    table = DeltaTable(for_delta_rs(rows.location))
    found = query(
        table,
        f"SELECT run_id, CAST({quoted(column)} AS VARCHAR) AS value, count(*) AS n FROM rows "
        f"WHERE {rows.condition} GROUP BY 1, 2 ORDER BY n DESC LIMIT {MOST_COUNTED}",
    ).to_pylist()
    runs = rows.runs
    if staged is not None:
        found += [{"run_id": staged.run_id, **row} for row in _commonest(staged, column)]
        runs = (*runs, staged.run_id)
    totals: dict[str, int] = {}
    for row in found:
        totals[str(row["value"])] = totals.get(str(row["value"]), 0) + row["n"]
    values = sorted(totals, key=lambda value: (-totals[value], value))[:MOST_VALUES]
    counts = {run: dict.fromkeys(values, 0) for run in runs}
    for row in found:
        if str(row["value"]) in values:
            counts[row["run_id"]][str(row["value"])] = row["n"]
    return ValueCounts(tuple(values), {run: tuple(several.values()) for run, several in counts.items()})


def stability_index(now: Sequence[float], before: Sequence[float]) -> float:
    """How far shares are from what they were: the population stability index, the sum of `(p - q) * ln(p / q)`.

    By common use, below 0.1 the two are alike, and above 0.25 they are not. A share of nothing counts as 0.0001.

    >>> stability_index([0.5, 0.5], [0.5, 0.5]), round(stability_index([0.8, 0.2], [0.5, 0.5]), 3)
    (0.0, 0.416)
    """
    pairs = [(max(p, LEAST_SHARE), max(q, LEAST_SHARE)) for p, q in zip(now, before, strict=True)]
    return sum((p - q) * math.log(p / q) for p, q in pairs)


def _finite(staged: StagedRows, column: str) -> Iterator[np.ndarray]:
    """The numbers of a staged column, without those that have no place in a histogram."""
    for values in staged.values(column):
        numbers = values.cast(pa.float64(), safe=False).drop_null().to_numpy(zero_copy_only=False)
        numbers = numbers[np.isfinite(numbers)]
        if numbers.size:
            yield numbers


def _counted(staged: StagedRows, column: str, low: float, width: float) -> tuple[list[int], float]:
    counts, total = np.zeros(BINS, dtype=np.int64), 0.0
    for numbers in _finite(staged, column):
        places = np.minimum(np.floor((numbers - low) / width), BINS - 1).astype(np.int64)
        counts += np.bincount(places, minlength=BINS)
        total += float(numbers.sum())
    return [int(count) for count in counts], total


def _commonest(staged: StagedRows, column: str) -> list[dict[str, Any]]:
    counts: Counter[Any] = Counter()
    for values in staged.values(column):
        counts.update({row["values"]: row["counts"] for row in values.cast(pa.string()).value_counts().to_pylist()})
    return [{"value": value, "n": n} for value, n in counts.most_common(MOST_COUNTED)]
