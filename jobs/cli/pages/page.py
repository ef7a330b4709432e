"""Renders the facts of a run or a pipeline as one page."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jobs.cli.pages import figures
from jobs.cli.pages.check_grid import check_grid, found, rejecting, waived
from jobs.cli.pages.next_commands import after_pipeline, after_run
from jobs.cli.pages.numbers import count, percent, several
from pipelines.reports.calendar import Day, days_of, rhythm_of
from pipelines.reports.facts import PipelineFacts, RunFacts
from pipelines.runs.tables import lacks_output
from pipelines.tables.ledger import Entry
from pipelines.validation.verdict import Acceptance

SIGNS = {"ok": "✓", "warn": "!", "bad": "✗"}
"""What tells the kind of a verdict to whoever sees no colors."""
_HEADLINES = {
    "published": ("ok", "Published"),
    "rejected": ("bad", "Rejected: not published"),
    "failed": ("bad", "Failed: not published"),
    "conflict": ("bad", "Not published: other writers were in the way"),
    "superseded": ("warn", "Superseded: a newer attempt was published"),
    "retracted": ("warn", "Taken back"),
    "started": ("warn", "Started, without an end: it is running, or was killed"),
}
_MOST_TROUBLED = 6
_TOO_MANY_SINCE = 2
"""Slices that would be expected since the newest one: by then it is older than twice the usual step."""
_OLD_DAYS = 7
"""A slice alone, which tells no rhythm, is old after a week."""
_NOWHERE = {
    "published": "other rows stand in the slice now; the replay below scores these again",
    "retracted": "they were taken back; the replay below scores them again",
    "superseded": "its stage was removed when the newer attempt was found",
    "rejected": "its stage was published by a later run, or removed by maintenance",
}
_ENDED_EARLY = "the run came to no complete stage"
_NO_ROW = "there is none"
_NONE_DRAWN = "no output in the table is a number, a text or true and false"


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
    line = figures.Line(before, facts.around.calendar)
    if was_counted:
        line = figures.Line([*before, entry], facts.around.calendar, figures.THIS_RUN)
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
        accepted=Acceptance.from_json(entry.accepted) if entry.accepted else None,
        warning=[check for check in gates if not check.rejects],
        refusing=refusing,
        of_reasons=[*figures.reasons(refusing, before), *figures.quarantined(line)],
        of_predictions=shown,
        why_no_predictions=_why_none(facts),
        of_rows_and_time=[*figures.rows(line), *figures.timings(entry, before), *figures.durations(line)],
        grid=check_grid([earlier for earlier in [*before, entry] if earlier.verdict]),
        manifest=facts.manifest,
        configuration="{}" if facts.manifest is None else json.dumps(facts.manifest.configuration.pipeline, indent=2),
        commands=after_run(facts),
        lacking=_lacking(facts.around),
        tables=facts.around.tables,
    )


def _why_none(facts: RunFacts) -> str:
    """Why a page has no figure of predictions."""
    if facts.rows_from == "nowhere":
        return _NOWHERE.get(facts.entry.state, _ENDED_EARLY)
    return _NO_ROW if facts.entry.rows_scored == 0 else _NONE_DRAWN


def pipeline_page(facts: PipelineFacts) -> str:
    """The page of a pipeline over its newest slices."""
    days = days_of(facts.slices, facts.attempts, facts.calendar)
    line = figures.Line(facts.slices, facts.calendar)
    troubled = [day.trouble for day in days if day.trouble is not None]
    newest = facts.slices[-1] if facts.slices else None
    concerns = _concerns(facts, days)
    needs = f"{several(len(troubled), 'slice needs', 'slices need')} a look"
    calm = "No run needs a look" if not concerns else "Slices are missing or late"
    headline = needs if troubled else calm if newest else "No slice yet"
    judged = [entry for day in days if (entry := day.published or day.trouble) is not None and entry.verdict]
    outputs = [figure for name, spread in facts.outputs.items() for figure in figures.over_time(name, spread, line)]
    return _render(
        "pipeline.html.j2",
        facts=facts,
        newest=newest,
        kind="bad" if troubled else "ok" if newest and not concerns else "warn",
        headline=headline,
        concerns=concerns,
        lacking=_lacking(facts),
        troubled=[(entry, _brief(entry)) for entry in reversed(troubled)][:_MOST_TROUBLED],
        days=[(day, _state_of(day), _note(day)) for day in reversed(days)],
        missing=sum(day.missing for day in days),
        of_slices=[*figures.rows(line), *figures.quarantined(line), *outputs, *figures.durations(line)],
        grid=check_grid(judged),
        commands=after_pipeline(facts, days),
        tables=facts.tables,
    )  # fmt: skip


def _concerns(facts: PipelineFacts, days: Sequence[Day]) -> list[str]:
    """What is not as usual though no run came to a bad end: slices that are missing, in between or by now."""
    found = []
    gaps = [day for day in days if day.missing]
    if gaps:
        one = gaps[0].first == gaps[-1].last
        between = f"that of {gaps[0].first}" if one else f"the first {gaps[0].first}, the last {gaps[-1].last}"
        missing = sum(day.missing for day in gaps)
        found.append(f"{several(missing, 'slice is', 'slices are')} missing: {between}.")
    dates = [entry.score_date for entry in facts.slices]
    rhythm, newest_due = rhythm_of(dates), facts.today - dt.timedelta(days=facts.pipeline.airflow.lag_days)
    expected = (facts.calendar or rhythm).expected(dates[-1], newest_due) if len(dates) > 1 else []
    if len(expected) >= _TOO_MANY_SINCE:
        age = several((facts.today - dates[-1]).days, "day")
        usual = "day" if rhythm.step == 1 else f"{rhythm.step} days"
        usual_step = (
            f"usually there is one every {usual}" if facts.calendar is None else f"{len(expected)} are due since"
        )
        found.append(f"The newest slice is {age} old; {usual_step}.")
    age_days = (facts.today - dates[-1]).days if dates else 0
    if len(dates) == 1 and age_days > _OLD_DAYS:
        found.append(f"The only slice is {several(age_days, 'day')} old.")
    return found


def _lacking(facts: PipelineFacts) -> list[str]:
    return [lacks_output(facts.pipeline.name, name) for name in facts.lacking]


def _render(template: str, **content: Any) -> str:
    environment = Environment(
        loader=PackageLoader("jobs.cli", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
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
    text = Markup("The slice is run <code>{}</code> by version {}, {}.")
    return text.format(standing.run_id, standing.model_version, since)


def _brief(entry: Entry) -> str:
    """Why a run did not come to a good end, in a line."""
    return (entry.error or "").split("\n")[0] or ("running, or killed" if entry.state == "started" else "")


def _state_of(day: Day) -> tuple[str, str]:
    """The class and the words of how a day stands."""
    if day.published is not None:
        word = "published" if day.published.rows_scored != 0 else "published as empty"
        return ("", word) if day.trouble is None else ("bad", f"{word}; since then {day.trouble.state}")
    if not day.later:
        return "none", "no slice"
    last = day.later[-1]
    return ("warn" if last.state == "retracted" else "bad", "taken back" if last.state == "retracted" else last.state)


def _note(day: Day) -> str:
    """What else is to be known of a day."""
    if day.later:
        return _brief(day.later[-1])
    accepted = Acceptance.from_json(None if day.published is None else day.published.accepted)
    return f"accepted {', '.join(accepted.checks)}: {accepted.reason}" if accepted.checks else ""


def _share(part: int | None, whole: int | None) -> str:
    return "" if not whole or part is None else percent(part / whole)


def _packages(packages: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages.items())


def _utc(at: dt.datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
