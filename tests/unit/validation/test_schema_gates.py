"""Gates of columns name the differences, of names and types as Great Expectations lists them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import types as T

from pipelines.validation.gates import Bounds, Finding
from pipelines.validation.schema_gates import (
    ColumnAt,
    ColumnCount,
    ColumnOrder,
    Columns,
    SchemaGate,
    TypeIs,
    all_names,
    spark_type,
)


def columns(*names: str) -> T.StructType:
    return T.StructType([T.StructField(name, T.LongType()) for name in names])


def find(test: Any, schema: T.StructType) -> Finding:
    return SchemaGate("columns", test, "critical", "reject").find(schema)


NESTED = T.StructType(
    [
        T.StructField("id", T.LongType()),
        T.StructField(
            "address",
            T.StructType([T.StructField("city", T.StringType()), T.StructField("a.b", T.StringType())]),
        ),
        T.StructField("x.y", T.DateType()),
        T.StructField("tags", T.ArrayType(T.StructType([T.StructField("inner", T.StringType())]))),
    ]
)


@pytest.mark.parametrize(
    ("exact", "found", "expected"),
    [
        (True, ["a", "b"], []),
        (True, ["b", "a"], []),
        (True, ["a"], ["missing b"]),
        (True, ["a", "b", "c"], ["unexpected c"]),
        (True, ["c"], ["missing a", "missing b", "unexpected c"]),
        (True, [], ["missing a", "missing b"]),
        (False, ["a", "b", "c"], []),
        (False, ["c"], ["missing a", "missing b"]),
        (False, ["A", "b"], ["missing a"]),
    ],
)
def test_columns_name_what_is_missing_and_what_is_unexpected(
    exact: bool, found: list[str], expected: list[str]
) -> None:
    test = Columns(("a", "b"), exact)
    assert test.differences(columns(*found)) == expected
    assert find(test, columns(*found)) == Finding(not expected, found="; ".join(expected))


names = st.lists(st.sampled_from("abcdef"), unique=True)


@given(names, names)
def test_columns_are_compared_as_sets_and_their_order_as_lists(wanted: list[str], found: list[str]) -> None:
    schema = columns(*found)
    assert find(Columns(tuple(wanted)), schema).success is (set(wanted) <= set(found))
    assert find(Columns(tuple(wanted), exact=True), schema).success is (set(wanted) == set(found))
    assert find(ColumnOrder(tuple(wanted)), schema).success is (wanted == found)


@given(names, st.sampled_from("abcdef"), st.integers(-8, 8))
def test_a_column_stands_at_its_place_as_in_a_list(found: list[str], name: str, index: int) -> None:
    try:
        expected = found[index] == name
    except IndexError:
        expected = False
    assert find(ColumnAt(name, index), columns(*found)).success is expected


@pytest.mark.parametrize(
    ("index", "expected"),
    [(1, ""), (-1, ""), (0, "a at 0"), (-2, "a at -2"), (2, "nothing at 2"), (-3, "nothing at -3")],
)
def test_a_column_at_another_place_is_told(index: int, expected: str) -> None:
    assert find(ColumnAt("b", index), columns("a", "b")).found == expected


def test_another_order_is_told() -> None:
    assert find(ColumnOrder(("b", "a")), columns("a", "b")) == Finding(success=False, found="the order a, b")


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        (Bounds(2, 2), Finding(True, 2.0)),
        (Bounds(3), Finding(False, 2.0, found="2 columns")),
        (Bounds(None, 1), Finding(False, 2.0, found="2 columns")),
    ],
)
def test_columns_are_counted(bounds: Bounds, expected: Finding) -> None:
    assert find(ColumnCount(bounds), columns("a", "b")) == expected


@pytest.mark.parametrize(
    ("column", "types", "expected"),
    [
        ("id", ("LongType",), ""),
        ("id", ("StringType", "LongType"), ""),
        ("id", ("IntegralType",), ""),  # a class that LongType is one of
        ("id", ("StringType",), "id is LongType"),
        ("id", ("IntegerType",), "id is LongType"),
        ("address", ("StructType",), ""),
        ("address.city", ("StringType",), ""),
        ("address.`a.b`", ("StringType",), ""),
        ("`x.y`", ("DateType",), ""),
        ("x.y", ("DateType",), "x.y is missing"),
        ("tags", ("ArrayType",), ""),
        ("nothing", ("LongType",), "nothing is missing"),
    ],
)
def test_a_columns_type_is_told_by_its_class(column: str, types: tuple[str, ...], expected: str) -> None:
    assert find(TypeIs(column, types), NESTED) == Finding(not expected, found=expected)


def test_fields_of_structs_count_as_columns_by_their_path_but_not_those_in_arrays() -> None:
    assert all_names(NESTED) == ["id", "address", "address.city", "address.`a.b`", "`x.y`", "tags"]
    assert find(ColumnCount(Bounds(6, 6)), NESTED).success
    assert find(Columns(("address.city",)), NESTED).success


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (Columns(("a", "b")), "columns a, b"),
        (Columns(("a", "b"), exact=True), "columns a, b and no others"),
        (ColumnAt("a", 2), "a at 2"),
        (ColumnOrder(("a", "b")), "a, b"),
        (ColumnCount(Bounds(2, 3)), ">= 2 and <= 3 columns"),
        (TypeIs("a", ("LongType", "IntegerType")), "a: LongType or IntegerType"),
    ],
)
def test_what_is_expected_of_columns_is_told_in_words(test: Any, expected: str) -> None:
    assert test.expected() == expected


@pytest.mark.parametrize("name", ["StringType", "DoubleType", "TimestampNTZType", "DecimalType", "NumericType"])
def test_a_spark_type_is_known_by_its_class(name: str) -> None:
    assert spark_type(name) is getattr(T, name)


@pytest.mark.parametrize("name", ["string", "Row", "T", "", "__doc__", "int64"])
def test_what_is_no_spark_type_is_told_so(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is no Spark type; "):
        spark_type(name)


def test_a_misspelt_spark_type_is_told_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"did you mean 'StringType'\?"):
        spark_type("Stringtype")
