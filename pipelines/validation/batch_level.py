"""Great Expectations' batch-level expectations as gates: which aggregate and test, or which look at the columns."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.validation.gates import Aggregate, Bounds, Function, MostCommonInSet, OfSet, Ranges
from pipelines.validation.row_level import as_bound, scalars, whole
from pipelines.validation.schema_gates import ColumnAt, ColumnCount, ColumnOrder, Columns, TypeIs, spark_type
from pipelines.validation.suite import Arguments

Test = Bounds | Ranges | OfSet | MostCommonInSet
SchemaTest = Columns | ColumnAt | ColumnOrder | ColumnCount | TypeIs
_RANGE = frozenset({"column", "min_value", "max_value", "strict_min", "strict_max"})
_BOUNDED: dict[str, Function] = {
    "expect_table_row_count_to_be_between": "rows",
    "expect_column_min_to_be_between": "min",
    "expect_column_max_to_be_between": "max",
    "expect_column_mean_to_be_between": "mean",
    "expect_column_stdev_to_be_between": "stdev",
    "expect_column_sum_to_be_between": "sum",
    "expect_column_median_to_be_between": "median",
    "expect_column_proportion_of_non_null_values_to_be_between": "share_of_non_null",
    "expect_column_proportion_of_unique_values_to_be_between": "share_of_distinct",
    "expect_column_unique_value_count_to_be_between": "distinct",
}
_SETS = {
    "expect_column_distinct_values_to_be_in_set": (True, False),
    "expect_column_distinct_values_to_contain_set": (False, True),
    "expect_column_distinct_values_to_equal_set": (True, True),
}


def gate_of(kind: str, kwargs: Arguments, condition: str | None) -> tuple[Aggregate, Test] | None:
    """The aggregate and its test that an expectation becomes; None where it is none that can be computed exactly.

    Args:
        kind: the expectation's type.
        kwargs: its arguments, apart from its row condition.
        condition: that condition, as SQL.
    """
    for build in (_bounded, _row_count, _quantiles, _of_set):
        if (gate := build(kind, kwargs, condition)) is not None:
            return gate
    return None


def _bounded(kind: str, kwargs: Arguments, condition: str | None) -> tuple[Aggregate, Test] | None:
    if kind not in _BOUNDED or not set(kwargs) <= _RANGE:
        return None
    function, bounds = _BOUNDED[kind], _bounds(kwargs)
    if function not in ("min", "max") and any(isinstance(one, str) for one in (bounds.minimum, bounds.maximum)):
        return None
    return Aggregate(function, kwargs.get("column"), condition), bounds


def _row_count(kind: str, kwargs: Arguments, condition: str | None) -> tuple[Aggregate, Test] | None:
    if kind != "expect_table_row_count_to_equal":
        return None
    count = whole(kwargs, "value")
    return Aggregate("rows", None, condition), Bounds(count, count)


def _quantiles(kind: str, kwargs: Arguments, condition: str | None) -> tuple[Aggregate, Test] | None:
    if kind != "expect_column_quantile_values_to_be_between" or kwargs.get("allow_relative_error", False) is not False:
        return None
    quantiles = tuple(kwargs["quantile_ranges"]["quantiles"])
    ranges = tuple((low, high) for low, high in kwargs["quantile_ranges"]["value_ranges"])
    if not quantiles or len(quantiles) != len(ranges):
        raise ValueError(f"quantile_ranges: {len(quantiles)} quantiles and {len(ranges)} value_ranges")
    if not all(0 <= quantile <= 1 for quantile in quantiles):
        raise ValueError(f"quantile_ranges: expected quantiles from 0 to 1; found {', '.join(map(str, quantiles))}")
    return Aggregate("quantiles", kwargs["column"], condition, quantiles=quantiles), Ranges(quantiles, ranges)


def _of_set(kind: str, kwargs: Arguments, condition: str | None) -> tuple[Aggregate, Test] | None:
    values = scalars(kwargs.get("value_set") or ())
    if values is None or None in values:
        return None
    known = tuple(value for value in values if value is not None)
    if kind in _SETS:
        outside, all_there = _SETS[kind]
        return Aggregate("distinct_of_set", kwargs["column"], condition, known), OfSet(known, outside, all_there)
    if kind == "expect_column_most_common_value_to_be_in_set":
        ties = bool(kwargs.get("ties_okay"))
        return Aggregate("most_common", kwargs["column"], condition, known), MostCommonInSet(known, ties)
    return None


def schema_test_of(kind: str, kwargs: Arguments) -> SchemaTest | None:
    """The look at the columns that an expectation becomes; None where it needs the data.

    Raises:
        ValueError: a type that Spark does not have.
    """
    build = _SCHEMA.get(kind)
    return build(kwargs) if build is not None else None


def _bounds(kwargs: Arguments) -> Bounds:
    return Bounds(
        as_bound(kwargs.get("min_value")),
        as_bound(kwargs.get("max_value")),
        bool(kwargs.get("strict_min", False)),
        bool(kwargs.get("strict_max", False)),
    )


def _exists(kwargs: Arguments) -> SchemaTest:
    # 0 counts as no index for Great Expectations.
    index = kwargs.get("column_index")
    return ColumnAt(kwargs["column"], index) if index else Columns((kwargs["column"],))


def _type(kwargs: Arguments) -> SchemaTest:
    return TypeIs(kwargs["column"], _known([kwargs["type_"]]))


def _types(kwargs: Arguments) -> SchemaTest:
    return TypeIs(kwargs["column"], _known(kwargs["type_list"]))


def _known(names: list[str]) -> tuple[str, ...]:
    """The names that are Spark's; a list for several engines may hold others."""
    known = []
    for name in names:
        try:
            spark_type(name)
            known.append(name)
        except ValueError:
            if len(names) == 1:
                raise
    if not known:
        raise ValueError(f"none of {', '.join(names)} is a Spark type, such as StringType or DoubleType")
    return tuple(known)


_SCHEMA: dict[str, Callable[[Arguments], SchemaTest]] = {
    "expect_column_to_exist": _exists,
    "expect_table_columns_to_match_set": lambda k: Columns(
        tuple(k.get("column_set") or ()), bool(k.get("exact_match", True))
    ),
    "expect_table_columns_to_match_ordered_list": lambda k: ColumnOrder(tuple(k["column_list"])),
    "expect_table_column_count_to_be_between": lambda k: ColumnCount(_bounds(k)),
    "expect_table_column_count_to_equal": lambda k: ColumnCount(Bounds(whole(k, "value"), whole(k, "value"))),
    "expect_column_values_to_be_of_type": _type,
    "expect_column_values_to_be_in_type_list": _types,
    "expect_column_type_to_be": _type,
}
