"""The commands to go on with, by how a run stands; each with what it is for."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from jobs.cli.pages.check_grid import rejecting
from pipelines.backfills.slice_state import pinned_version
from pipelines.reports.calendar import Day
from pipelines.reports.facts import PipelineFacts, RunFacts
from pipelines.runs.auditing import NEVER_ACCEPTED

Command = tuple[str, str]
_MOST_RUNS = 3


def after_run(facts: RunFacts) -> list[Command]:
    """What one may want after having looked at a run."""
    entry = facts.entry
    name, day, run = entry.pipeline, entry.score_date, entry.run_id
    found = [(f"lakescore runs show {run}", "every state, check and version on record")]
    if entry.rows_quarantined:
        found.append((f"lakescore quarantine show {name} --run {run}", "the refused rows"))
    if facts.standing is not None and not facts.stands:
        found.append((f"lakescore report {facts.standing.run_id}", "the run that is the slice now"))
    if facts.standing is None or facts.standing.run_id < run:
        found += _by_state(facts)
    if facts.manifest is not None and entry.state in ("published", "retracted"):
        found.append((f"lakescore replay {run}", "score it again, and hold the rows against those"))
    return [*found, (f"lakescore plan {name} --from {day} --to {day}", "what a run of this slice would do now")]


def after_pipeline(facts: PipelineFacts, days: Sequence[Day]) -> list[Command]:
    """What one may want after having looked at a pipeline."""
    name = facts.pipeline.name
    troubled = [day.trouble for day in days if day.trouble is not None]
    found = [
        (f"lakescore report {entry.run_id}", f"{entry.score_date}, {entry.state}") for entry in troubled[-_MOST_RUNS:]
    ]
    if facts.slices and not found:
        found.append((f"lakescore report {facts.slices[-1].run_id}", "the newest slice"))
    if days:
        found.append((f"lakescore plan {name} --from {days[0].first} --to {days[-1].last}", "what a backfill would do"))
    return [
        *found,
        (f"lakescore runs {name}", "all runs"),
        (f"lakescore doctor {name}", "whether all that a run needs is there"),
    ]


def _by_state(facts: RunFacts) -> list[Command]:
    """How to come to a slice, where no later run did."""
    entry = facts.entry
    name, day = entry.pipeline, entry.score_date
    version = pinned_version(entry)
    # Another version's predictions, which may stand there, are replaced by force only.
    chosen = f" --model-version {version} --force" if version is not None else ""
    score = f"lakescore score {name} --date {day}{chosen}"
    if entry.state == "rejected":
        validate = (f"lakescore validate {name} --from {day} --to {day}", "what the checks of now say of it")
        failed = [check.check_id for check in rejecting(entry)]
        if not NEVER_ACCEPTED.isdisjoint(failed):
            return [validate, (score, "once the input is mended")]
        accept = " ".join(f"--accept {shlex.quote(check_id)}" for check_id in failed)
        return [validate, (f'{score} {accept} --reason "…"', "publish all the same, on the record")]
    if entry.state == "retracted":
        return [(score if chosen else f"{score} --force", "score and publish it all the same")]
    if entry.state == "started":
        return [(f"lakescore repair {name}", "settle runs whose process is gone")]
    if entry.state in ("failed", "conflict"):
        return [(f"lakescore doctor {name}", "whether all that a run needs is there"), (score, "try again")]
    return []
