"""How a column's values are spread in each run of a table: read batch by batch, so that memory is bounded."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from pipelines.reports.staged_values import StagedRows
from pipelines.tables.locations import for_delta_rs
from pipelines.tables.reading import batches, between, equal, one_of, quoted

BINS = 40
MOST_VALUES = 12
MOST_COUNTED = 10_000
"""So many values are counted at once: of a column whose values are all different, no more are kept in memory."""
MOST_SAMPLED = 20_000
"""Of each run's numbers, so many at most tell its quantiles."""
LEAST_SHARE = 0.0001
LARGEST_WHOLE = 2.0**40
"""Where the bounds lie within it, numbers that are all whole have bins that hold equally many whole numbers."""
FARTHEST = 1e300
"""Bounds lie within it, so that a difference of two is a number; what is farther lies beyond them."""
_TENTHS = tuple(place / 10 for place in range(1, 10))
_MIDDLE = (0.1, 0.5, 0.9)
_USUAL_RANGE = (0.001, 0.999)
_OWN_RANGE = (0.01, 0.99)
_FAR = 4
"""Times the width of the middle 80%."""
_SCALE = 2.0**-64
"""Exact for a number of usual size; a sum of the largest ones stays finite by it."""


@dataclass(frozen=True)
class Spread:
    """What is shown of a run's finite numbers: the mean, the ends, and below what a tenth, a half, nine tenths lie."""

    mean: float
    least: float
    greatest: float
    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Histogram:
    """Counts of a number by run.

    Args:
        edges: the bins' bounds, one more than there are bins; none where no run has a finite value.
        counts: by run, how many values each bin has.
        beyond: by run, how many values lie below the first edge, and above the last.
        parts: by run, all of its rows: those between the tenths of the usual runs, with open ends, and those without
            a finite value.
        spreads: by run; none of a run without a finite value.
    """

    edges: tuple[float, ...]
    counts: Mapping[str, tuple[int, ...]]
    beyond: Mapping[str, tuple[int, int]]
    parts: Mapping[str, tuple[int, ...]]
    spreads: Mapping[str, Spread]

    def without(self, run_id: str) -> int:
        """The rows of a run that have no finite value."""
        return self.parts[run_id][-1]


@dataclass(frozen=True)
class ValueCounts:
    """Counts of the commonest values, as text, by run.

    Args:
        values: those that are commonest in all.
        counts: by run, of each value.
        others: by run, the rows with another value.
        nulls: by run, the rows without a value.
    """

    values: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    others: Mapping[str, int]
    nulls: Mapping[str, int]

    @property
    def parts(self) -> dict[str, tuple[int, ...]]:
        """By run, all of its rows: by value, with another one, without one."""
        return {run: (*counts, self.others[run], self.nulls[run]) for run, counts in self.counts.items()}

    def without(self, run_id: str) -> int:
        """The rows of a run that have no value."""
        return self.nulls[run_id]


@dataclass(frozen=True)
class Rows:
    """The rows of some runs in a predictions table, and of one that is on its stage.

    Args:
        location: the table's.
        model_name: of the slices.
        first: the earliest score date.
        last: the latest.
        runs: the published ones.
        usual: those of the published ones that the others are held against; by default all.
        staged: the rows of a run that is not published.
    """

    location: str
    model_name: str
    first: dt.date
    last: dt.date
    runs: tuple[str, ...]
    usual: tuple[str, ...] = ()
    staged: StagedRows | None = None

    @cached_property
    def table(self) -> DeltaTable:
        """At the version of the first look."""
        return DeltaTable(for_delta_rs(self.location))

    @property
    def all_runs(self) -> tuple[str, ...]:
        """The published ones, then the staged one."""
        return self.runs if self.staged is None else (*self.runs, self.staged.run_id)

    @property
    def condition(self) -> str:
        """The published rows, in SQL."""
        return " AND ".join(
            [
                between("score_date", self.first, self.last),
                equal("model_name", self.model_name),
                one_of("run_id", self.runs),
            ]
        )

    def values(self, column: str, kind: pa.DataType) -> Iterator[tuple[str, pa.Array]]:
        """A column's values, some at a time, each time of one run; cast to a type."""
        sql = f"SELECT run_id, {quoted(column)} AS value FROM rows WHERE {self.condition}"
        for batch in batches(self.table, sql):
            runs = batch.column(0).cast(pa.string())
            for run in runs.unique().to_pylist():
                yield run, batch.column(1).cast(kind, safe=False).filter(pc.equal(runs, run))
        if self.staged is not None:
            for found in self.staged.values(column):
                yield self.staged.run_id, found.cast(kind, safe=False)

    def numbers(self, column: str) -> Iterator[tuple[str, np.ndarray, int]]:
        """A column's finite numbers likewise, and how many values are not."""
        for run, values in self.values(column, pa.float64()):
            known = values.drop_null().to_numpy(zero_copy_only=False)
            finite = known[np.isfinite(known)]
            yield run, finite, len(values) - finite.size


def histogram(rows: Rows, column: str) -> Histogram:
    """The histogram of a numeric column, over the range of the usual runs.

    One value that is far from all others must not squeeze the others into one bin: bounds are quantiles of the usual
    runs, and what lies beyond them is counted apart.

    Args:
        rows: of which runs.
        column: which column.
    """
    samples = {run: _Sample() for run in rows.all_runs}
    for run, numbers, _ in rows.numbers(column):
        if numbers.size:
            samples[run].add(numbers)
    known = {run: sample for run, sample in samples.items() if sample.seen}
    usual = [known[run] for run in rows.usual if run in known] or [*known.values()]
    edges = _edges(usual, [known[run] for run in rows.all_runs if run in known and run not in rows.usual])
    tenths = _tenths(usual)
    # The last edge belongs to the last bin, though every other bound belongs to what follows it.
    inner = np.append(edges[:-1], np.nextafter(edges[-1:], math.inf))
    bins, parts = _Places(inner, rows.all_runs), _Places(tenths, rows.all_runs)
    without = dict.fromkeys(rows.all_runs, 0)
    for run, numbers, others in rows.numbers(column):
        bins.add(run, numbers)
        parts.add(run, numbers)
        without[run] += others
    return Histogram(
        edges=tuple(edges.tolist()),
        counts={run: found[1:-1] for run, found in bins.counts().items()},
        beyond={run: (found[0], found[-1]) for run, found in bins.counts().items()},
        parts={run: (*found, without[run]) for run, found in parts.counts().items()},
        spreads={run: sample.spread() for run, sample in known.items()},
    )


def value_counts(rows: Rows, column: str) -> ValueCounts:
    """How often the commonest values of a column stand in each run, those first that are commonest in all."""
    values = _commonest(found for _, found in rows.values(column, pa.string()))
    counts = {run: np.zeros(len(values), dtype=np.int64) for run in rows.all_runs}
    others, nulls = dict.fromkeys(rows.all_runs, 0), dict.fromkeys(rows.all_runs, 0)
    wanted = pa.array(values, pa.string())
    for run, found in rows.values(column, pa.string()):
        places = pc.index_in(found, value_set=wanted).drop_null().to_numpy()
        counts[run] += np.bincount(places, minlength=len(values))
        nulls[run] += found.null_count
        others[run] += len(found) - found.null_count - places.size
    return ValueCounts(tuple(values), {run: tuple(several.tolist()) for run, several in counts.items()}, others, nulls)


def stability_index(now: Sequence[float], before: Sequence[float]) -> float:
    """How far shares are from what they were: the population stability index, the sum of `(p - q) * ln(p / q)`.

    By common use, below 0.1 the two are alike, and above 0.25 they are not. Of a number the shares are those between
    the deciles of what was, with open ends (N. Siddiqi, Credit Risk Scorecards, Wiley 2006, on stability reports; B.
    Yurdakul, Statistical Properties of Population Stability Index, Western Michigan University 2018, on its
    distribution). A share of nothing counts as 0.0001.

    >>> stability_index([0.5, 0.5], [0.5, 0.5]), round(stability_index([0.8, 0.2], [0.5, 0.5]), 3)
    (0.0, 0.416)
    """
    pairs = [(max(p, LEAST_SHARE), max(q, LEAST_SHARE)) for p, q in zip(now, before, strict=True)]
    return sum((p - q) * math.log(p / q) for p, q in pairs)


@dataclass
class _Sample:
    """Every so many of the numbers that pass by, at most so many; of all: count, sum, ends, and if they are whole."""

    stride: int = 1
    seen: int = 0
    total: float = 0.0
    least: float = math.inf
    greatest: float = -math.inf
    is_whole: bool = True
    kept: list[np.ndarray] = field(default_factory=list)

    def add(self, numbers: np.ndarray) -> None:
        self.kept.append(numbers[-self.seen % self.stride :: self.stride].copy())
        self.seen += numbers.size
        self.total += float((numbers * _SCALE).sum())
        self.least = min(self.least, float(numbers.min()))
        self.greatest = max(self.greatest, float(numbers.max()))
        self.is_whole = self.is_whole and bool((numbers == np.floor(numbers)).all())
        while sum(several.size for several in self.kept) > MOST_SAMPLED:
            self.kept = [np.concatenate(self.kept)[::2].copy()]
            self.stride *= 2

    def spread(self) -> Spread:
        return Spread(self.total / self.seen / _SCALE, self.least, self.greatest, *_quantiles([self], _MIDDLE).tolist())


class _Places:
    """Counts by run of the numbers between bounds, with open ends: a bound belongs to what follows it."""

    def __init__(self, bounds: np.ndarray, runs: Iterable[str]) -> None:
        self.bounds = bounds
        self.found = {run: np.zeros(len(bounds) + 1, dtype=np.int64) for run in runs}

    def add(self, run: str, numbers: np.ndarray) -> None:
        places = np.searchsorted(self.bounds, numbers, side="right")
        self.found[run] += np.bincount(places, minlength=len(self.bounds) + 1)

    def counts(self) -> dict[str, tuple[int, ...]]:
        return {run: tuple(several.tolist()) for run, several in self.found.items()}


def _quantiles(samples: Collection[_Sample], shares: Sequence[float]) -> np.ndarray:
    """The least numbers below or at which those shares of all rows lie; each sample weighs as its rows do."""
    numbers = np.concatenate([several for sample in samples for several in sample.kept])
    weights = np.concatenate([np.full(several.size, sample.stride) for sample in samples for several in sample.kept])
    order = np.argsort(numbers, kind="stable")
    until = np.cumsum(weights[order])
    places = np.searchsorted(until, np.array(shares) * until[-1])
    found: np.ndarray = numbers[order][np.minimum(places, numbers.size - 1)]
    return found


def _tenths(usual: Collection[_Sample]) -> np.ndarray:
    """The bounds between the tenths of the usual numbers; one number that is several tenths stands for itself."""
    if not usual:
        return np.array([])
    bounds, times = np.unique(_quantiles(usual, _TENTHS), return_counts=True)
    return np.unique(np.concatenate([bounds, np.nextafter(bounds[times > 1], math.inf)]))


def _edges(usual: Collection[_Sample], others: Collection[_Sample]) -> np.ndarray:
    """The bounds of bins as wide as each other: where the usual numbers are, and nearly all of the others'."""
    if not usual:
        return np.array([])
    ends = [_ends(usual, *_USUAL_RANGE), *(_ends([sample], *_OWN_RANGE) for sample in others)]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    size = max(abs(low), abs(high))
    if size <= LARGEST_WHOLE and all(sample.is_whole for sample in (*usual, *others)):
        return _whole_edges(math.floor(low), math.ceil(high))
    if high - low <= size * 1e-9:  # one number, more or less
        low, high = low - max(size / 20, 0.5), high + max(size / 20, 0.5)
    shares = np.linspace(0, 1, BINS + 1)
    edges: np.ndarray = low * (1 - shares) + high * shares
    return edges


def _whole_edges(low: int, high: int) -> np.ndarray:
    """The bounds, halfway between two whole numbers, of bins that hold equally many whole numbers."""
    width = math.ceil((high - low + 1) / BINS)
    bins = math.ceil((high - low + 1) / width)
    return low - 0.5 + width * np.arange(bins + 1)


def _ends(samples: Collection[_Sample], least: float, greatest: float) -> tuple[float, float]:
    """Two quantiles, unless they are far from the middle: of few numbers the one that is far is a quantile, too."""
    low, first, last, high = np.clip(
        _quantiles(samples, (least, _MIDDLE[0], _MIDDLE[-1], greatest)), -FARTHEST, FARTHEST
    ).tolist()
    far = _FAR * (last - first) or FARTHEST
    return max(low, first - far), min(high, last + far)


def _commonest(found: Iterable[pa.Array]) -> list[str]:
    """The commonest values, most of them first, without counting more than so many at once.

    Where there are more, the count of the one after the last is taken off all (J. Misra and D. Gries, Finding repeated
    elements, 1982; for several at once P. Agarwal et al., Mergeable summaries, 2012): a value of more than one row in
    `MOST_COUNTED` is never lost.
    """
    counts: Counter[str] = Counter()
    for values in found:
        counted = values.drop_null().value_counts()
        counts.update(dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)))
        if len(counts) > MOST_COUNTED:
            after_the_last = sorted(counts.values(), reverse=True)[MOST_COUNTED]
            counts = Counter({value: n - after_the_last for value, n in counts.items() if n > after_the_last})
    return sorted(counts, key=lambda value: (-counts[value], value))[:MOST_VALUES]
