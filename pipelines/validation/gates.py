"""Gates as data: what a batch as a whole must satisfy, and the aggregate that tells."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from pipelines.config.policy import Action
from pipelines.errors import shortened
from pipelines.expressions.rules import Scalar, Severity

Function = Literal[
    "rows",
    "min",
    "max",
    "mean",
    "stdev",
    "sum",
    "share_of_non_null",
    "distinct",
    "share_of_distinct",
    "distinct_of_set",
    "median",
    "quantiles",
    "most_common",
]
ON_STAGE = frozenset({"distinct", "share_of_distinct", "distinct_of_set", "median", "quantiles", "most_common"})
"""Aggregates for which values must be brought together: computed on the stage, of the columns that they need alone."""
TELLS_VALUES = frozenset({"min", "max", "mean", "stdev", "sum", "median", "quantiles", "most_common"})
"""Aggregates that tell something of single values."""


@dataclass(frozen=True)
class Aggregate:
    """One number, or a few, about a batch.

    Args:
        function: what is computed.
        column: of which column; of the rows themselves where it is None.
        condition: an SQL condition on the rows that count.
        values: with `distinct_of_set` and `most_common`: the set.
        quantiles: with `quantiles`: which, from 0 to 1.
        of_times: whether the column holds timestamps, which are judged in the session's zone, UTC.
    """

    function: Function
    column: str | None = None
    condition: str | None = None
    values: tuple[Scalar, ...] = ()
    quantiles: tuple[float, ...] = ()
    of_times: bool = False

    @property
    def on_stage(self) -> bool:
        return self.function in ON_STAGE


@dataclass(frozen=True)
class Finding:
    """What a test says of an aggregate.

    Args:
        success: whether it holds.
        observed: the number that was judged, where there is one.
        unexpected_count: distinct values that should not be there.
        found: what was found, where that is no number.
    """

    success: bool
    observed: float | None = None
    unexpected_count: int | None = None
    found: str = ""


@dataclass(frozen=True)
class Bounds:
    """A range of numbers, texts or times; a bound that is None is open, a strict one does not belong to the range."""

    minimum: Scalar | None = None
    maximum: Scalar | None = None
    strict_minimum: bool = False
    strict_maximum: bool = False

    def hold(self, value: Any) -> bool:
        """Whether the value is within the bounds; a missing value or NaN is not.

        >>> Bounds(1, 3, strict_maximum=True).hold(3)
        False
        """
        if isinstance(value, Decimal):
            value = float(value)  # as Great Expectations does before it compares
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return False
        return self._is_above(value) and self._is_below(value)

    def _is_above(self, value: Any) -> bool:
        if self.minimum is None:
            return True
        value, minimum = _comparable(value, self.minimum)
        return bool(value > minimum if self.strict_minimum else value >= minimum)

    def _is_below(self, value: Any) -> bool:
        if self.maximum is None:
            return True
        value, maximum = _comparable(value, self.maximum)
        return bool(value < maximum if self.strict_maximum else value <= maximum)

    def find(self, value: Any) -> Finding:
        """The result as a finding."""
        if isinstance(value, int | float | Decimal):
            return Finding(self.hold(value), float(value))
        return Finding(self.hold(value), found="" if value is None else str(value))

    def expected(self) -> str:
        low = "" if self.minimum is None else f"{'>' if self.strict_minimum else '>='} {_plain(self.minimum)}"
        high = "" if self.maximum is None else f"{'<' if self.strict_maximum else '<='} {_plain(self.maximum)}"
        return " and ".join(part for part in (low, high) if part)


@dataclass(frozen=True)
class Ranges:
    """A range for each quantile; with the tolerance of Great Expectations: a relative 1e-4, and 1e-8 beside it."""

    quantiles: tuple[float, ...]
    ranges: tuple[tuple[float | None, float | None], ...]

    def find(self, value: Any) -> Finding:
        values = value or [None] * len(self.quantiles)
        success = all(
            _within(float(one), *range_) if one is not None else False
            for one, range_ in zip(values, self.ranges, strict=True)
        )
        shown = ", ".join("none" if one is None else f"{one:.15g}" for one in values)
        return Finding(success, float(values[0]) if len(values) == 1 and values[0] is not None else None, found=shown)

    def expected(self) -> str:
        pairs = zip(self.quantiles, self.ranges, strict=True)
        return "; ".join(f"quantile {quantile:g} in {low} to {high}" for quantile, (low, high) in pairs)


@dataclass(frozen=True)
class OfSet:
    """The distinct values against a set: none `outside` it, and with `all_there` each of it is found."""

    values: tuple[Scalar, ...]
    outside: bool
    all_there: bool

    def find(self, value: Any) -> Finding:
        outside, inside = value["outside"], value["inside"]
        missing = len(self.values) - inside
        failed = (self.outside and outside > 0) or (self.all_there and missing > 0)
        parts = [f"{outside} values outside the set"] * self.outside + [f"{missing} of it missing"] * self.all_there
        return Finding(
            not failed,
            float(missing if self.all_there else outside),
            outside if self.outside else None,
            ", ".join(parts),
        )

    def expected(self) -> str:
        listed = shortened(", ".join(str(value) for value in self.values), 120)
        verb = "no other values than" if not self.all_there else "all of" if not self.outside else "just the values"
        return f"{verb} {listed}"


@dataclass(frozen=True)
class MostCommonInSet:
    """The most common value is of a set; there may be several of equal count only with `ties`."""

    values: tuple[Scalar, ...]
    ties: bool

    def find(self, value: Any) -> Finding:
        found, of_set = (value["ties"], value["of_set"]) if value else (0, 0)
        success = of_set > 0 if self.ties else found == 1 and of_set == 1
        return Finding(success, float(of_set), found=f"{found} most common values, {of_set} of them of the set")

    def expected(self) -> str:
        return f"the most common of {shortened(', '.join(str(value) for value in self.values), 120)}"


@dataclass(frozen=True)
class Gate:
    """One batch-level check: a test of an aggregate."""

    id: str
    aggregate: Aggregate
    test: Bounds | Ranges | OfSet | MostCommonInSet
    severity: Severity
    action: Action


def _comparable(value: Any, bound: Scalar) -> tuple[Any, Any]:
    """A value and a bound as things that Great Expectations compares: doubles, days or times.

    Days where the bound is one, even if the value is a time; times where the bound has a time of day. A text is read.
    """
    if not isinstance(bound, str):
        return value, float(bound)
    if not isinstance(value, str | dt.date) or (isinstance(value, str) and not bound[:4].isdecimal()):
        return value, bound
    from dateutil import parser

    limit = parser.parse(bound)
    found = parser.parse(value) if isinstance(value, str) else value
    if ":" not in bound:
        return found.date() if isinstance(found, dt.datetime) else found, limit.date()
    if not isinstance(found, dt.datetime):
        found = dt.datetime.combine(found, dt.time())
    return _without_zone(found), _without_zone(limit)


def _without_zone(time: dt.datetime) -> dt.datetime:
    """The time in UTC; what names no zone is, as in the session."""
    return time if time.tzinfo is None else time.astimezone(dt.UTC).replace(tzinfo=None)


def _within(value: float, low: float | None, high: float | None) -> bool:
    lower, upper = -math.inf if low is None else low, math.inf if high is None else high
    near = any(math.isfinite(bound) and abs(value - bound) <= 1e-8 + 1e-4 * abs(bound) for bound in (lower, upper))
    return near or lower <= value <= upper


def _plain(bound: Scalar) -> str:
    return f"{bound:.15g}" if isinstance(bound, int | float) else bound
