"""Asks the published tables in SQL with DuckDB, without Spark: `python -m examples.flights.query "SELECT …"`."""

from __future__ import annotations

import signal
import sys

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from pipelines.config import load_project
from pipelines.tables.locations import below, for_delta_rs
from pipelines.tables.reading import read_rows

TABLES = {
    "predictions": "flight_delays/predictions",
    "quarantine": "flight_delays/quarantine",
    "runs": "ops/runs",
}


def query(sql: str) -> duckdb.DuckDBPyRelation:
    """The answer to an SQL query over `predictions`, `quarantine` and `runs`."""
    warehouse = load_project().environment.warehouse
    connection = duckdb.connect()
    for name, place in TABLES.items():
        connection.register(name, read_rows(DeltaTable(for_delta_rs(below(warehouse, place)))))
    return connection.sql(sql)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it without a word
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and one query
        sys.exit('usage: python -m examples.flights.query "SELECT … FROM predictions"')
    try:
        query(sys.argv[1]).show()
    except (duckdb.Error, DeltaError) as error:
        sys.exit(f"error: {error}\n  to do: mend the query; if a table is missing, run `make demo` first")
