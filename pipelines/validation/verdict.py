"""The verdict of a run: every check's result, judged from what was observed. Pure, without Spark."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pipelines.expressions.names import label
from pipelines.expressions.rules import Severity
from pipelines.validation.compiling import Checks
from pipelines.validation.engine import EngineResult
from pipelines.validation.observing import Metrics


@dataclass(frozen=True)
class CheckResult:
    """One check's result.

    Args:
        check_id: unique within the run.
        kind: a rule judges rows, a gate the batch.
        severity: a failed critical gate rejects the slice; a broken critical rule quarantines the row.
        success: whether the check held.
        observed: the number that was judged: of a rule the share of judged rows that hold.
        unexpected_count: rows that break it.
        expected: what would have held, in words.
        expectation: the suite's text; empty for the project's own gates.
    """

    check_id: str
    kind: Literal["rule", "gate"]
    severity: Severity
    success: bool
    observed: float | None = None
    unexpected_count: int | None = None
    expected: str = ""
    expectation: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The result as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """The outcome of all rules and gates of a run."""

    results: tuple[CheckResult, ...]

    def failed_gates(self, accepted: Collection[str] = ()) -> list[CheckResult]:
        """The gates that stop the slice, less those that a person has accepted."""
        return [
            result
            for result in self.results
            if result.kind == "gate"
            and result.severity == "critical"
            and not result.success
            and result.check_id not in accepted
        ]

    def broken_rules(self) -> list[CheckResult]:
        """The rules that some rows break, most rows first."""
        broken = [result for result in self.results if result.kind == "rule" and result.unexpected_count]
        return sorted(broken, key=lambda result: -(result.unexpected_count or 0))

    def as_json(self) -> list[dict[str, Any]]:
        """The results as plain values."""
        return [result.as_json() for result in self.results]


VALUES = frozenset({"min", "max", "mean", "stdev", "sum"})
"""Aggregates that tell something of single values."""


def personal_of(kwargs: dict[str, Any], personal: Collection[str]) -> set[str]:
    """The personal columns among an expectation's arguments."""
    named = [item for value in kwargs.values() for item in (value if isinstance(value, list) else [value])]
    return {name for name in personal if name in named}


def judge_suite(
    checks: Checks,
    metrics: Metrics,
    engine_results: Iterable[EngineResult],
    columns: Sequence[str],
    personal: Collection[str] = (),
) -> list[CheckResult]:
    """The results of a suite's checks, from the aggregates of the one pass and the engine's own results.

    Args:
        checks: the compiled suite.
        metrics: what the pass observed.
        engine_results: of the expectations that Great Expectations computed.
        columns: the columns of the input.
        personal: columns of which a value, such as the largest, is judged but not told.
    """
    results: list[CheckResult] = []
    for position, rule in enumerate(checks.rules):
        broken, judged = int(metrics[f"broken_{position}"]), int(metrics[f"judged_{position}"])
        share = 1.0 if judged == 0 else (judged - broken) / judged
        text = checks.expectations[rule.id].as_json() if rule.id in checks.expectations else {}
        expected = f"{', '.join(label(name) for name in rule.check.columns)}: {rule.check.expected()}"
        enough = share >= rule.mostly
        results.append(CheckResult(rule.id, "rule", rule.severity, enough, share, broken, expected, text))
        if rule.mostly < 1:
            at_least = f">= {rule.mostly:g} of the rows hold"
            results.append(CheckResult(f"{rule.id}:mostly", "gate", rule.severity, enough, share, broken, at_least))
    for number, gate in enumerate(checks.gates):
        value = metrics[f"gate_{number}"]
        observed = None if value is None else float(value)
        held = gate.bounds.hold(observed)
        if gate.aggregate.column in personal and gate.aggregate.function in VALUES:
            observed = None
        text = checks.expectations[gate.id].as_json()
        results.append(CheckResult(gate.id, "gate", gate.severity, held, observed, None, str(gate.bounds), text))
    for schema_gate in checks.schema_gates:
        differences = schema_gate.differences(columns)
        text = checks.expectations[schema_gate.id].as_json()
        expected = "; ".join(differences) or f"columns {', '.join(schema_gate.columns)}"
        count = len(differences)
        results.append(
            CheckResult(schema_gate.id, "gate", schema_gate.severity, not count, float(count), count, expected, text)
        )
    for item in engine_results:
        expectation = checks.expectations[item.check_id]
        results.append(
            CheckResult(
                item.check_id,
                "gate",
                expectation.severity,
                item.success,
                None if personal_of(expectation.kwargs, personal) else item.observed,
                item.unexpected_count,
                expectation.type,
                expectation.as_json(),
            )
        )
    return results
