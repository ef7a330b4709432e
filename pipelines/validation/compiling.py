"""Compiles a suite: row-level expectations to rules, batch-level ones to gates, the rest for GX's own engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipelines.config.policy import Action, Policy
from pipelines.errors import ConfigurationError, did_you_mean
from pipelines.expressions.rules import OfWholeSlice, Rule, Unique, ZScoreBelow
from pipelines.validation.batch_level import gate_of, schema_test_of
from pipelines.validation.gates import Aggregate, Gate
from pipelines.validation.row_level import check_of
from pipelines.validation.schema_gates import SchemaGate
from pipelines.validation.suite import Arguments, Expectation, Suite

DEFAULT_POLICY = Policy()
_FLAGS = {"strict_min", "strict_max", "ties_okay", "double_sided", "or_equal", "exact_match"}
_COMMON = ("mostly", "row_condition", "condition_parser")
_WHY_FOREIGN = {
    "expect_column_values_to_be_increasing": "it depends on the order of the rows, which Spark does not keep",
    "expect_column_values_to_be_decreasing": "it depends on the order of the rows, which Spark does not keep",
    "expect_column_values_to_not_be_outliers": "it needs quantiles of the whole slice before it can judge a row",
    "expect_column_kl_divergence_to_be_less_than": "it compares distributions by Great Expectations' own partitions",
    "expect_query_results_to_match_comparison": "it runs SQL of its own",
    "expect_table_row_count_to_equal_other_table": "it counts another table",
    "unexpected_rows_expectation": "it runs SQL of its own",
}


@dataclass(frozen=True)
class Foreign:
    """An expectation that Great Expectations' own engine computes, and what its failure leads to.

    Args:
        expectation: which.
        action: what its failure leads to.
        is_personal: whether it is left to the engine only because its column is personal.
    """

    expectation: Expectation
    action: Action
    is_personal: bool = False

    @property
    def why(self) -> str:
        """Why it cannot be computed in the one pass."""
        if self.is_personal:
            return "its column is personal, and the stage would have to hold the values"
        return _WHY_FOREIGN.get(self.expectation.type, "no rule or gate means exactly the same")


@dataclass(frozen=True)
class Checks:
    """A suite, compiled.

    Args:
        rules: judged in the one pass, in the order of the bits of a row's mask.
        stage_rules: judged on the stage, as they speak of the slice as a whole.
        gates: tests of aggregates, computed in the one pass or on the stage.
        schema_gates: what needs the columns' names and types only.
        foreign: what Great Expectations' own engine computes, in passes of its own.
        suite: the expectations that all of them were compiled from.
    """

    rules: tuple[Rule, ...] = ()
    stage_rules: tuple[Rule, ...] = ()
    gates: tuple[Gate, ...] = ()
    schema_gates: tuple[SchemaGate, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    suite: Suite = ()

    @cached_property
    def expectations(self) -> dict[str, Expectation]:
        """The suite's text of each check by its id."""
        return {expectation.check_id: expectation for expectation in self.suite}

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        return (*self.rules, *self.stage_rules)

    @property
    def refuse_on_stage(self) -> bool:
        """Whether a row may be refused only once the whole slice is known: until then any may be."""
        return any(rule.refuses for rule in self.stage_rules)

    @property
    def refused_copies(self) -> tuple[tuple[int, Rule], ...]:
        """The rules for which rows are refused because others have the same values, with their places on the stage."""
        found = enumerate(self.stage_rules)
        return tuple((place, rule) for place, rule in found if rule.refuses and isinstance(rule.check, Unique))

    @property
    def pass_gates(self) -> tuple[Gate, ...]:
        return tuple(gate for gate in self.gates if not gate.aggregate.on_stage)

    @property
    def stage_gates(self) -> tuple[Gate, ...]:
        return tuple(gate for gate in self.gates if gate.aggregate.on_stage)

    @property
    def on_stage(self) -> tuple[str, ...]:
        """The ids of the checks that speak of the slice as a whole: judged on the stage, of few columns."""
        return (*[rule.id for rule in self.stage_rules], *[gate.id for gate in self.stage_gates])

    @property
    def by_engine(self) -> dict[str, str]:
        """Why Great Expectations' engine computes checks, by their ids; each reads the slice again."""
        return {foreign.expectation.check_id: foreign.why for foreign in self.foreign}

    @property
    def measured(self) -> tuple[tuple[str, Aggregate], ...]:
        """The aggregates that the one pass computes for gates, by name."""
        return tuple((f"gate_{number}", gate.aggregate) for number, gate in enumerate(self.pass_gates))

    def columns(self) -> set[str]:
        """The columns that rules and gates read, apart from those in conditions."""
        in_rules = {name for rule in self.all_rules for name in rule.check.columns}
        return in_rules | {gate.aggregate.column for gate in self.gates if gate.aggregate.column is not None}

    def conditions(self) -> list[str]:
        """The SQL conditions on the rows that rules and gates judge."""
        found = [rule.condition for rule in self.all_rules] + [gate.aggregate.condition for gate in self.gates]
        return [condition for condition in dict.fromkeys(found) if condition is not None]


def compile_suite(suite: Suite, policy: Policy = DEFAULT_POLICY, personal: Sequence[str] = ()) -> Checks:
    """Compile each expectation in the cheapest way that is exact; none is skipped.

    Args:
        suite: the expectations.
        policy: what broken checks lead to.
        personal: columns of which the stage holds no values; gates that would need them there go to the engine.

    Raises:
        ConfigurationError: arguments that no data could satisfy or be judged by, or a policy that no check can follow.
    """
    compiled = [_compiled(expectation, policy, personal) for expectation in suite]
    known = [
        check_id
        for expectation, item in zip(suite, compiled, strict=True)
        # Of what is no rule, `mostly` is no gate of its own.
        for check_id in (expectation.check_ids() if isinstance(item, Rule) else (expectation.check_id,))
    ]
    for check_id in policy.checks:
        if check_id not in known:
            raise ConfigurationError(
                f"policy.checks: there is no check '{check_id}'", remedy=did_you_mean(check_id, known)
            )
    rules = [item for item in compiled if isinstance(item, Rule)]
    return Checks(
        rules=tuple(rule for rule in rules if not isinstance(rule.check, OfWholeSlice)),
        stage_rules=tuple(rule for rule in rules if isinstance(rule.check, OfWholeSlice)),
        gates=tuple(item for item in compiled if isinstance(item, Gate)),
        schema_gates=tuple(item for item in compiled if isinstance(item, SchemaGate)),
        foreign=tuple(item for item in compiled if isinstance(item, Foreign)),
        suite=suite,
    )


def _compiled(expectation: Expectation, policy: Policy, personal: Sequence[str]) -> Rule | Gate | SchemaGate | Foreign:
    kwargs = {name: value for name, value in expectation.kwargs.items() if value is not None and name not in _COMMON}
    try:
        _require_flags(kwargs)
        _require_64_bits({name: value for name, value in kwargs.items() if name != "sum_total"})
        compiled = _exact(expectation, kwargs, policy, personal) if not _has_parameters(expectation.kwargs) else None
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(
            f"check '{expectation.check_id}': {expectation.type}: wrong arguments",
            found=f"no {error.args[0]}" if isinstance(error, KeyError) else error,
        ) from error
    return compiled or Foreign(expectation, _batch_action(expectation, policy))


def _exact(
    expectation: Expectation, kwargs: Arguments, policy: Policy, personal: Sequence[str]
) -> Rule | Gate | SchemaGate | Foreign | None:
    check_id, severity = expectation.check_id, expectation.severity
    if (check := check_of(expectation.type, kwargs)) is not None:
        if isinstance(check, ZScoreBelow) and check.column in personal:
            return Foreign(expectation, _batch_action(expectation, policy), is_personal=True)
        return Rule(
            id=check_id,
            check=check,
            severity=severity,
            action=policy.checks.get(check_id, getattr(policy.rows, severity)),
            condition=expectation.condition,
            mostly=float(expectation.kwargs.get("mostly", 1.0)),
            mostly_action=_batch_action(expectation, policy, f"{check_id}:mostly"),
        )
    if (test := schema_test_of(expectation.type, kwargs)) is not None:
        return SchemaGate(check_id, test, severity, _batch_action(expectation, policy))
    if (gate := gate_of(expectation.type, kwargs, expectation.condition)) is not None:
        aggregate, batch_test = gate
        if aggregate.on_stage and aggregate.column in personal:
            return Foreign(expectation, _batch_action(expectation, policy), is_personal=True)
        return Gate(check_id, aggregate, batch_test, severity, _batch_action(expectation, policy))
    return None


def _batch_action(expectation: Expectation, policy: Policy, check_id: str | None = None) -> Action:
    by_severity: Action = getattr(policy.batch, expectation.severity)
    action = policy.checks.get(check_id or expectation.check_id, by_severity)
    if action == "quarantine":
        raise ConfigurationError(
            f"policy.checks: '{check_id or expectation.check_id}' judges the slice as a whole",
            expected="reject or warn, as no single rows can be quarantined",
            found=action,
        )
    return action


def _has_parameters(kwargs: Arguments) -> bool:
    """Whether Great Expectations would fill in an argument when it runs."""
    return any(isinstance(value, dict) and "$PARAMETER" in value for value in kwargs.values())


def _require_flags(kwargs: Arguments) -> None:
    """Refuse texts for booleans: every text would count as true."""
    for name in _FLAGS & set(kwargs):
        if not isinstance(kwargs[name], bool):
            raise ValueError(f"{name}: expected true or false; found {kwargs[name]!r}")


def _require_64_bits(value: Any) -> None:
    """Refuse whole numbers that no column of Spark's could hold."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} has more than 64 bits")
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            _require_64_bits(item)
