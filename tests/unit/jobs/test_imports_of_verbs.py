"""What each verb imports: a look at the ledger answers at once, and what needs nothing heavy loads nothing heavy."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from unit.conftest import Configure
from unit.samples import DAY_1, DAY_2
from unit.slices_without_scoring import Planned

HEAVY = frozenset(
    {"altair", "deltalake", "great_expectations", "lightgbm", "mlflow", "numba", "pandas", "pyspark", "scipy", "skops"}
    | {"sklearn", "sqlalchemy"}
)
"""Packages whose import takes as long as the command line's own start, or longer."""
PERIOD = ["--from", str(DAY_1), "--to", str(DAY_2)]
TABLES = {"deltalake"}
IMPORTS: dict[str, tuple[list[str], set[str]]] = {
    "help": (["--help"], set()),
    "help of a verb": (["score", "--help"], set()),
    "version": (["--version"], set()),
    "schema": (["schema"], set()),
    "an unknown pipeline": (["score", "flights", "--date", str(DAY_1)], set()),
    "runs": (["runs"], TABLES),
    "runs as JSON": (["runs", "churn", "--json"], TABLES),
    "check": (["check", "churn", "--offline"], TABLES | {"pyspark"}),
    "plan": (["plan", "churn", *PERIOD, "--no-sample"], TABLES | {"pyspark", "sqlalchemy"}),
    "why": (["why", "--quick", "churn", "1"], TABLES | {"pyspark", "sqlalchemy"}),
}
SUITE = [
    ("age_known", "column_values_to_not_be_null", {"column": "age", "mostly": 0.9}),
    ("age_range", "column_values_to_be_between", {"column": "age", "min_value": 0, "row_condition": "age > 1"}),
    ("rows", "table_row_count_to_be_between", {"min_value": 1, "max_value": 1000}),
]
PROGRAM = f"""
import sys
from jobs.cli import main
try:
    main()
finally:
    print("IMPORTED", *sorted({set(HEAVY)!r} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("words", "expected"), IMPORTS.values(), ids=IMPORTS)
def test_a_verb_imports_what_it_uses(
    planned: Planned, configure: Configure, words: list[str], expected: set[str]
) -> None:
    configure(*SUITE)
    planned.publish(planned.manifest())  # by now the model's files are in the cache, and looked into
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "LAKESCORE_CONF": str(planned.project.conf)},
        check=False,
    )
    told = done.stderr.splitlines()[-1].split()
    assert told[0] == "IMPORTED", done.stderr
    assert set(told[1:]) == expected, done.stderr
