"""From a pipeline's configuration to its DAG: wait for the input, plan, score and publish."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

from airflow.sdk import DAG, Asset, BaseOperator, CronTriggerTimetable, Param

from dags.scoring.dates import score_date
from dags.scoring.documentation import documentation
from dags.scoring.environment import ROOT, project_and_pipeline
from dags.scoring.inputs import WaitForInput
from dags.scoring.notices import notifiers
from dags.scoring.spark_jobs import PlanSlice, ScoreSlice
from pipelines.config import Pipeline, Project
from pipelines.errors import ConfigurationError, PipelineError

LONGEST_RETRY_DELAY = dt.timedelta(hours=1)
FIRST_DAY = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""Airflow makes no run before a DAG's start: early enough for any backfill. Nothing is caught up by itself."""
PARAMETERS = {
    "score_date": Param(
        None, type=["null", "string"], format="date", description="The day to score; else the run's day less the lag."
    ),
    "model_version": Param(
        None, type=["null", "integer"], minimum=1, description="Take this version in place of the configured one."
    ),
    "force": Param(
        False,
        type="boolean",
        description="Score again although nothing changed, it was retracted, or another version's rows stand there.",
    ),
}
DAY = "{{ score_date(params, dag_run.logical_date or dag_run.run_after) }}"
VERSION = "{{ '--model-version=%d' % params.model_version if params.model_version else '' }}"
FORCE = "{{ '--force' if params.force else '' }}"


def pipeline_dag(name: str) -> DAG:
    """The DAG of one pipeline.

    Args:
        name: the pipeline's, which is the DAG's too.

    Raises:
        PipelineError: its configuration is wrong; shown as it is, without a traceback that would bury it.
    """
    if name in {file.stem for file in (ROOT / "dags").glob("*.py")}:
        raise ConfigurationError(
            f"pipeline '{name}' has the name of a DAG of the project's own",
            expected="a name that no file in dags/ has",
            found=f"dags/{name}.py",
            remedy="give the pipeline another name; its YAML too",
        )
    try:
        return _dag(*project_and_pipeline(name))
    except PipelineError as error:
        raise error.with_traceback(None) from None


def predictions_of(pipeline: str) -> Asset:
    """The asset of a pipeline's predictions: what DAGs of those who use them are scheduled by."""
    return Asset(f"{pipeline}.predictions", uri=f"lakescore://{pipeline}/predictions", group="lakescore")


def timetable(pipeline: Pipeline) -> CronTriggerTimetable | None:
    """When it runs; None where it runs by hand only.

    Raises:
        ConfigurationError: the cron expression means nothing.
    """
    cron = pipeline.airflow.schedule
    if cron is None:
        return None
    try:
        found = CronTriggerTimetable(cron, timezone=pipeline.timezone)
        found.validate()
    except Exception as error:  # which one is Airflow's and its libraries' affair
        raise ConfigurationError(
            f"pipeline '{pipeline.name}', airflow.schedule: this cron expression cannot be read",
            expected="five fields: minute, hour, day of month, month, day of week, such as '0 6 * * *'",
            found=f"{cron!r} ({error})",
        ) from error
    return found


def _dag(project: Project, pipeline: Pipeline) -> DAG:
    settings = pipeline.airflow
    with DAG(
        dag_id=pipeline.name,
        description=pipeline.description,
        doc_md=documentation(project, pipeline),
        schedule=timetable(pipeline),
        start_date=FIRST_DAY,
        catchup=False,
        max_active_runs=settings.max_active_runs,
        params=PARAMETERS,
        tags=["lakescore", *settings.tags],
        user_defined_macros={"score_date": partial(score_date, timezone=pipeline.timezone, lag_days=settings.lag_days)},
        default_args={
            "owner": settings.owner,
            "retries": settings.retries,
            "retry_delay": settings.retry_delay,
            "retry_exponential_backoff": True,
            "max_retry_delay": LONGEST_RETRY_DELAY,
            "pool": settings.pool,
            "on_failure_callback": notifiers(pipeline.name, settings.on_failure),
        },
    ) as dag:
        wait = WaitForInput(
            task_id="wait_for_input",
            pipeline=pipeline.name,
            score_date=DAY,
            asked="{{ params.score_date or '' }}",
            wait=settings.wait,
            look_every=settings.look_every,
            doc_md="Until the slice's rows are in the pipeline's first source; no worker is held meanwhile.",
        )
        plan, score = _jobs(project, pipeline)
        wait >> plan >> score
    return dag


def _jobs(project: Project, pipeline: Pipeline) -> tuple[BaseOperator, BaseOperator]:
    """The two tasks that need Spark, as the pipeline's runner starts them."""
    name, predictions = pipeline.name, predictions_of(pipeline.name)
    plan: dict[str, Any] = {
        "task_id": "plan",
        "arguments": [name, "--from", DAY, "--to", DAY, VERSION, "--no-sample"],
        "execution_timeout": pipeline.airflow.timeout,
        "doc_md": "What a run would do to the slice, and why; nothing is written.",
    }
    score: dict[str, Any] = {
        "task_id": "score",
        "arguments": [name, "--date", DAY, VERSION, FORCE],
        "execution_timeout": pipeline.airflow.timeout,
        "doc_md": "Validates, scores, audits and publishes the slice. Rejected by a gate, it fails without a retry.",
    }
    if pipeline.airflow.runner == "kubernetes":
        from dags.scoring.kubernetes import KubernetesJob, KubernetesScore  # takes long to import

        return (
            KubernetesJob(project=project, verb="plan", **plan),
            KubernetesScore(project=project, pipeline=name, score_date=DAY, predictions=predictions, **score),
        )
    needs_spark = pipeline.is_in_catalog or pipeline.reads_rows_to_plan
    return PlanSlice(needs_spark=needs_spark, **plan), ScoreSlice(predictions=predictions, **score)
