"""A daily summary for analysts: by carrier, how many flights were predicted late, and how many were.

By hand: `python -m examples.flights.summary 2013-07-01 2013-07-02`. Airflow runs it for each day that is published.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from examples.flights.landing import LATE_MINUTES
from pipelines.config import load_project
from pipelines.tables.locations import below, for_delta_rs
from pipelines.tables.reading import equal, read_rows

SUMMARY = """
SELECT p.score_date, p.carrier, count(*) AS flights, any_value(p.model_version) AS model_version,
       avg(p.prediction::INT) AS share_predicted_late,
       avg((coalesce(f.arr_delay, 1e9) > $late)::INT) AS share_late,
       avg((p.prediction = (coalesce(f.arr_delay, 1e9) > $late))::INT) AS share_right
FROM predictions p JOIN flights f USING (flight_date, carrier, flight, origin)
GROUP BY p.score_date, p.carrier ORDER BY p.carrier
"""


def write_summary(days: Sequence[str]) -> int:
    """Write the summary of these days in place of what it held of them.

    Args:
        days: score dates, in ISO format.

    Returns:
        How many rows it has of them: one a day and carrier.
    """
    environment = load_project().environment
    place = for_delta_rs(below(environment.warehouse, "flight_delays/daily_summary"))
    written = 0
    for text in days:
        day = dt.date.fromisoformat(text)
        found = summary_of(
            read_rows(_table(environment.warehouse, "flight_delays/predictions"), where=equal("score_date", day)),
            read_rows(_table(environment.inputs, "flights"), where=equal("flight_date", day)),
        )
        write_deltalake(place, found, mode="overwrite", partition_by=["score_date"], predicate=_of(place, day))
        written += found.num_rows
    return written


def summary_of(predictions: pa.Table, flights: pa.Table) -> pa.Table:
    """By carrier: the flights, the share predicted late, the share that was, and the share predicted right."""
    connection = duckdb.connect()
    connection.register("predictions", predictions)
    connection.register("flights", flights)
    return connection.sql(SUMMARY, params={"late": LATE_MINUTES}).to_arrow_table()


def _table(root: str, name: str) -> DeltaTable:
    return DeltaTable(for_delta_rs(below(root, name)))


def _of(place: str, day: dt.date) -> str | None:
    """What is replaced; of a table that is not there yet, nothing."""
    return f"score_date = '{day.isoformat()}'" if DeltaTable.is_deltatable(place) else None


if __name__ == "__main__":
    sys.stdout.write(f"{write_summary(sys.argv[1:])} rows\n")
