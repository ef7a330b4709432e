"""Rules as data: what a row must satisfy, apart from how it is computed.

A check holds names and bounds only, so that it can be printed, compared, stored and rendered by more than one engine.
Their meaning is that of the Great Expectations expectation that each is compiled from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pipelines.config import TextFormat
from pipelines.config.policy import Action
from pipelines.errors import shortened

Scalar = str | int | float | bool
Severity = Literal["critical", "warning", "info"]
IgnoreIf = Literal["all_missing", "any_missing", "never"]

FEATURES = "__features"
"""The struct column that holds the features beside the columns read; a path into it names a feature."""

UNREAD = "__unread_"
"""Begins the name of a struct column beside those of a text source, whose name follows: the texts of a row that cannot
be read as their columns' types. A path into it names a column."""
RECORD = "__record"
"""Among those: why the row's record cannot be read as a whole."""


@dataclass(frozen=True)
class OfOneColumn:
    """A check of one column; unless it says otherwise, nulls are not judged."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True)
class NotNull(OfOneColumn):
    """The column has a value. Every row is judged."""

    def expected(self) -> str:
        return "a value"


@dataclass(frozen=True)
class IsNull(OfOneColumn):
    """The column has no value. Every row is judged."""

    def expected(self) -> str:
        return "no value"


@dataclass(frozen=True)
class InSet(OfOneColumn):
    """The value is one of a set; with `negated`, none of it. A None in the set makes every other comparison unknown."""

    values: tuple[Scalar | None, ...]
    negated: bool = False

    def expected(self) -> str:
        listed = shortened(", ".join(str(value) for value in self.values), 120)
        return f"{'none' if self.negated else 'one'} of {listed}"


@dataclass(frozen=True)
class Between(OfOneColumn):
    """The value is within bounds, which belong to the range unless strict.

    With `length` the number of characters is judged in place of the value.
    """

    minimum: Scalar | None = None
    maximum: Scalar | None = None
    strict_minimum: bool = False
    strict_maximum: bool = False
    length: bool = False

    def expected(self) -> str:
        bounds = []
        if self.minimum is not None:
            bounds.append(f"{'>' if self.strict_minimum else '>='} {self.minimum}")
        if self.maximum is not None:
            bounds.append(f"{'<' if self.strict_maximum else '<='} {self.maximum}")
        return ("a length " if self.length else "") + " and ".join(bounds)


@dataclass(frozen=True)
class Matches(OfOneColumn):
    """The text matches one pattern (Java's syntax), or `every` one; with `negated`, none."""

    patterns: tuple[str, ...]
    every: bool = False
    negated: bool = False

    def expected(self) -> str:
        return _of_patterns(self.patterns, self.every, self.negated)


@dataclass(frozen=True)
class Like(OfOneColumn):
    """The text is like one SQL pattern (`%`, `_`), or `every` one; with `negated`, none."""

    patterns: tuple[str, ...]
    escape: str | None = None
    every: bool = False
    negated: bool = False

    def expected(self) -> str:
        return _of_patterns(self.patterns, self.every, self.negated)


@dataclass(frozen=True)
class Parses(OfOneColumn):
    """The text can be read as something, by Python's own parser for it.

    Args:
        column: a column of texts.
        what: `time` by a strptime format, `date` by dateutil, `json`, or `json_schema`: JSON that a schema allows.
        how: the format, or the schema as JSON.
    """

    what: Literal["time", "date", "json", "json_schema"]
    how: str = ""

    def expected(self) -> str:
        by_kind = {
            "time": f"a time as {self.how}",
            "date": "a date",
            "json": "JSON",
            "json_schema": "JSON as its schema",
        }
        return by_kind[self.what]


@dataclass(frozen=True)
class ReadAs(OfOneColumn):
    """The text can be read as a value of a type, or is missing. Every row is judged.

    Args:
        column: a column of texts.
        kind: the SQL type.
        spelling: how the text format spells values.
        looks: what such a text looks like, in words.
        is_masked: whether its texts are never shown.
    """

    kind: str
    spelling: TextFormat
    looks: str
    is_masked: bool = False

    def expected(self) -> str:
        return self.looks


@dataclass(frozen=True)
class WholeRecord(OfOneColumn):
    """The row's record in its file was read whole: nothing says why it was not. Every row is judged."""

    looks: str

    def expected(self) -> str:
        return self.looks


@dataclass(frozen=True)
class ZScoreBelow(OfOneColumn):
    """The value's distance from the slice's mean, in standard deviations of the sample, is below a threshold.

    Known only once the whole slice was read. With fewer than two values, or all equal, nothing breaks it.
    """

    threshold: float
    double_sided: bool = True

    def expected(self) -> str:
        return f"{'|z|' if self.double_sided else 'z'} < {self.threshold:g}"


@dataclass(frozen=True)
class OfSeveralColumns:
    """A check of several columns; `ignore_if` says which rows it leaves alone for their nulls."""

    columns: tuple[str, ...]
    ignore_if: IgnoreIf = "all_missing"


@dataclass(frozen=True)
class PairGreater(OfSeveralColumns):
    """The first column is greater than the second (or equal, with `or_equal`)."""

    or_equal: bool = False

    def expected(self) -> str:
        return f"{self.columns[0]} {'>=' if self.or_equal else '>'} {self.columns[1]}"


@dataclass(frozen=True)
class AllEqual(OfSeveralColumns):
    """The columns are equal; two nulls are."""

    def expected(self) -> str:
        return " equal to ".join(self.columns)


@dataclass(frozen=True)
class PairInSet(OfSeveralColumns):
    """The two columns hold one of the pairs."""

    pairs: tuple[tuple[Scalar | None, Scalar | None], ...] = ()

    def expected(self) -> str:
        return f"one of {shortened(', '.join(f'({first}, {second})' for first, second in self.pairs), 120)}"


@dataclass(frozen=True)
class SumEquals(OfSeveralColumns):
    """The columns add up to a total; a null counts as 0.

    Args:
        columns: what is added.
        ignore_if: which rows are left alone.
        total: the sum.
        whole: those of the columns that hold whole numbers, which are added without overflow.
    """

    total: float = 0.0
    whole: tuple[str, ...] = ()

    def expected(self) -> str:
        return f"{' + '.join(self.columns)} = {self.total:.15g}"


@dataclass(frozen=True)
class DistinctWithinRow(OfSeveralColumns):
    """No two of the columns hold the same value."""

    def expected(self) -> str:
        return f"{', '.join(self.columns)} all different"


@dataclass(frozen=True)
class SqlCast:
    """A cast within a feature's SQL.

    Args:
        sql: the cast as it is written.
        value: the SQL of what is cast.
        found: the type of that.
        wanted: the type that it is cast to; None where a function reads a text by a format of its own.
        condition: the SQL condition under which it is computed; None where it always is.
    """

    sql: str
    value: str
    found: str
    wanted: str | None
    condition: str | None = None


@dataclass(frozen=True)
class KeptByCasts(OfSeveralColumns):
    """Casts keep their values as they are: none is a text that cannot be read, loses a fraction, or is too large.

    Args:
        columns: those that the values are made of.
        ignore_if: `never`: every row is judged.
        casts: the casts.
    """

    casts: tuple[SqlCast, ...] = ()

    def expected(self) -> str:
        written = " and ".join(dict.fromkeys(cast.sql for cast in self.casts))
        return f"values that {shortened(written, 120)} keeps as they are"


@dataclass(frozen=True)
class Unique(OfSeveralColumns):
    """No other judged row holds the same values: all copies break it. Known only once the whole slice was read."""

    def expected(self) -> str:
        return "no other row with the same"


Check = (
    NotNull
    | IsNull
    | InSet
    | Between
    | Matches
    | Like
    | Parses
    | ReadAs
    | WholeRecord
    | KeptByCasts
    | PairGreater
    | AllEqual
    | PairInSet
    | SumEquals
    | DistinctWithinRow
    | Unique
    | ZScoreBelow
)
OfWholeSlice = (Unique, ZScoreBelow)
"""Checks that a row alone cannot answer: they are judged on the stage."""


@dataclass(frozen=True)
class Domain:
    """Which rows are judged, apart from any condition: those with a value in `all` or `any` of the columns.

    Rules of one domain share the count of judged rows.
    """

    columns: tuple[str, ...] = ()
    present: Literal["all", "any"] = "all"


@dataclass(frozen=True)
class Rule:
    """One row-level check of an expectation suite.

    Args:
        id: the check's id, unique within the suite.
        check: what must hold.
        severity: how bad it is.
        action: what is done about a row that breaks it.
        condition: an SQL condition on the rows that are judged; all are where it is None.
        mostly: the share of judged rows that must hold.
        mostly_action: what is done about a slice in which fewer hold.
    """

    id: str
    check: Check
    severity: Severity = "critical"
    action: Action = "quarantine"
    condition: str | None = None
    mostly: float = 1.0
    mostly_action: Action = "reject"

    @property
    def refuses(self) -> bool:
        """Whether a row that breaks it is quarantined; of a slice that it rejects, as evidence."""
        return self.action != "warn"

    @property
    def domain(self) -> Domain:
        """The rows that it judges, where its condition holds."""
        check = self.check
        if isinstance(check, NotNull | IsNull | ReadAs | WholeRecord):
            return Domain()
        if isinstance(check, OfSeveralColumns):
            if check.ignore_if == "never":
                return Domain()
            return Domain(check.columns, "all" if check.ignore_if == "any_missing" else "any")
        return Domain(check.columns)


@dataclass(frozen=True)
class Population:
    """The rows that a rule judges, or that its condition leaves: rules share their counts.

    Args:
        domain: the rows that have the values.
        condition: an SQL condition on them.
    """

    domain: Domain = Domain()
    condition: str | None = None


EVERYBODY = Population()


def populations(rules: Iterable[Rule]) -> tuple[Population, ...]:
    """The populations that rules need to be counted, apart from that of all rows; each once, in order."""
    found = [
        population
        for rule in rules
        for population in (Population(rule.domain, rule.condition), Population(Domain(), rule.condition))
    ]
    return tuple(population for population in dict.fromkeys(found) if population != EVERYBODY)


def _of_patterns(patterns: tuple[str, ...], every: bool, negated: bool) -> str:
    verb = "no match of" if negated else "a match of every one of" if every else "a match of"
    return f"{verb} {shortened(' or '.join(patterns), 120)}"
