"""Rules as data: what a row must satisfy, apart from how it is computed.

A check holds names and bounds only, so that it can be printed, compared, stored and rendered by more than one engine.
Their meaning is that of the Great Expectations expectation that each is compiled from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.errors import shortened

Scalar = str | int | float | bool
Severity = Literal["critical", "warning", "info"]
IgnoreIf = Literal["all_missing", "any_missing", "never"]

FEATURES = "__features"
"""The struct column that holds the features beside the columns read; a path into it names a feature."""


@dataclass(frozen=True)
class NotNull:
    """The column has a value."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def expected(self) -> str:
        return "a value"


@dataclass(frozen=True)
class IsNull:
    """The column has no value."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def expected(self) -> str:
        return "no value"


@dataclass(frozen=True)
class InSet:
    """The value is one of a set; with `negated`, none of it. Nulls are not judged."""

    column: str
    values: tuple[Scalar, ...]
    negated: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def expected(self) -> str:
        listed = shortened(", ".join(str(value) for value in self.values), 120)
        return f"{'none' if self.negated else 'one'} of {listed}"


@dataclass(frozen=True)
class Between:
    """The value is within bounds, which belong to the range unless strict. Nulls are not judged.

    With `length` the number of characters is judged in place of the value.
    """

    column: str
    minimum: Scalar | None = None
    maximum: Scalar | None = None
    strict_minimum: bool = False
    strict_maximum: bool = False
    length: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def expected(self) -> str:
        bounds = []
        if self.minimum is not None:
            bounds.append(f"{'>' if self.strict_minimum else '>='} {self.minimum}")
        if self.maximum is not None:
            bounds.append(f"{'<' if self.strict_maximum else '<='} {self.maximum}")
        return ("a length " if self.length else "") + " and ".join(bounds)


@dataclass(frozen=True)
class Matches:
    """The text matches one pattern (Java's syntax), or `every` one; with `negated`, none. Nulls are not judged."""

    column: str
    patterns: tuple[str, ...]
    every: bool = False
    negated: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def expected(self) -> str:
        verb = "no match of" if self.negated else "a match of every one of" if self.every else "a match of"
        return f"{verb} {shortened(' or '.join(self.patterns), 120)}"


@dataclass(frozen=True)
class PairGreater:
    """One column is greater than another (or equal, with `or_equal`)."""

    greater: str
    smaller: str
    or_equal: bool = False
    ignore_if: IgnoreIf = "all_missing"

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.greater, self.smaller)

    def expected(self) -> str:
        return f"{self.greater} {'>=' if self.or_equal else '>'} {self.smaller}"


@dataclass(frozen=True)
class PairEqual:
    """Two columns are equal."""

    first: str
    second: str
    ignore_if: IgnoreIf = "all_missing"

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.first, self.second)

    def expected(self) -> str:
        return f"{self.first} equal to {self.second}"


@dataclass(frozen=True)
class DistinctWithinRow:
    """No two of the columns hold the same value."""

    compared: tuple[str, ...]
    ignore_if: IgnoreIf = "all_missing"

    @property
    def columns(self) -> tuple[str, ...]:
        return self.compared

    def expected(self) -> str:
        return f"{', '.join(self.compared)} all different"


Check = NotNull | IsNull | InSet | Between | Matches | PairGreater | PairEqual | DistinctWithinRow


@dataclass(frozen=True)
class Rule:
    """One row-level check of an expectation suite.

    Args:
        id: the check's id, unique within the suite.
        check: what must hold.
        severity: `critical` rows are refused; others are counted and reported.
        condition: an SQL condition on the rows that are judged; all are where it is None.
        mostly: the share of judged rows that must hold, else the rule's gate fails.
    """

    id: str
    check: Check
    severity: Severity = "critical"
    condition: str | None = None
    mostly: float = 1.0

    @property
    def refuses(self) -> bool:
        """Whether a row that breaks it is quarantined."""
        return self.severity == "critical"
