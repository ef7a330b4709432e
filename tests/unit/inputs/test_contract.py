"""What differs between the declared columns and those that are there: missing, retyped, renamed, added."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import types as T

from pipelines.inputs.contract import differences

KINDS: dict[str, T.DataType] = {"int": T.IntegerType(), "bigint": T.LongType(), "string": T.StringType()}


def schema(**columns: str) -> T.StructType:
    return T.StructType([T.StructField(name, KINDS[kind]) for name, kind in columns.items()])


DECLARED = {"day": "string", "amount": "int", "customer_id": "bigint"}
CASES: dict[str, tuple[dict[str, str], list[str], list[str]]] = {
    "the same": (DECLARED, [], []),
    "another order": ({"customer_id": "bigint", "day": "string", "amount": "int"}, [], []),
    "one missing": ({"day": "string", "amount": "int"}, ["customer_id: missing"], []),
    "one retyped": ({**DECLARED, "amount": "bigint"}, ["amount: bigint, declared as int"], []),
    "one added": ({**DECLARED, "note": "string"}, [], ["note: not declared"]),
    "one renamed": (
        {"day": "string", "amount": "int", "customer_key": "bigint"},
        ["customer_id: missing; it looks renamed to customer_key"],
        [],
    ),
    "one written in another case": (
        {"day": "string", "Amount": "int", "customer_id": "bigint"},
        ["amount: missing; it looks renamed to Amount"],
        [],
    ),
    "a like name of another type": (
        {"day": "string", "amount": "int", "customer_ids": "string"},
        ["customer_id: missing"],
        ["customer_ids: not declared"],
    ),
    "an unlike name of the same type": (
        {"day": "string", "amount": "int", "score": "bigint"},
        ["customer_id: missing"],
        ["score: not declared"],
    ),
    "two like names": (
        {"day": "string", "amount": "int", "custom": "bigint", "customer_idx": "bigint"},
        ["customer_id: missing; it looks renamed to customer_idx"],
        ["custom: not declared"],
    ),
    "everything at once": (
        {"amounts": "int", "day": "int", "note": "string"},
        ["amount: missing; it looks renamed to amounts", "customer_id: missing", "day: int, declared as string"],
        ["note: not declared"],
    ),
    "nothing there": ({}, ["day: missing", "amount: missing", "customer_id: missing"], []),
}


@pytest.mark.parametrize(("found", "expected", "added"), CASES.values(), ids=CASES)
def test_differences_are_told(found: dict[str, str], expected: list[str], added: list[str]) -> None:
    assert differences(schema(**DECLARED), schema(**found), refuses_others=False) == expected
    assert differences(schema(**DECLARED), schema(**found), refuses_others=True) == expected + added


def test_one_column_is_the_new_name_of_one_only() -> None:
    observed = differences(
        schema(amount_1="int", amount_2="int"), schema(amount_x="int", other="string"), refuses_others=True
    )
    assert observed == [
        "amount_1: missing; it looks renamed to amount_x",
        "amount_2: missing",
        "other: not declared",
    ]


ARRAY, MAP = T.ArrayType(T.IntegerType(), False), T.MapType(T.StringType(), T.IntegerType(), False)
STRUCT = T.StructType([T.StructField("x", T.IntegerType(), False)])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (ARRAY, T.ArrayType(T.IntegerType(), True)),
        (MAP, T.MapType(T.StringType(), T.IntegerType(), True)),
        (STRUCT, T.StructType([T.StructField("x", T.IntegerType(), True)])),
    ],
    ids=["array", "map", "struct"],
)
def test_what_may_be_null_is_no_difference_as_sql_cannot_declare_it(found: T.DataType, expected: T.DataType) -> None:
    assert found != expected
    there, declared = (T.StructType([T.StructField("a", kind)]) for kind in (found, expected))
    assert differences(declared, there, refuses_others=True) == []


@pytest.mark.parametrize(
    ("declared", "found", "expected"),
    [
        (T.DecimalType(10, 2), T.DecimalType(10, 3), "a: decimal(10,3), declared as decimal(10,2)"),
        (T.TimestampType(), T.TimestampNTZType(), "a: timestamp_ntz, declared as timestamp"),
        (ARRAY, T.ArrayType(T.LongType()), "a: array<bigint>, declared as array<int>"),
        (STRUCT, T.StructType([T.StructField("y", T.IntegerType())]), "a: struct<y:int>, declared as struct<x:int>"),
    ],
)
def test_types_differ_to_the_last_detail_that_sql_can_say(
    declared: T.DataType, found: T.DataType, expected: str
) -> None:
    one, other = (T.StructType([T.StructField("a", kind)]) for kind in (declared, found))
    assert differences(one, other, refuses_others=False) == [expected]


columns = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.sampled_from(list(KINDS)), max_size=6)


@given(columns, columns)
def test_each_column_is_told_once_or_not_at_all(declared: dict[str, str], found: dict[str, str]) -> None:
    told = differences(schema(**declared), schema(**found), refuses_others=True)
    by_name = {line.partition(":")[0]: line.partition(": ")[2] for line in told}
    assert len(by_name) == len(told)
    successors = {line.rpartition(" to ")[2] for line in told if "looks renamed" in line}
    for name in {*declared, *found}:
        same = declared.get(name) == found.get(name)
        expected = not same and name not in successors
        assert (name in by_name) is expected


@given(columns, columns)
def test_a_new_name_is_an_undeclared_column_of_the_same_type(declared: dict[str, str], found: dict[str, str]) -> None:
    told = differences(schema(**declared), schema(**found), refuses_others=False)
    renamed = [line.split(": missing; it looks renamed to ") for line in told if "looks renamed" in line]
    assert len({new for _, new in renamed}) == len(renamed)
    for old, new in renamed:
        assert old not in found
        assert new not in declared
        assert declared[old] == found[new]
