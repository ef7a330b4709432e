"""Compiles a suite: row-level expectations to rules, batch-level ones to gates, the rest for GX's own engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pipelines.expressions.rules import (
    Between,
    Check,
    DistinctWithinRow,
    IgnoreIf,
    InSet,
    IsNull,
    Matches,
    NotNull,
    PairEqual,
    PairGreater,
    Rule,
    Scalar,
)
from pipelines.validation.gates import Aggregate, Bounds, Gate, SchemaGate
from pipelines.validation.suite import Expectation

Arguments = dict[str, Any]
COMMON = frozenset({"mostly", "row_condition", "condition_parser"})
_IGNORE: dict[str, IgnoreIf] = {
    "both_values_are_missing": "all_missing",
    "either_value_is_missing": "any_missing",
    "neither": "never",
    "all_values_are_missing": "all_missing",
    "any_value_is_missing": "any_missing",
    "never": "never",
}


@dataclass(frozen=True)
class Checks:
    """A suite, compiled.

    Args:
        rules: in the order of the bits of a row's mask.
        gates: aggregates of the one pass.
        schema_gates: what needs the columns' names only.
        foreign: what Great Expectations' own engine computes, in passes of its own.
        expectations: the suite's text of each check by its id.
    """

    rules: tuple[Rule, ...]
    gates: tuple[Gate, ...]
    schema_gates: tuple[SchemaGate, ...]
    foreign: tuple[Expectation, ...]
    expectations: dict[str, Expectation]

    def columns(self) -> set[str]:
        """The columns that rules and gates read, apart from those in conditions."""
        in_rules = {name for rule in self.rules for name in rule.check.columns}
        return in_rules | {gate.aggregate.column for gate in self.gates if gate.aggregate.column is not None}

    def conditions(self) -> list[str]:
        """The SQL conditions on the rows that rules judge."""
        return [rule.condition for rule in self.rules if rule.condition is not None]


def compile_suite(expectations: tuple[Expectation, ...]) -> Checks:
    """Compile each expectation in the cheapest way that is exact; none is skipped."""
    rules: list[Rule] = []
    gates: list[Gate] = []
    schema_gates: list[SchemaGate] = []
    foreign: list[Expectation] = []
    for expectation in expectations:
        match _compiled(expectation):
            case Rule() as rule:
                rules.append(rule)
            case Gate() as gate:
                gates.append(gate)
            case SchemaGate() as gate:
                schema_gates.append(gate)
            case None:
                foreign.append(expectation)
    by_id = {expectation.check_id: expectation for expectation in expectations}
    return Checks(tuple(rules), tuple(gates), tuple(schema_gates), tuple(foreign), by_id)


def _compiled(expectation: Expectation) -> Rule | Gate | SchemaGate | None:
    kwargs = {name: value for name, value in expectation.kwargs.items() if value is not None}
    if any(isinstance(value, dict) for value in kwargs.values()):
        return None  # a parameter that Great Expectations fills in when it runs
    if (row_level := _ROW_LEVEL.get(expectation.type)) is not None:
        build, known = row_level
        if not set(kwargs) <= known | COMMON or not _is_sql(kwargs) or not _is_known_ignore(kwargs):
            return None
        check = build(kwargs)
        if check is None:
            return None
        return Rule(
            id=expectation.check_id,
            check=check,
            severity=expectation.severity,
            condition=kwargs.get("row_condition"),
            mostly=float(kwargs.get("mostly", 1.0)),
        )
    if (columns := _schema_gate(expectation, kwargs)) is not None:
        return columns
    return _gate(expectation, kwargs)


def _is_sql(kwargs: Arguments) -> bool:
    return "row_condition" not in kwargs or (
        isinstance(kwargs["row_condition"], str) and kwargs.get("condition_parser") == "spark"
    )


def _is_known_ignore(kwargs: Arguments) -> bool:
    return kwargs.get("ignore_row_if", "never") in _IGNORE


def _between(kwargs: Arguments, *, length: bool = False) -> Between:
    return Between(
        kwargs["column"],
        kwargs.get("min_value"),
        kwargs.get("max_value"),
        bool(kwargs.get("strict_min", False)),
        bool(kwargs.get("strict_max", False)),
        length,
    )


def _patterns(kwargs: Arguments, *, negated: bool) -> Matches | None:
    if not kwargs.keys() & {"regex", "regex_list"}:
        return None
    patterns = (kwargs["regex"],) if "regex" in kwargs else tuple(kwargs["regex_list"])
    return Matches(kwargs["column"], patterns, every=kwargs.get("match_on") == "all", negated=negated)


def _in_set(kwargs: Arguments, *, negated: bool) -> InSet | None:
    values = _scalars(kwargs["value_set"])
    return None if values is None else InSet(kwargs["column"], values, negated)


def _scalars(values: Iterable[Any]) -> tuple[Scalar, ...] | None:
    """The values, if all of them are such as a column can be compared with as they are."""
    found = tuple(values)
    return found if all(isinstance(value, str | int | float | bool) for value in found) else None


def _ignored(kwargs: Arguments, default: IgnoreIf) -> IgnoreIf:
    return _IGNORE[kwargs["ignore_row_if"]] if "ignore_row_if" in kwargs else default


_RANGE = frozenset({"column", "min_value", "max_value", "strict_min", "strict_max"})
_PAIR = frozenset({"column_A", "column_B", "or_equal", "ignore_row_if"})
_ROW_LEVEL: dict[str, tuple[Callable[[Arguments], Check | None], frozenset[str]]] = {
    "expect_column_values_to_not_be_null": (lambda k: NotNull(k["column"]), frozenset({"column"})),
    "expect_column_values_to_be_null": (lambda k: IsNull(k["column"]), frozenset({"column"})),
    "expect_column_values_to_be_in_set": (lambda k: _in_set(k, negated=False), frozenset({"column", "value_set"})),
    "expect_column_values_to_not_be_in_set": (lambda k: _in_set(k, negated=True), frozenset({"column", "value_set"})),
    "expect_column_values_to_be_between": (_between, _RANGE),
    "expect_column_value_lengths_to_be_between": (lambda k: _between(k, length=True), _RANGE),
    "expect_column_value_lengths_to_equal": (
        lambda k: Between(k["column"], k["value"], k["value"], length=True),
        frozenset({"column", "value"}),
    ),
    "expect_column_values_to_match_regex": (lambda k: _patterns(k, negated=False), frozenset({"column", "regex"})),
    "expect_column_values_to_not_match_regex": (lambda k: _patterns(k, negated=True), frozenset({"column", "regex"})),
    "expect_column_values_to_match_regex_list": (
        lambda k: _patterns(k, negated=False),
        frozenset({"column", "regex_list", "match_on"}),
    ),
    "expect_column_values_to_not_match_regex_list": (
        lambda k: _patterns(k, negated=True),
        frozenset({"column", "regex_list"}),
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        lambda k: PairGreater(k["column_A"], k["column_B"], bool(k.get("or_equal", False)), _ignored(k, "all_missing")),
        _PAIR,
    ),
    "expect_column_pair_values_to_be_equal": (
        lambda k: PairEqual(k["column_A"], k["column_B"], _ignored(k, "all_missing")),
        _PAIR - {"or_equal"},
    ),
    "expect_select_column_values_to_be_unique_within_record": (
        lambda k: DistinctWithinRow(tuple(k["column_list"]), _ignored(k, "all_missing")),
        frozenset({"column_list", "ignore_row_if"}),
    ),
}
_AGGREGATES: dict[str, Literal["rows", "min", "max", "mean", "stdev", "sum", "share_of_non_null"]] = {
    "expect_table_row_count_to_be_between": "rows",
    "expect_column_min_to_be_between": "min",
    "expect_column_max_to_be_between": "max",
    "expect_column_mean_to_be_between": "mean",
    "expect_column_stdev_to_be_between": "stdev",
    "expect_column_sum_to_be_between": "sum",
    "expect_column_proportion_of_non_null_values_to_be_between": "share_of_non_null",
}


def _gate(expectation: Expectation, kwargs: Arguments) -> Gate | None:
    if expectation.type == "expect_table_row_count_to_equal" and set(kwargs) == {"value"}:
        bounds = Bounds(kwargs["value"], kwargs["value"])
        return Gate(expectation.check_id, Aggregate("rows"), bounds, expectation.severity)
    if expectation.type == "expect_column_distinct_values_to_be_in_set" and set(kwargs) == {"column", "value_set"}:
        values = _scalars(kwargs["value_set"])
        if values is None:
            return None
        aggregate = Aggregate("rows_outside_set", kwargs["column"], values)
        return Gate(expectation.check_id, aggregate, Bounds(0, 0), expectation.severity)
    function = _AGGREGATES.get(expectation.type)
    least, greatest = kwargs.get("min_value"), kwargs.get("max_value")
    numbers = all(value is None or isinstance(value, int | float) for value in (least, greatest))
    if function is None or not numbers or not set(kwargs) <= _RANGE:
        return None
    bounds = Bounds(least, greatest, bool(kwargs.get("strict_min", False)), bool(kwargs.get("strict_max", False)))
    return Gate(expectation.check_id, Aggregate(function, kwargs.get("column")), bounds, expectation.severity)


def _schema_gate(expectation: Expectation, kwargs: Arguments) -> SchemaGate | None:
    if expectation.type == "expect_column_to_exist" and set(kwargs) == {"column"}:
        return SchemaGate(expectation.check_id, (kwargs["column"],), False, expectation.severity)
    if expectation.type == "expect_table_columns_to_match_set" and "column_set" in kwargs:
        exact = bool(kwargs.get("exact_match", True))
        return SchemaGate(expectation.check_id, tuple(kwargs["column_set"]), exact, expectation.severity)
    return None
