"""The quarantine table: the rows that were not scored, each with its reasons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from deltalake import DeltaTable

from pipelines.tables.locations import for_delta_rs
from pipelines.tables.reading import Row, between, equal, one_of, plain_rows, query


@dataclass(frozen=True)
class Reason:
    """Why a row was refused: the rule, the columns that it is about, and what was found and expected."""

    rule: str
    column: str
    message: str


@dataclass(frozen=True)
class RefusedBy:
    """How many rows of a date one rule refused, and what it said of one of them."""

    score_date: dt.date
    rule: str
    column: str
    rows: int
    example: str


@dataclass(frozen=True)
class Refused:
    """The refused rows of a period, looked at without Spark: counted by delta-rs, and never all in memory.

    Args:
        location: the table's.
        first: the first date.
        last: the last date.
        runs: the runs whose rows are wanted; all by default.
        rule: only rows that this rule refused.
    """

    location: str
    first: dt.date
    last: dt.date
    runs: Collection[str] | None = None
    rule: str | None = None

    def dates(self) -> list[dt.date]:
        """The dates of which there are rows, in order."""
        found = self._ask(f"SELECT DISTINCT score_date FROM ({self._rows()}) ORDER BY 1")
        return [row["score_date"] for row in found]

    def count(self) -> int:
        """How many rows there are."""
        return int(self._ask(f"SELECT count(*) AS n FROM ({self._rows()})")[0]["n"])

    def rules(self) -> set[str]:
        """The rules that refused one of the rows."""
        return {found.rule for found in self.by_rule()}

    def by_rule(self) -> list[RefusedBy]:
        """The rows by date and rule, of each date the commonest first; a row with two reasons counts for both."""
        found = self._ask(
            "SELECT score_date, reason['rule'] AS rule, min(reason['column']) AS \"column\", count(*) AS rows, "
            f"min(reason['message']) AS example FROM ({self._reasons()}) GROUP BY 1, 2 ORDER BY 1, 4 DESC, 2"
        )
        return [RefusedBy(**row) for row in found]

    def some(self, most: int) -> list[Row]:
        """So many of the rows at most, those of the earliest dates."""
        names = "score_date, run_id, reasons, row"
        return self._ask(f"SELECT {names} FROM ({self._rows()}) ORDER BY score_date, row LIMIT {most}")

    def _rows(self) -> str:
        if self.rule is None:
            return f"SELECT * FROM rows WHERE {self._condition()}"
        with_rule = f"SELECT *, reason['rule'] AS rule FROM ({self._reasons()})"
        return f"SELECT * FROM ({with_rule}) WHERE {equal('rule', self.rule)}"

    def _reasons(self) -> str:
        """The rows, once for each of their reasons."""
        return f"SELECT *, unnest(reasons) AS reason FROM rows WHERE {self._condition()}"

    def _condition(self) -> str:
        wanted = between("score_date", self.first, self.last)
        return wanted if self.runs is None else f"{wanted} AND {one_of('run_id', sorted(self.runs))}"

    def _ask(self, sql: str) -> list[Row]:
        return plain_rows(query(DeltaTable(for_delta_rs(self.location)), sql))
