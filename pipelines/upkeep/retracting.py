"""Takes a wrongly published slice back, on the record."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame, SparkSession

from pipelines.config import Project, load_pipeline
from pipelines.errors import ConflictError, UsageError
from pipelines.passes.publishing import Replacement, publish
from pipelines.runs.recovery import look_back
from pipelines.runs.tables import require_tables
from pipelines.schemas import SLICE_COLUMNS
from pipelines.tables.ledger import Entry
from pipelines.tables.slices import Slice


@dataclass(frozen=True)
class Retraction:
    """What was taken back."""

    pipeline: str
    score_date: dt.date
    run_id: str
    reason: str


def retract(spark: SparkSession, project: Project, name: str, score_date: dt.date, reason: str) -> Retraction:
    """Empty a slice of the predictions table; its run, its quarantine and the table's history stay to be looked at.

    A run that would publish the same rows again is refused from then on, unless it is forced.

    Args:
        spark: the session.
        project: the configuration.
        name: the pipeline's.
        score_date: which day.
        reason: why, in words; kept in the ledger.

    Raises:
        UsageError: the slice is not published.
        ConflictError: another run published the slice meanwhile.
    """
    pipeline = load_pipeline(project, name)
    layout = require_tables(spark, project, pipeline)
    slice_ = Slice(score_date, pipeline.model.name)
    past = look_back(layout, name, slice_)
    run_id = past.published_run
    if run_id is None:
        raise UsageError(
            f"the slice {score_date} of '{name}' is not published: there is nothing to take back",
            remedy=f"see what is: lakescore runs {name}",
        )
    fence = past.next_fence
    before = past.published() or Entry(run_id, name, score_date, slice_.model_name, "published")
    # On the record first: should the process end before the commit, the slice is there to be retracted again.
    layout.ledger.append(replace(before, state="retracted", manifest=None, error=reason))

    def nothing() -> DataFrame:
        return spark.read.format("delta").load(layout.predictions).drop(*SLICE_COLUMNS).limit(0)

    said = {"run_id": run_id, "fence": fence, "retracted": reason}
    taken_away = Replacement(slice_, fence, said, 0, takes_away=True)
    if publish(nothing, layout.predictions, taken_away) == "superseded":
        layout.ledger.append(replace(before, manifest=None, error=f"not retracted: a newer run came first ({reason})"))
        raise ConflictError(
            f"another run published the slice {score_date} of '{name}' meanwhile",
            remedy="look at it, then retract it again",
        )
    return Retraction(name, score_date, run_id, reason)
