"""When and how Airflow runs a pipeline."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from pipelines.config.typed import Typed

Duration = Annotated[dt.timedelta, Field(gt=dt.timedelta(0))]
PRESETS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@quarterly", "@yearly", "@annually")
_CRON_FIELD = re.compile(r"^[0-9A-Za-z*/,#?-]+$")
_CRON_FIELDS = 5


class OnFailure(Typed):
    """Who is notified when a slice fails for good, besides Airflow's log and notes."""

    webhook: str | None = None
    """An Airflow connection of type `http`: what failed is posted to it as JSON, with a `text` for chat tools."""
    email: tuple[Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")], ...] = ()
    """Addresses; sent by the Airflow connection `smtp_default`."""


class Scheduling(Typed):
    """When and how Airflow runs a pipeline. None of it changes a row: it is not part of the run key."""

    schedule: str | None = None
    """A cron expression (or `@daily` and the like), in the pipeline's time zone; without it, runs are by hand."""
    lag_days: int = Field(default=1, ge=0)
    """The score date is the day of the run less so many days."""
    wait: Duration = dt.timedelta(hours=12)
    """How long to wait for the slice's rows to be in the input: `PT12H`, or `12:00:00`."""
    look_every: Duration = dt.timedelta(minutes=1)
    """How often to look for them."""
    retries: int = Field(default=3, ge=0)
    """How often a task that failed is tried again; one that a gate rejected, or that is wrongly configured, is not."""
    retry_delay: Duration = dt.timedelta(minutes=1)
    """The pause before the first retry; it doubles each time, up to an hour."""
    timeout: Duration = dt.timedelta(hours=2)
    """How long planning and scoring may take, each."""
    pool: str = "default_pool"
    """Airflow's pool, which bounds how many tasks run at once."""
    max_active_runs: int = Field(default=4, ge=1)
    """How many slices the schedule works on at once; a backfill of Airflow has its own limit."""
    owner: str = "lakescore"
    """Who looks after it."""
    tags: tuple[str, ...] = ()
    """For the list of DAGs."""
    runner: Literal["spark-submit", "kubernetes"] = "spark-submit"
    """What starts Spark: spark-submit beside Airflow's worker, or the Spark operator of a Kubernetes cluster."""
    on_failure: OnFailure = OnFailure()
    """Who is notified when a slice fails for good."""

    @field_validator("schedule")
    @classmethod
    def looks_like_cron(cls, value: str | None) -> str | None:
        # Airflow judges the values when it makes the DAG; this tells what could be none, before Airflow is there.
        if value is None or value in PRESETS:
            return value
        fields = value.split()
        if len(fields) != _CRON_FIELDS or not all(map(_CRON_FIELD.match, fields)):
            raise ValueError(
                "not a cron expression of five fields (minute, hour, day of month, month, day of week), "
                f"such as '0 6 * * *', nor one of {', '.join(PRESETS)}"
            )
        return value
