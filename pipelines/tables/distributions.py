"""How a column's values are spread in each run of a table: counted by delta-rs' engine, whatever the number of rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from deltalake import DeltaTable

from pipelines.tables.locations import for_delta_rs
from pipelines.tables.reading import between, equal, one_of, query, quoted

BINS = 40
MOST_VALUES = 12
MOST_COUNTED = 10_000
"""Of a column whose values are all different, no more are taken into memory."""


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


def histogram(rows: Published, column: str) -> Histogram | None:
    """The histogram of a numeric column over the range of all the runs; none where it has no values."""
    table, name = DeltaTable(for_delta_rs(rows.location)), f"CAST({quoted(column)} AS DOUBLE)"
    where = f"{rows.condition} AND {quoted(column)} IS NOT NULL AND NOT isnan({name})"
    (bounds,) = query(table, f"SELECT min({name}) AS low, max({name}) AS high FROM rows WHERE {where}").to_pylist()
    if bounds["low"] is None:
        return None
    low, high = bounds["low"], bounds["high"]
    width = (high - low) / BINS or 1.0
    place = f"CAST(least(floor(({name} - {low!r}) / {width!r}), {BINS - 1}) AS INT)"
    found = query(
        table,
        f"SELECT run_id, {place} AS place, count(*) AS n, sum({name}) AS total FROM rows WHERE {where} GROUP BY 1, 2",
    ).to_pylist()
    counts = {run: [0] * BINS for run in rows.runs}
    totals = dict.fromkeys(rows.runs, 0.0)
    for row in found:
        counts[row["run_id"]][row["place"]] = row["n"]
        totals[row["run_id"]] += row["total"]
    return Histogram(
        edges=tuple(low + width * place for place in range(BINS + 1)),
        counts={run: tuple(several) for run, several in counts.items()},
        means={run: totals[run] / sum(several) for run, several in counts.items() if sum(several)},
    )


def value_counts(rows: Published, column: str) -> ValueCounts:
    """How often the commonest values of a column stand in each run, those first that are commonest in all."""
    table = DeltaTable(for_delta_rs(rows.location))
    found = query(
        table,
        f"SELECT run_id, CAST({quoted(column)} AS VARCHAR) AS value, count(*) AS n FROM rows "
        f"WHERE {rows.condition} GROUP BY 1, 2 ORDER BY n DESC LIMIT {MOST_COUNTED}",
    ).to_pylist()
    totals: dict[str, int] = {}
    for row in found:
        totals[str(row["value"])] = totals.get(str(row["value"]), 0) + row["n"]
    values = sorted(totals, key=lambda value: (-totals[value], value))[:MOST_VALUES]
    counts = {run: dict.fromkeys(values, 0) for run in rows.runs}
    for row in found:
        if str(row["value"]) in values:
            counts[row["run_id"]][str(row["value"])] = row["n"]
    return ValueCounts(tuple(values), {run: tuple(several.values()) for run, several in counts.items()})
