"""What Great Expectations' classes demand of the arguments of its 59 expectations, as data: it is not imported for it.

The tables say less than the classes: what they take is right, and what they do not know is left to the classes, which
also word what is wrong. Tests hold every entry against the installed version.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Formatter
from types import MappingProxyType
from typing import Any, get_args

from pipelines.expressions.rules import Severity

Test = Callable[[Any], bool]
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})?)?", re.ASCII)
_SAMPLE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class _Class:
    """The arguments of one expectation's class.

    Args:
        required: what it must have, by name, and whether a value is right.
        optional: what it may have.
        together: what the arguments must be to each other.
        takes_condition: whether a condition can choose the rows that it judges.
    """

    required: Mapping[str, Test]
    optional: Mapping[str, Test] = field(default_factory=dict)
    together: Callable[[Mapping[str, Any]], bool] | None = None
    takes_condition: bool = True

    def takes(self, arguments: Mapping[str, Any]) -> bool:
        known = {**self.required, **self.optional}
        return (
            self.required.keys() <= arguments.keys()
            and all(name in known and known[name](value) for name, value in arguments.items())
            and (self.together is None or self.together(arguments))
        )


def is_right(kind: str, arguments: Mapping[str, Any], severity: Any = None, *, has_condition: bool = False) -> bool:
    """Whether an expectation's class would certainly take these arguments.

    Args:
        kind: the expectation's type.
        arguments: without `row_condition` and `condition_parser`.
        severity: as the suite has it.
        has_condition: whether one of those is there.

    Returns:
        False where the class has to be asked: the expectation or an argument is not known here, or looks wrong.

    >>> is_right("expect_column_values_to_not_be_null", {"column": "tailnum", "mostly": 0.9})
    True
    >>> is_right("expect_column_values_to_not_be_null", {"colum": "tailnum"})
    False
    """
    known = KNOWN.get(kind)
    return (
        known is not None
        and (severity is None or severity in get_args(Severity))
        and (known.takes_condition or not has_condition)
        and known.takes(arguments)
    )


def _anything(_: object) -> bool:
    return True


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63


def _is_whole(value: object) -> bool:
    return _is_number(value) and isinstance(value, int)


def _is_share(value: object) -> bool:
    return _is_number(value) and 0 <= value <= 1  # type: ignore[operator]


def _is_bound(value: object) -> bool:
    """A number, or a time as ISO 8601 writes it."""
    if not isinstance(value, str):
        return _is_number(value) and math.isfinite(value)  # type: ignore[arg-type]
    try:
        return bool(_TIME.fullmatch(value) and dt.datetime.fromisoformat(value))
    except ValueError:
        return False


def _is_list_of(test: Test, shortest: int = 0) -> Test:
    return lambda value: isinstance(value, list) and len(value) >= shortest and all(map(test, value))


def _is_one_of(*texts: str) -> Test:
    return lambda value: isinstance(value, str) and value in texts


def _or_none(test: Test) -> Test:
    return lambda value: value is None or test(value)


def _is_object(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2  # noqa: PLR2004


def _is_character(value: object) -> bool:
    return isinstance(value, str) and len(value) == 1


def _is_time_format(value: object) -> bool:
    """A format that reads what it writes."""
    try:
        return isinstance(value, str) and bool(dt.datetime.strptime(_SAMPLE.strftime(value), value))
    except (ValueError, re.error):
        return False


def _is_query(value: object) -> bool:
    """SQL whose only placeholder is `{batch}`."""
    try:
        return isinstance(value, str) and [f for _, f, _, _ in Formatter().parse(value) if f is not None] == ["batch"]
    except ValueError:
        return False


def _are_quantiles(value: object) -> bool:
    """Quantiles, and for each a lowest and a highest value."""
    if not (isinstance(value, dict) and value.keys() == {"quantiles", "value_ranges"}):
        return False
    quantiles, ranges = value["quantiles"], value["value_ranges"]
    return (
        _is_list_of(_is_share)(quantiles)
        and _is_list_of(_is_pair)(ranges)
        and len(quantiles) == len(ranges)
        and all(_is_list_of(_or_none(_is_number))(pair) for pair in ranges)
        and all(None in pair or pair[0] <= pair[1] for pair in ranges)
    )


def _has_bound(arguments: Mapping[str, Any]) -> bool:
    return arguments.get("min_value") is not None or arguments.get("max_value") is not None


def _is_ordered(arguments: Mapping[str, Any]) -> bool:
    low, high = arguments.get("min_value"), arguments.get("max_value")
    return low is None or high is None or bool(low <= high)


_COLUMN = {"column": _is_name}
_COLUMN_PAIR = {"column_A": _is_name, "column_B": _is_name}
_COLUMN_LIST = {"column_list": _is_list_of(_is_name, 2)}
_PATTERNS = _is_list_of(_is_text, 1)
_MOSTLY = {"mostly": _is_share}
_STRICT = {"strict_min": _is_flag, "strict_max": _is_flag}
_BOUNDS = {"min_value": _or_none(_is_bound), "max_value": _or_none(_is_bound)}
_NUMBERS = {"min_value": _or_none(_is_number), "max_value": _or_none(_is_number)}
_WHOLE_NUMBERS = {"min_value": _or_none(_is_whole), "max_value": _or_none(_is_whole)}
_IGNORE_IN_PAIR = {"ignore_row_if": _is_one_of("both_values_are_missing", "either_value_is_missing", "neither")}
_IGNORE_IN_LIST = {"ignore_row_if": _is_one_of("all_values_are_missing", "any_value_is_missing", "never")}
_ESCAPE = {"escape": _or_none(_is_character)}
_MATCH_ON = {"match_on": _is_one_of("any", "all")}
_STRICTLY = {"strictly": _or_none(_is_flag)}
KNOWN: Mapping[str, _Class] = MappingProxyType(
    {
        "expect_column_distinct_values_to_be_in_set": _Class(_COLUMN | {"value_set": _is_list_of(_anything, 1)}),
        "expect_column_distinct_values_to_contain_set": _Class(_COLUMN | {"value_set": _is_list_of(_anything)}),
        "expect_column_distinct_values_to_equal_set": _Class(_COLUMN | {"value_set": _is_list_of(_anything)}),
        "expect_column_kl_divergence_to_be_less_than": _Class(_COLUMN),
        "expect_column_max_to_be_between": _Class(_COLUMN, _BOUNDS | _STRICT),
        "expect_column_mean_to_be_between": _Class(_COLUMN, _BOUNDS | _STRICT),
        "expect_column_median_to_be_between": _Class(_COLUMN, _BOUNDS | _STRICT),
        "expect_column_min_to_be_between": _Class(_COLUMN, _BOUNDS | _STRICT),
        "expect_column_most_common_value_to_be_in_set": _Class(
            _COLUMN | {"value_set": _is_list_of(_anything)}, {"ties_okay": _or_none(_is_flag)}
        ),
        "expect_column_pair_values_a_to_be_greater_than_b": _Class(
            _COLUMN_PAIR, _MOSTLY | _IGNORE_IN_PAIR | {"or_equal": _or_none(_is_flag)}
        ),
        "expect_column_pair_values_to_be_equal": _Class(_COLUMN_PAIR, _MOSTLY | _IGNORE_IN_PAIR),
        "expect_column_pair_values_to_be_in_set": _Class(
            _COLUMN_PAIR | {"value_pairs_set": _is_list_of(_is_pair)}, _MOSTLY | _IGNORE_IN_PAIR
        ),
        "expect_column_proportion_of_non_null_values_to_be_between": _Class(_COLUMN, _NUMBERS | _STRICT),
        "expect_column_proportion_of_unique_values_to_be_between": _Class(_COLUMN, _NUMBERS | _STRICT),
        "expect_column_quantile_values_to_be_between": _Class(
            _COLUMN | {"quantile_ranges": _are_quantiles}, {"allow_relative_error": _is_flag}
        ),
        "expect_column_stdev_to_be_between": _Class(_COLUMN, _NUMBERS | _STRICT),
        "expect_column_sum_to_be_between": _Class(_COLUMN, _BOUNDS | _STRICT),
        "expect_column_to_exist": _Class(_COLUMN, {"column_index": _or_none(_is_whole)}, takes_condition=False),
        "expect_column_type_to_be": _Class(_COLUMN | {"type_": _is_text}, takes_condition=False),
        "expect_column_unique_value_count_to_be_between": _Class(_COLUMN, _WHOLE_NUMBERS | _STRICT),
        "expect_column_value_lengths_to_be_between": _Class(
            _COLUMN, _MOSTLY | _WHOLE_NUMBERS | _STRICT, together=_has_bound
        ),
        "expect_column_value_lengths_to_equal": _Class(_COLUMN | {"value": _is_number}, _MOSTLY),
        "expect_column_value_z_scores_to_be_less_than": _Class(
            _COLUMN | {"threshold": _is_number, "double_sided": _is_flag}, _MOSTLY
        ),
        "expect_column_values_to_be_between": _Class(_COLUMN, _MOSTLY | _BOUNDS | _STRICT, together=_has_bound),
        "expect_column_values_to_be_dateutil_parseable": _Class(_COLUMN, _MOSTLY),
        "expect_column_values_to_be_decreasing": _Class(_COLUMN, _MOSTLY | _STRICTLY),
        "expect_column_values_to_be_in_set": _Class(_COLUMN | {"value_set": _is_list_of(_anything)}, _MOSTLY),
        "expect_column_values_to_be_in_type_list": _Class(
            _COLUMN, _MOSTLY | {"type_list": _or_none(_is_list_of(_is_text))}
        ),
        "expect_column_values_to_be_increasing": _Class(_COLUMN, _MOSTLY | _STRICTLY),
        "expect_column_values_to_be_json_parseable": _Class(_COLUMN, _MOSTLY),
        "expect_column_values_to_be_null": _Class(_COLUMN, _MOSTLY),
        "expect_column_values_to_be_of_type": _Class(_COLUMN | {"type_": _is_text}, _MOSTLY),
        "expect_column_values_to_be_unique": _Class(_COLUMN, _MOSTLY),
        "expect_column_values_to_match_json_schema": _Class(_COLUMN | {"json_schema": _is_object}, _MOSTLY),
        "expect_column_values_to_match_like_pattern": _Class(_COLUMN | {"like_pattern": _is_text}, _MOSTLY | _ESCAPE),
        "expect_column_values_to_match_like_pattern_list": _Class(
            _COLUMN | {"like_pattern_list": _PATTERNS}, _MOSTLY | _MATCH_ON | _ESCAPE
        ),
        "expect_column_values_to_match_regex": _Class(_COLUMN, _MOSTLY | {"regex": _is_text}),
        "expect_column_values_to_match_regex_list": _Class(_COLUMN | {"regex_list": _PATTERNS}, _MOSTLY | _MATCH_ON),
        "expect_column_values_to_match_strftime_format": _Class(
            _COLUMN | {"strftime_format": _is_time_format}, _MOSTLY
        ),
        "expect_column_values_to_not_be_in_set": _Class(_COLUMN | {"value_set": _is_list_of(_anything)}, _MOSTLY),
        "expect_column_values_to_not_be_null": _Class(_COLUMN, _MOSTLY),
        "expect_column_values_to_not_be_outliers": _Class(_COLUMN, _MOSTLY | {"method": _is_one_of("iqr", "std")}),
        "expect_column_values_to_not_match_like_pattern": _Class(
            _COLUMN | {"like_pattern": _is_text}, _MOSTLY | _ESCAPE
        ),
        "expect_column_values_to_not_match_like_pattern_list": _Class(
            _COLUMN | {"like_pattern_list": _PATTERNS}, _MOSTLY | _ESCAPE
        ),
        "expect_column_values_to_not_match_regex": _Class(_COLUMN | {"regex": _is_text}, _MOSTLY),
        "expect_column_values_to_not_match_regex_list": _Class(_COLUMN | {"regex_list": _PATTERNS}, _MOSTLY),
        "expect_compound_columns_to_be_unique": _Class(_COLUMN_LIST, _MOSTLY | _IGNORE_IN_LIST),
        "expect_multicolumn_sum_to_equal": _Class(_COLUMN_LIST | {"sum_total": _is_number}, _MOSTLY | _IGNORE_IN_LIST),
        "expect_multicolumn_values_to_be_equal": _Class(_COLUMN_LIST, _MOSTLY | _IGNORE_IN_LIST),
        "expect_query_results_to_match_comparison": _Class(
            dict.fromkeys(("base_query", "comparison_data_source_name", "comparison_query"), _is_text),
            _MOSTLY,
            takes_condition=False,
        ),
        "expect_select_column_values_to_be_unique_within_record": _Class(_COLUMN_LIST, _MOSTLY | _IGNORE_IN_LIST),
        "expect_table_column_count_to_be_between": _Class({}, _WHOLE_NUMBERS, takes_condition=False),
        "expect_table_column_count_to_equal": _Class({"value": _is_whole}, takes_condition=False),
        "expect_table_columns_to_match_ordered_list": _Class(
            {}, {"column_list": _or_none(_is_list_of(_is_text))}, takes_condition=False
        ),
        "expect_table_columns_to_match_set": _Class(
            {},
            {"column_set": _or_none(_is_list_of(_is_text)), "exact_match": _or_none(_is_flag)},
            takes_condition=False,
        ),
        "expect_table_row_count_to_be_between": _Class({}, _WHOLE_NUMBERS | _STRICT, together=_is_ordered),
        "expect_table_row_count_to_equal": _Class({"value": _is_whole}),
        "expect_table_row_count_to_equal_other_table": _Class({"other_table_name": _is_text}),
        "unexpected_rows_expectation": _Class({"unexpected_rows_query": _is_query}, takes_condition=False),
    }
)
"""What the class of each expectation takes, by the expectation's type."""
