"""Renders the facts of a run or a pipeline as one page."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jobs.pages import figures
from jobs.pages.check_grid import check_grid, found, rejecting, waived
from jobs.pages.next_commands import after_pipeline, after_run
from jobs.pages.numbers import count, percent, several
from pipelines.runs.report_days import Day, days_of
from pipelines.runs.report_facts import PipelineFacts, RunFacts
from pipelines.tables.ledger import Entry

SIGNS = {"ok": "✓", "warn": "!", "bad": "✗"}
"""What tells the kind of a verdict to whoever sees no colors."""
_HEADLINES = {
    "published": ("ok", "Published"),
    "rejected": ("bad", "Rejected: not published"),
    "failed": ("bad", "Failed: not published"),
    "conflict": ("bad", "Not published: other writers were in the way"),
    "superseded": ("warn", "Superseded: a newer attempt was published"),
    "retracted": ("warn", "Taken back"),
    "started": ("warn", "Started, without an end: it is at work, or was killed"),
}
_MOST_TROUBLED = 6
_NOWHERE = {
    "published": "other rows stand in the slice now; the replay below scores these again",
    "retracted": "they were taken back; the replay below scores them again",
    "superseded": "its stage was removed when the newer attempt was found",
    "rejected": "its stage was published by a later run, or removed by maintenance",
}
_ENDED_EARLY = "the run came to no complete stage"


def run_page(facts: RunFacts) -> str:
    """The page of one run."""
    entry, before = facts.entry, facts.before
    kind, headline = _HEADLINES[entry.state]
    if entry.state == "published" and not facts.stands:
        kind, headline = "warn", "Published, and replaced or taken back since"
    refusing = sorted(
        (check for check in facts.checks if check.kind == "rule" and check.unexpected_count),
        key=lambda check: -(check.unexpected_count or 0),
    )
    gates = [check for check in facts.checks if not check.success and check.kind == "gate"]
    was_counted = entry.rows_input is not None
    line, name = ([*before, entry], figures.THIS_RUN) if was_counted else (before, "")
    shown = figures.predictions(facts)
    return _render(
        "run.html.j2",
        facts=facts,
        entry=entry,
        kind=kind,
        headline=headline,
        slice_now=_slice_now(facts),
        error=(entry.error or "").split("\n") if entry.state in ("failed", "conflict") else [],
        rejecting=rejecting(entry),
        waived=[check for check in gates if check.rejects and check.check_id in waived(entry)],
        accepted=entry.value("accepted"),
        warning=[check for check in gates if not check.rejects],
        refusing=refusing,
        of_reasons=[*figures.reasons(refusing, before), *figures.quarantined(line, name)],
        of_predictions=shown,
        why_no_predictions="" if shown else _NOWHERE.get(entry.state, _ENDED_EARLY),
        of_rows_and_time=[*figures.rows(line, name), *figures.timings(entry, before), *figures.durations(line, name)],
        grid=check_grid([earlier for earlier in [*before, entry] if earlier.verdict]),
        manifest=facts.manifest,
        configuration=json.dumps((facts.manifest or {}).get("configuration", {}).get("pipeline", {}), indent=2),
        commands=after_run(facts),
        tables=facts.around.tables,
    )


def pipeline_page(facts: PipelineFacts) -> str:
    """The page of a pipeline over its newest slices."""
    days = days_of(facts.slices, facts.attempts)
    troubled = [day.trouble for day in days if day.trouble is not None]
    newest = facts.slices[-1] if facts.slices else None
    needs = f"{several(len(troubled), 'slice needs', 'slices need')} a look"
    headline = needs if troubled else "All as it should be" if newest else "No slice yet"
    judged = [entry for day in days if (entry := day.published or day.trouble) is not None and entry.verdict]
    outputs = [
        figure for name, spread in facts.outputs.items() for figure in figures.over_time(name, spread, facts.slices)
    ]
    return _render(
        "pipeline.html.j2",
        facts=facts,
        newest=newest,
        kind="bad" if troubled else "ok" if newest else "warn",
        headline=headline,
        troubled=[(entry, _brief(entry)) for entry in reversed(troubled)][:_MOST_TROUBLED],
        days=[(day, _state_of(day), _note(day)) for day in reversed(days)],
        without=sum((day.last - day.first).days + 1 for day in days if day.published is None),
        of_slices=[
            *figures.rows(facts.slices), *figures.quarantined(facts.slices), *outputs, *figures.durations(facts.slices)
        ],
        grid=check_grid(judged),
        commands=after_pipeline(facts, days),
        tables=facts.tables,
    )  # fmt: skip


def _render(template: str, **content: Any) -> str:
    environment = Environment(
        loader=PackageLoader("jobs", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"count": count, "found": found, "share": _share, "packages": _packages, "utc": _utc}
    now = dt.datetime.now(dt.UTC)
    return environment.get_template(template).render(**content, sign=SIGNS[content["kind"]], made_at=now)


def _slice_now(facts: RunFacts) -> Markup:
    """What is published of the date, where it is not this run."""
    standing = facts.standing
    if standing is None:
        return Markup("Nothing is published of this date.")
    if facts.stands:
        return Markup()
    since = "published since" if standing.run_id > facts.entry.run_id else "published before, and it stays"
    told = Markup("The slice is run <code>{}</code> by version {}, {}.")
    return told.format(standing.run_id, standing.model_version, since)


def _brief(entry: Entry) -> str:
    """Why a run did not come to a good end, in a line."""
    if entry.state == "rejected":
        return "; ".join(f"{check.check_id} {found(check)}, expected {check.expected}" for check in rejecting(entry))
    return (entry.error or "").split("\n")[0] or ("at work, or killed" if entry.state == "started" else "")


def _state_of(day: Day) -> tuple[str, str]:
    """The class and the words of how a day stands."""
    if day.published is not None:
        return ("", "published") if day.trouble is None else ("bad", f"published; since then {day.trouble.state}")
    if not day.later:
        return "none", "no slice"
    last = day.later[-1]
    return ("warn" if last.state == "retracted" else "bad", "taken back" if last.state == "retracted" else last.state)


def _note(day: Day) -> str:
    """What else is to be known of a day."""
    if day.later:
        return _brief(day.later[-1])
    accepted = day.published.value("accepted") if day.published is not None else None
    return f"accepted {', '.join(accepted['checks'])}: {accepted['reason']}" if accepted else ""


def _share(part: int | None, whole: int | None) -> str:
    return "" if not whole or part is None else percent(part / whole)


def _packages(packages: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages.items())


def _utc(at: dt.datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
