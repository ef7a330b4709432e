"""An example of what comes after predictions: a table for analysts, made anew for each day that is published."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.sdk import DAG, task

from dags.scoring.environment import configuration_folder, spark_python
from dags.scoring.factory import predictions_of

PREDICTIONS = predictions_of("flight_delays")

with DAG(
    dag_id="flight_delays_summary",
    description="By day and carrier: how many flights were predicted late, and how many were.",
    doc_md=(
        "Runs whenever `flight_delays` publishes a day; the asset's event names it. Written to "
        "`flight_delays/daily_summary` in the warehouse, a row a day and carrier."
    ),
    schedule=[PREDICTIONS],
    start_date=dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    tags=["lakescore", "flights", "example"],
    default_args={"owner": "flights", "retries": 2, "retry_delay": dt.timedelta(minutes=1)},
) as dag:

    @task
    def published_days(triggering_asset_events: Any = None) -> list[str]:
        """The days that the events tell; several may come together."""
        return sorted({event.extra["score_date"] for event in triggering_asset_events[PREDICTIONS]})

    @task.external_python(
        python=str(spark_python()),
        expect_airflow=False,
        expect_pendulum=False,
        env_vars={"LAKESCORE_CONF": str(configuration_folder())},
    )
    def summarize(days: list[str]) -> int:
        """In Spark's environment, which has DuckDB; Airflow's need not."""
        from examples.flights.summary import write_summary

        return write_summary(days)

    summarize(published_days())  # type: ignore[arg-type] # what it gives, once it has run
