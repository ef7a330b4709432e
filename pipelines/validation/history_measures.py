"""What the pass observes for gates that compare a slice with those published before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.config import HistoryGate, Pipeline
from pipelines.validation.gates import Aggregate

PREFIX = "history_"


def measure_of(gate: HistoryGate) -> Aggregate:
    """The aggregate that the pass observes for the gate."""
    return Aggregate("rows") if gate.of == "rows" else Aggregate("share_of_non_null", gate.column)


def measures_of(pipeline: Pipeline) -> tuple[tuple[str, Aggregate], ...]:
    """The aggregates of all of a pipeline's gates, by the names under which they are observed."""
    return tuple((f"{PREFIX}{name}", measure_of(gate)) for name, gate in pipeline.history.items())


def numbers_of(pipeline: Pipeline, metrics: Mapping[str, Any], rows: int) -> dict[str, float | None]:
    """What those came to, by the gates' names; None for a share of no rows."""
    return {
        name: metrics[f"{PREFIX}{name}"] if rows or gate.of == "rows" else None
        for name, gate in pipeline.history.items()
    }


def subject(gate: HistoryGate) -> str:
    """What the gate compares, in words; a number of one subject is never held against one of another."""
    return "rows" if gate.of == "rows" else f"share of nulls in {gate.column}"
