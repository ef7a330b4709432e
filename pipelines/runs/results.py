"""What a run came to, and a person's word that changes it."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from pipelines.resolution.layout import Layout
from pipelines.runs.auditing import Counts
from pipelines.tables.commit_log import latest_version
from pipelines.tables.ledger import Entry
from pipelines.validation.verdict import CheckResult, Verdict


@dataclass(frozen=True)
class Acceptance:
    """A person's word that a slice may be published although these checks failed."""

    checks: tuple[str, ...] = ()
    reason: str = ""


NOTHING_ACCEPTED = Acceptance()


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
        workers: rows evaluated by the model and models loaded, as the workers counted them.
        tables: where predictions and quarantine are.
        predictions_version: a version of the predictions table that holds the slice as this result tells it.
    """

    outcome: Literal["published", "already_done", "superseded"]
    run_id: str
    pipeline: str
    score_date: dt.date
    model: dict[str, Any]
    sources: list[dict[str, Any]]
    counts: Counts
    verdict: Verdict
    timings: dict[str, float]
    workers: dict[str, int] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    predictions_version: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The result as plain values."""
        plain = {**asdict(self), "score_date": self.score_date.isoformat()}
        return {**plain, "verdict": self.verdict.as_json()}


def overtaken(entry: Entry, layout: Layout, timings: dict[str, float]) -> Result:
    """The result where a newer attempt came to its end before this one began: what that left."""
    return replace(already_done(entry, layout, timings), outcome="superseded")


def already_done(entry: Entry, layout: Layout, timings: dict[str, float]) -> Result:
    """The result of the published run, by the ledger, where there is nothing to do."""
    # A run that a repair entered has no manifest.
    unknown = {"model": {"name": entry.model_name, "version": entry.model_version, "alias": None, "digest": ""}}
    manifest = entry.value("manifest") or {**unknown, "sources": []}
    return Result(
        outcome="already_done",
        run_id=entry.run_id,
        pipeline=entry.pipeline,
        score_date=entry.score_date,
        model=manifest["model"],
        sources=manifest["sources"],
        counts=Counts(entry.rows_input or 0, entry.rows_scored or 0, entry.rows_quarantined or 0),
        verdict=Verdict(tuple(CheckResult(**result) for result in entry.value("verdict") or [])),
        timings=timings,
        tables=layout.outputs(),
        predictions_version=latest_version(layout.predictions),
    )
