"""The recipes of docs/analysts.md, run as they stand over tables of the tests' own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, SmallProject

pytestmark = pytest.mark.spark
PAGE = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text()
RECIPES = dict(re.findall(r"^### ([^\n]+)\n(?:(?!^###).)*?```python\n(.*?)```", PAGE, re.M | re.S))


@pytest.mark.parametrize("title", RECIPES)
def test_each_recipe_runs_and_prints(
    spark: SparkSession, scored: SmallProject, title: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = RECIPES[title].replace("warehouse/flight_delays", str(scored.root / "warehouse" / "orders"))
    told = told.replace("2013-07-01", str(DAY)).replace("dt.date(2013, 7, 1)", repr(DAY).replace("datetime.", "dt."))
    exec(told, {"spark": spark})
    assert capsys.readouterr().out.strip()


def test_there_is_a_recipe_for_each_reader() -> None:
    assert {"pandas", "Polars", "DuckDB", "Spark SQL", "What a table said before"} == set(RECIPES)
