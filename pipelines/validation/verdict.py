"""The verdict of a run: every check's result, judged from what was observed. Pure, without Spark."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from pyspark.sql import types as T

from pipelines.config.policy import Action
from pipelines.errors import ConfigurationError
from pipelines.expressions.names import label
from pipelines.expressions.rules import Rule, Severity
from pipelines.validation.compiling import Checks
from pipelines.validation.engine import EngineResult
from pipelines.validation.gates import TELLS_VALUES, Finding, Gate
from pipelines.validation.observing import Observed
from pipelines.validation.schema_gates import SchemaGate


@dataclass(frozen=True)
class CheckResult:
    """One check's result.

    Args:
        check_id: unique within the run.
        kind: a rule judges rows, a gate the batch.
        severity: how bad its failure is.
        success: whether the check held; of a rule, whether its share of judged rows reaches `mostly`.
        observed: the number that was judged: of a rule the share of judged rows that hold.
        unexpected_count: rows that break it.
        expected: what would have held, in words.
        expectation: the suite's text; empty for the project's own gates.
        action: what its failure leads to; of a rule, also what a row leads to that breaks it.
        element_count: of a rule, the rows that its condition leaves.
        missing_count: of a rule, those of them that it does not judge for their nulls.
        found: what was found, where that is no number.
    """

    check_id: str
    kind: Literal["rule", "gate"]
    severity: Severity
    success: bool
    observed: float | None = None
    unexpected_count: int | None = None
    expected: str = ""
    expectation: Mapping[str, Any] = field(default_factory=dict)
    action: Action = "warn"
    element_count: int | None = None
    missing_count: int | None = None
    found: str = ""

    @property
    def rejects(self) -> bool:
        """Whether it keeps the slice from being published."""
        return not self.success and self.action == "reject"

    def as_json(self) -> dict[str, object]:
        """The result as plain values."""
        return dict(vars(self))  # `asdict` copies the expectation, for each check of each slice


@dataclass(frozen=True)
class Counts:
    """The rows of a run; `input = scored + quarantined` is a gate."""

    input: int
    scored: int
    quarantined: int


@dataclass(frozen=True)
class Acceptance:
    """A person's word that a slice may be published although these checks failed."""

    checks: tuple[str, ...] = ()
    reason: str = ""

    @classmethod
    def from_json(cls, text: str | None) -> Self:
        """What the ledger keeps of it; of no checks where nothing was accepted."""
        said = {} if text is None else json.loads(text)
        return cls(tuple(said.get("checks", ())), said.get("reason", ""))


NOTHING_ACCEPTED = Acceptance()


@dataclass(frozen=True)
class Verdict:
    """The outcome of all rules and gates of a run."""

    results: tuple[CheckResult, ...]

    def rejecting(self, accepted: Collection[str] = ()) -> list[CheckResult]:
        """The checks that keep the slice from being published, less those that a person has accepted."""
        return [result for result in self.results if result.rejects and result.check_id not in accepted]

    def broken_rules(self) -> list[CheckResult]:
        """The rules that some rows break, most rows first."""
        broken = [result for result in self.results if result.kind == "rule" and result.unexpected_count]
        return sorted(broken, key=lambda result: -(result.unexpected_count or 0))

    def as_json(self) -> list[dict[str, object]]:
        """The results as plain values."""
        return [result.as_json() for result in self.results]

    @classmethod
    def from_json(cls, text: str | None) -> Self:
        """The verdict that `as_json` came to, as the ledger keeps it; without a result where nothing was judged."""
        return cls.of_plain([] if text is None else json.loads(text))

    @classmethod
    def of_plain(cls, results: Iterable[Mapping[str, Any]]) -> Self:
        """The verdict of such plain values as `as_json` gives."""
        return cls(tuple(CheckResult(**result) for result in results))


def described(result: CheckResult) -> str:
    """What a result found, as text."""
    if result.found:
        return result.found
    if result.observed is None:
        return "none"
    return f"{result.observed:.15g}" + (f" ({result.unexpected_count} rows)" if result.kind == "rule" else "")


def personal_of(kwargs: Mapping[str, Any], personal: Collection[str]) -> set[str]:
    """The personal columns among an expectation's arguments."""
    named = [item for value in kwargs.values() for item in (value if isinstance(value, list) else [value])]
    return {name for name in personal if name in named}


def judge_pass(
    checks: Checks,
    observed: Observed,
    engine_results: Iterable[EngineResult],
    schema: T.StructType,
    personal: Collection[str] = (),
) -> list[CheckResult]:
    """The results of all checks that the one pass, the schema or the engine answers.

    Args:
        checks: the compiled suite.
        observed: what the pass observed.
        engine_results: of the expectations that Great Expectations computed.
        schema: of the input.
        personal: columns of which a value, such as the largest, is judged but not shown.
    """
    results: list[CheckResult] = []
    for position, rule in enumerate(checks.rules):
        counted = (observed.broken(position), observed.judged(rule), observed.elements(rule))
        results += rule_results(checks, rule, *counted)
    pass_gates = enumerate(checks.pass_gates)
    results += [gate_result(checks, gate, observed.metrics[f"gate_{number}"], personal) for number, gate in pass_gates]
    for item in checks.schema_gates:
        results.append(_found(checks, item, item.find(schema), item.test.expected()))
    actions = {foreign.expectation.check_id: foreign.action for foreign in checks.foreign}
    return results + [_engine_result(checks, item, actions[item.check_id], personal) for item in engine_results]


def judge_stage(
    checks: Checks,
    counted: Mapping[str, tuple[int, int]],
    look: Mapping[str, Any],
    personal: Collection[str] = (),
) -> list[CheckResult]:
    """The results of the checks that are answered on the stage.

    Args:
        checks: the compiled suite.
        counted: judged rows and elements of each of the stage's rules, by its id, as the pass observed them.
        look: the aggregates of the stage: `stage_rule_N` and `stage_gate_N`.
        personal: columns of which no value is shown.
    """
    results: list[CheckResult] = []
    for position, rule in enumerate(checks.stage_rules):
        results += rule_results(checks, rule, int(look[f"stage_rule_{position}"]), *counted[rule.id])
    stage_gates = enumerate(checks.stage_gates)
    return results + [gate_result(checks, gate, look[f"stage_gate_{number}"], personal) for number, gate in stage_gates]


def rule_results(checks: Checks, rule: Rule, broken: int, judged: int, elements: int) -> list[CheckResult]:
    """A rule's result and, where it has a `mostly`, that of the gate on the share of rows that hold."""
    share = (judged - broken) / judged if judged else 1.0
    text = checks.expectations[rule.id].as_json() if rule.id in checks.expectations else {}
    expected = f"{', '.join(label(name) for name in rule.check.columns)}: {rule.check.expected()}"
    enough = share >= rule.mostly
    results = [
        CheckResult(
            rule.id,
            "rule",
            rule.severity,
            enough,
            share,
            broken,
            expected,
            text,
            rule.action,
            elements,
            elements - judged,
        )
    ]
    if rule.mostly < 1:
        at_least = f">= {rule.mostly:g} of the rows hold"
        gate = CheckResult(
            f"{rule.id}:mostly", "gate", rule.severity, enough, share, broken, at_least, action=rule.mostly_action
        )
        results.append(gate)
    return results


def gate_result(checks: Checks, gate: Gate, value: Any, personal: Collection[str]) -> CheckResult:
    """The result of a gate whose aggregate came to a value.

    Raises:
        ConfigurationError: the value cannot be compared with the gate's bounds.
    """
    try:
        finding = gate.test.find(value)
    except (TypeError, ValueError) as error:  # a number against a time, or a text that is no time
        raise ConfigurationError(
            f"check '{gate.id}' cannot be judged",
            expected=f"a {gate.aggregate.function} that can be {gate.test.expected()}",
            found=f"a value of type {type(value).__name__}",
            remedy="correct the bounds in the suite",
        ) from error
    if gate.aggregate.column in personal and gate.aggregate.function in TELLS_VALUES:
        finding = replace(finding, observed=None, found="")
    return _found(checks, gate, finding, gate.test.expected())


def _found(checks: Checks, gate: Gate | SchemaGate, finding: Finding, expected: str) -> CheckResult:
    return CheckResult(
        gate.id,
        "gate",
        gate.severity,
        finding.success,
        finding.observed,
        finding.unexpected_count,
        expected,
        checks.expectations[gate.id].as_json(),
        gate.action,
        found=finding.found,
    )


def _engine_result(checks: Checks, item: EngineResult, action: Action, personal: Collection[str]) -> CheckResult:
    expectation = checks.expectations[item.check_id]
    return CheckResult(
        item.check_id,
        "gate",
        expectation.severity,
        item.success,
        None if personal_of(expectation.kwargs, personal) else item.observed,
        item.unexpected_count,
        expectation.type,
        expectation.as_json(),
        action,
        item.element_count,
        item.missing_count,
    )
