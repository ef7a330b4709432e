"""Once a day, for each pipeline: the ledger completed after crashes, files compacted, what is past its use removed."""

from __future__ import annotations

import datetime as dt

from airflow.sdk import DAG, CronTriggerTimetable, chain

from dags.scoring.environment import configuration_folder
from dags.scoring.spark_jobs import UpkeepJob

with DAG(
    dag_id="lakescore_maintenance",
    description="Repairs the ledger and looks after the tables of all pipelines.",
    doc_md=(
        "`lakescore repair`, then `lakescore maintain`, one pipeline after the other. Slices that runs are working on "
        "are left alone; files are kept for seven days. See `docs/backfills.md`."
    ),
    schedule=CronTriggerTimetable("30 3 * * *", timezone="UTC"),
    start_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    tags=["lakescore"],
    default_args={"owner": "lakescore", "retries": 1, "execution_timeout": dt.timedelta(hours=3)},
) as dag:
    chain(
        *(
            UpkeepJob(
                task_id=f"{verb}.{yaml.stem}",
                verb=verb,
                arguments=[yaml.stem],
                trigger_rule="all_done",  # a pipeline that fails is no reason to neglect the next
            )
            for yaml in sorted((configuration_folder() / "pipelines").glob("*.yaml"))
            for verb in ("repair", "maintain")
        )
    )
