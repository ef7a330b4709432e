"""What Airflow shows about a pipeline's DAG."""

from __future__ import annotations

from dags.scoring.environment import ledger_place
from pipelines.config import Pipeline, Project, TableName
from pipelines.config.places import in_warehouse, table_names

TEMPLATE = """{description}

| | |
|---|---|
| Predictions | `{predictions}` |
| Refused rows | `{quarantine}` |
| Runs | `{runs}` |
| Model | `{model}` |
| Score date | the parameter `score_date`, else the day of the run ({timezone}) less {lag_days} |

**When a slice is rejected**, the task `score` fails at once, and its log and note name the failed checks. Nothing was
published; what was published before stays. From the project's folder:

```
lakescore runs {name}                                   # what was run
lakescore plan {name} --from DATE --to DATE             # what a run would do, and why
lakescore quarantine show {name} --date DATE            # the rows that were refused
lakescore score {name} --date DATE                      # the same by hand; meeting a DAG run does no harm
lakescore backfill {name} --from DATE --to DATE         # many days in one Spark session
```
"""


def documentation(project: Project, pipeline: Pipeline) -> str:
    """The DAG's page: what it predicts, its tables, and the commands for it, as Markdown."""
    model, tables = pipeline.model, table_names(pipeline)
    return TEMPLATE.format(
        description=pipeline.description or f"Predictions of `{pipeline.name}`.",
        name=pipeline.name,
        predictions=_place(project, tables["predictions"]),
        quarantine=_place(project, tables["quarantine"]),
        runs=ledger_place(project),
        model=f"{model.name}@{model.alias}" if model.alias else f"{model.name} version {model.version}",
        timezone=pipeline.timezone,
        lag_days=f"{pipeline.airflow.lag_days} day{'' if pipeline.airflow.lag_days == 1 else 's'}",
    )


def _place(project: Project, name: TableName) -> str:
    return name.table or in_warehouse(project, str(name.path))
