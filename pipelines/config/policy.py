"""What broken checks lead to: limits, actions by severity, and gates against the past."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pipelines.config.typed import Typed

Action = Literal["reject", "quarantine", "warn"]
GateAction = Literal["reject", "warn"]


class RuleLimit(Typed):
    """How many rows one rule may refuse."""

    share: float | None = Field(default=None, ge=0, le=1)
    """The largest share of the input's rows."""
    rows: int | None = Field(default=None, ge=0)
    """The largest number of rows."""


class Limits(Typed):
    """How much may be refused before the slice itself is."""

    quarantined_share: float = Field(default=0.1, ge=0, le=1)
    """The largest share of the input's rows that may be quarantined."""
    quarantined_rows: int | None = Field(default=None, ge=0)
    """The largest number of rows that may be quarantined."""
    rules: dict[str, RuleLimit] = {}
    """Limits for single rules, by their ids."""
    model_raised_rows: int = Field(default=10, ge=0)
    """The largest number of rows on which the model may raise; they are quarantined, and the others scored."""


class RowPolicy(Typed):
    """What is done about a row that breaks a row-level expectation, by the expectation's severity."""

    critical: Action = "quarantine"
    warning: Action = "warn"
    info: Action = "warn"


class BatchPolicy(Typed):
    """What is done about a slice that fails a batch-level expectation, or a rule's `mostly`, by its severity."""

    critical: GateAction = "reject"
    warning: GateAction = "warn"
    info: GateAction = "warn"


class Policy(Typed):
    """What a broken check leads to.

    `reject`: the slice is not published, and its bad rows are kept as evidence. `quarantine`: the row is set aside.
    `warn`: it is counted and reported.
    """

    rows: RowPolicy = RowPolicy()
    batch: BatchPolicy = BatchPolicy()
    checks: dict[str, Action] = {}
    """By a check's id, whatever its severity."""


class HistoryGate(Typed):
    """Compares a number of the slice with the median of slices published before."""

    of: Literal["rows", "null_share"]
    """The number of rows, or the share of nulls in a column."""
    column: str | None = None
    """With `null_share`: the column."""
    slices: int = Field(default=7, ge=1)
    """How many of the last published slices before this one make the median."""
    same_weekday: bool = False
    """Whether only slices of the same weekday count."""
    at_least: int = Field(default=3, ge=1)
    """With fewer slices the gate passes."""
    within: float = Field(gt=0)
    """How far from the median: of `rows` a share of it (0.5: half to one and a half), of `null_share` points (0.05)."""
    action: GateAction = "reject"
    """What happens when it fails."""

    @model_validator(mode="after")
    def consistent(self) -> HistoryGate:
        if (self.of == "null_share") != (self.column is not None):
            raise ValueError("'column' goes with 'null_share', and only with it")
        if self.at_least > self.slices:
            raise ValueError(f"'at_least' is more than the {self.slices} 'slices' that are looked at")
        return self
