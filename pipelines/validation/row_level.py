"""Great Expectations' row-level expectations as checks: which it becomes, and of which arguments."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from pipelines.expressions.rules import (
    AllEqual,
    Between,
    Check,
    DistinctWithinRow,
    IgnoreIf,
    InSet,
    IsNull,
    Like,
    Matches,
    NotNull,
    PairGreater,
    PairInSet,
    Parses,
    Scalar,
    SumEquals,
    Unique,
    ZScoreBelow,
)
from pipelines.validation.suite import Arguments

_IGNORE: dict[str, IgnoreIf] = {
    "both_values_are_missing": "all_missing",
    "either_value_is_missing": "any_missing",
    "neither": "never",
    "all_values_are_missing": "all_missing",
    "any_value_is_missing": "any_missing",
    "never": "never",
}


def check_of(kind: str, kwargs: Arguments) -> Check | None:
    """The check that an expectation becomes; None where it is no row-level one that has a rule's exact meaning.

    Args:
        kind: the expectation's type.
        kwargs: its arguments, apart from those that all row-level ones take.

    Raises:
        ValueError: the arguments fit together in no way.
    """
    build, known = _CHECKS.get(kind, (None, frozenset()))
    return build(kwargs) if build is not None and set(kwargs) <= known else None


def scalars(values: Iterable[Any]) -> tuple[Scalar | None, ...] | None:
    """The values, if all of them are such as a column can be compared with as they are."""
    found = tuple(values)
    return found if all(value is None or isinstance(value, str | int | float | bool) for value in found) else None


def as_bound(value: Any) -> Scalar | None:
    """A bound as Great Expectations takes it: what can be read as a number is one; other texts are times.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    if value is None or isinstance(value, int | float):
        return value
    raise ValueError(f"expected a number or a time as a bound; found {value}")


def whole(kwargs: Arguments, name: str) -> int:
    """An argument that is a whole number.

    Raises:
        ValueError: it is none.
    """
    if not float(kwargs[name]).is_integer():
        raise ValueError(f"{name}: expected a whole number; found {kwargs[name]}")
    return int(kwargs[name])


def _in_set(kwargs: Arguments, *, negated: bool) -> InSet | None:
    values = scalars(kwargs["value_set"]) if "value_set" in kwargs else None
    return None if values is None else InSet(kwargs["column"], values, negated)


def _between(kwargs: Arguments) -> Between:
    low, high = as_bound(kwargs.get("min_value")), as_bound(kwargs.get("max_value"))
    if low is None and high is None:
        raise ValueError("expected a min_value, a max_value or both; found neither")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        raise ValueError(f"min_value {low} is greater than max_value {high}")
    return Between(
        kwargs["column"], low, high, bool(kwargs.get("strict_min", False)), bool(kwargs.get("strict_max", False))
    )


def _length(kwargs: Arguments) -> Between:
    if "value" in kwargs:
        length = whole(kwargs, "value")
        return Between(kwargs["column"], length, length, length=True)
    plain = _between({**kwargs, **{name: whole(kwargs, name) for name in ("min_value", "max_value") if name in kwargs}})
    return Between(plain.column, plain.minimum, plain.maximum, plain.strict_minimum, plain.strict_maximum, length=True)


def _patterns(kwargs: Arguments, one: str, several: str) -> tuple[str, ...]:
    patterns = (kwargs[one],) if one in kwargs else tuple(kwargs[several])
    if not patterns:
        raise ValueError(f"{several}: expected one pattern at least; found none")
    return patterns


def _matches(kwargs: Arguments, *, negated: bool = False) -> Matches:
    patterns = _patterns(kwargs, "regex", "regex_list")
    return Matches(kwargs["column"], patterns, every=kwargs.get("match_on") == "all", negated=negated)


def _like(kwargs: Arguments, *, negated: bool = False) -> Like:
    patterns = _patterns(kwargs, "like_pattern", "like_pattern_list")
    return Like(kwargs["column"], patterns, kwargs.get("escape"), kwargs.get("match_on") == "all", negated)


def _time(kwargs: Arguments) -> Parses:
    how = kwargs["strftime_format"]
    try:
        dt.datetime.strptime(dt.datetime(2000, 1, 1, tzinfo=dt.UTC).strftime(how), how)
    except (ValueError, re.error) as error:
        raise ValueError(f"strftime_format: '{how}' cannot read what it writes: {error}") from error
    return Parses(kwargs["column"], "time", how)


def _json_schema(kwargs: Arguments) -> Parses:
    import jsonschema

    try:
        jsonschema.validators.validator_for(kwargs["json_schema"]).check_schema(kwargs["json_schema"])
    except jsonschema.SchemaError as error:
        raise ValueError(f"json_schema: no JSON Schema: {error.message}") from error
    _require_complete(kwargs["json_schema"], kwargs["json_schema"])
    text = json.dumps(kwargs["json_schema"], sort_keys=True)
    return Parses(kwargs["column"], "json_schema", text)


def _require_complete(part: Any, schema: Any) -> None:
    """Refuse what would fail at the first row only: references that lead nowhere, patterns that are none."""
    if isinstance(part, dict):
        reference, pattern = part.get("$ref"), part.get("pattern")
        if isinstance(reference, str):
            _resolved(reference, schema)
        if isinstance(pattern, str):
            re.compile(pattern)
    for item in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _require_complete(item, schema)


def _resolved(reference: str, schema: Any) -> Any:
    if not reference.startswith("#"):
        raise ValueError(f"json_schema: refers to {reference}; expected a schema that is complete in itself")
    found = schema
    for part in filter(None, reference.removeprefix("#").split("/")):
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            raise ValueError(f"json_schema: {reference} leads nowhere")
        found = found[name]
    return found


def _z_score(kwargs: Arguments) -> ZScoreBelow:
    both = bool(kwargs.get("double_sided", True))
    threshold = float(kwargs["threshold"])
    return ZScoreBelow(kwargs["column"], abs(threshold) if both else threshold, both)


def _several(kwargs: Arguments) -> dict[str, Any]:
    columns = tuple(kwargs["column_list"]) if "column_list" in kwargs else (kwargs["column_A"], kwargs["column_B"])
    return {"columns": columns, "ignore_if": _IGNORE[kwargs.get("ignore_row_if", "all_values_are_missing")]}


def _pair_in_set(kwargs: Arguments) -> PairInSet | None:
    if not kwargs.get("value_pairs_set"):
        return None
    pairs = tuple((first, second) for first, second in kwargs["value_pairs_set"])
    return PairInSet(**_several(kwargs), pairs=pairs) if scalars(one for pair in pairs for one in pair) else None


_ANYTHING = "(?s).*"  # Great Expectations' default
_ONE = frozenset({"column"})
_RANGE = _ONE | {"min_value", "max_value", "strict_min", "strict_max"}
_PAIR = frozenset({"column_A", "column_B", "ignore_row_if"})
_LIST = frozenset({"column_list", "ignore_row_if"})
_CHECKS: dict[str, tuple[Callable[[Arguments], Check | None], frozenset[str]]] = {
    "expect_column_values_to_not_be_null": (lambda k: NotNull(k["column"]), _ONE),
    "expect_column_values_to_be_null": (lambda k: IsNull(k["column"]), _ONE),
    "expect_column_values_to_be_in_set": (lambda k: _in_set(k, negated=False), _ONE | {"value_set"}),
    "expect_column_values_to_not_be_in_set": (lambda k: _in_set(k, negated=True), _ONE | {"value_set"}),
    "expect_column_values_to_be_between": (_between, _RANGE),
    "expect_column_value_lengths_to_be_between": (_length, _RANGE),
    "expect_column_value_lengths_to_equal": (_length, _ONE | {"value"}),
    "expect_column_values_to_match_regex": (lambda k: _matches({"regex": _ANYTHING, **k}), _ONE | {"regex"}),
    "expect_column_values_to_not_match_regex": (lambda k: _matches(k, negated=True), _ONE | {"regex"}),
    "expect_column_values_to_match_regex_list": (_matches, _ONE | {"regex_list", "match_on"}),
    "expect_column_values_to_not_match_regex_list": (lambda k: _matches(k, negated=True), _ONE | {"regex_list"}),
    "expect_column_values_to_match_like_pattern": (_like, _ONE | {"like_pattern", "escape"}),
    "expect_column_values_to_not_match_like_pattern": (
        lambda k: _like(k, negated=True),
        _ONE | {"like_pattern", "escape"},
    ),
    "expect_column_values_to_match_like_pattern_list": (_like, _ONE | {"like_pattern_list", "match_on", "escape"}),
    "expect_column_values_to_not_match_like_pattern_list": (
        lambda k: _like(k, negated=True),
        _ONE | {"like_pattern_list", "escape"},
    ),
    "expect_column_values_to_match_strftime_format": (_time, _ONE | {"strftime_format"}),
    "expect_column_values_to_be_dateutil_parseable": (lambda k: Parses(k["column"], "date"), _ONE),
    "expect_column_values_to_be_json_parseable": (lambda k: Parses(k["column"], "json"), _ONE),
    "expect_column_values_to_match_json_schema": (_json_schema, _ONE | {"json_schema"}),
    "expect_column_value_z_scores_to_be_less_than": (_z_score, _ONE | {"threshold", "double_sided"}),
    "expect_column_values_to_be_unique": (lambda k: Unique((k["column"],)), _ONE),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        lambda k: PairGreater(**_several(k), or_equal=bool(k.get("or_equal", False))),
        _PAIR | {"or_equal"},
    ),
    "expect_column_pair_values_to_be_equal": (lambda k: AllEqual(**_several(k)), _PAIR),
    "expect_column_pair_values_to_be_in_set": (_pair_in_set, _PAIR | {"value_pairs_set"}),
    "expect_multicolumn_values_to_be_equal": (lambda k: AllEqual(**_several(k)), _LIST),
    "expect_multicolumn_sum_to_equal": (
        lambda k: SumEquals(**_several(k), total=float(k["sum_total"])),
        _LIST | {"sum_total"},
    ),
    "expect_select_column_values_to_be_unique_within_record": (lambda k: DistinctWithinRow(**_several(k)), _LIST),
    "expect_compound_columns_to_be_unique": (lambda k: Unique(**_several(k)), _LIST),
}
