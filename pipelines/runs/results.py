"""What a run came to, and a person's word that changes it."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from pipelines.models.workers.report import WorkerReport
from pipelines.resolution.layout import Layout
from pipelines.resolution.manifest import ManifestModel, ManifestSource, manifest_of, model_of
from pipelines.tables.commit_log import latest_version
from pipelines.tables.ledger import Entry
from pipelines.validation.verdict import Counts, Verdict


@dataclass(frozen=True)
class Result:
    """What a run came to.

    Args:
        outcome: published, already_done or superseded.
        run_id: the run's; of the published one where nothing was to do.
        pipeline: its name.
        score_date: the slice's.
        model: name, version, alias and digest.
        sources: name, location, version and fingerprint of each.
        counts: rows of the input, scored and quarantined.
        verdict: every check's result.
        timings: seconds by step.
        workers: what the workers reported; None where nothing was scored.
        tables: where predictions and quarantine are.
        predictions_version: a version of the predictions table that holds the slice as this result tells it.
    """

    outcome: Literal["published", "already_done", "superseded"]
    run_id: str
    pipeline: str
    score_date: dt.date
    model: ManifestModel
    sources: tuple[ManifestSource, ...]
    counts: Counts
    verdict: Verdict
    timings: dict[str, float]
    workers: WorkerReport | None = None
    tables: dict[str, str] = field(default_factory=dict)
    predictions_version: int | None = None

    def as_json(self) -> dict[str, object]:
        """The result as plain values."""
        workers = {} if self.workers is None else self.workers.as_json()
        plain = {**asdict(self), "score_date": self.score_date.isoformat(), "workers": workers}
        return {**plain, "verdict": self.verdict.as_json()}


def overtaken(entry: Entry, layout: Layout, timings: dict[str, float]) -> Result:
    """The result where a newer attempt came to its end before this one began: what that left."""
    return replace(already_done(entry, layout, timings), outcome="superseded")


def already_done(entry: Entry, layout: Layout, timings: dict[str, float]) -> Result:
    """The result of the published run, by the ledger, where there is nothing to do."""
    manifest = manifest_of(entry)
    return Result(
        outcome="already_done",
        run_id=entry.run_id,
        pipeline=entry.pipeline,
        score_date=entry.score_date,
        model=model_of(entry, manifest),
        sources=() if manifest is None else manifest.sources,
        counts=Counts(entry.rows_input or 0, entry.rows_scored or 0, entry.rows_quarantined or 0),
        verdict=Verdict.from_json(entry.verdict),
        timings=timings,
        tables=layout.outputs(),
        predictions_version=latest_version(layout.predictions),
    )
