"""Renders the facts of a run or a pipeline as one page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import median
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jobs.pages import charts
from pipelines.runs.report_facts import Distribution, PipelineFacts, RunFacts
from pipelines.tables.distributions import Histogram
from pipelines.tables.ledger import Entry
from pipelines.validation.verdict import CheckResult

_HEADLINES = {
    "published": ("ok", "Published"),
    "rejected": ("bad", "Rejected: not published"),
    "failed": ("bad", "Failed: not published"),
    "conflict": ("bad", "Not published: other writers were in the way"),
    "superseded": ("warn", "Superseded: a newer attempt was published"),
    "retracted": ("warn", "Taken back"),
    "started": ("warn", "Started, without an end"),
}
_MOST_CHECKS = 12
_COLUMNS_OF_CHECKS = 14


def run_page(facts: RunFacts) -> str:
    """The page of one run."""
    entry, before = facts.entry, facts.around.slices[:-1] if facts.stands else facts.around.slices
    kind, headline = _HEADLINES[entry.state]
    if entry.state == "published" and not facts.stands:
        kind, headline = "warn", "Published, and replaced or taken back since"
    manifest = entry.value("manifest") or {}
    refusing = [check for check in facts.checks if check.kind == "rule" and check.unexpected_count]
    return (
        _environment()
        .get_template("run.html.j2")
        .render(
            facts=facts,
            entry=entry,
            kind=kind,
            headline=headline,
            manifest={name: value for name, value in manifest.items() if name != "configuration"},
            configuration=json.dumps(manifest.get("configuration", {}).get("pipeline", {}), indent=2),
            failed=[check for check in facts.checks if not check.success],
            refusing=sorted(refusing, key=lambda check: -(check.unexpected_count or 0)),
            reasons=_reasons(refusing),
            timings=_timings(entry),
            outputs=[
                (name, _spread(name, spread, entry.run_id, before)) for name, spread in facts.around.outputs.items()
            ]
            if facts.stands
            else [],
            checks_over_time=_checks_over_time([*before, entry]),
            trends=_trends([*before, entry]),
        )
    )


def pipeline_page(facts: PipelineFacts) -> str:
    """The page of a pipeline over its newest slices."""
    newest = facts.slices[-1] if facts.slices else None
    by_date = {entry.score_date: entry for entry in facts.slices}
    troubled = [
        entry
        for entry in facts.attempts
        if entry.state in ("rejected", "failed", "conflict")
        and (entry.score_date not in by_date or by_date[entry.score_date].run_id < entry.run_id)
    ]
    dates = [entry.score_date.isoformat() for entry in facts.slices]
    means = [
        (name, charts.over_slices(f"mean {name}", dates, [spread.means.get(entry.run_id) for entry in facts.slices]))
        for name, spread in facts.outputs.items()
        if isinstance(spread, Histogram)
    ]
    return (
        _environment()
        .get_template("pipeline.html.j2")
        .render(
            facts=facts,
            newest=newest,
            kind="bad" if troubled else "ok" if newest else "warn",
            headline=f"{len(troubled)} slices need a look"
            if troubled
            else "All as it should be"
            if newest
            else "No slice yet",
            troubled=troubled,
            trends=_trends(facts.slices),
            means=means,
            checks_over_time=_checks_over_time(facts.slices),
        )
    )


def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("jobs", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    found.filters["count"] = lambda value: "unknown" if value is None else f"{value:,}"
    found.filters["share"] = lambda part, whole: "" if not whole or part is None else f"{part / whole:.2%}"
    found.filters["plain"] = lambda value: value if isinstance(value, str | int) else json.dumps(value)
    found.filters["number"] = lambda value: "" if value is None else f"{value:.6g}"
    return found


def _reasons(refusing: Sequence[CheckResult]) -> Markup | None:
    rows = sorted(refusing, key=lambda check: -(check.unexpected_count or 0))[:_MOST_CHECKS]
    if not rows:
        return None
    return charts.bars(
        "rows by rule", [check.check_id for check in rows], [check.unexpected_count or 0 for check in rows]
    )


def _timings(entry: Entry) -> Markup | None:
    timings: dict[str, Any] = entry.value("timings") or {}
    return charts.bars("seconds by step", list(timings), list(timings.values()), " s") if timings else None


def _spread(name: str, spread: Distribution, run_id: str, before: Sequence[Entry]) -> Markup:
    now = _shares(spread.counts[run_id])
    past = [_shares(spread.counts[entry.run_id]) for entry in before if entry.run_id in spread.counts]
    usual = [median(several) for several in zip(*past, strict=True)] if past else None
    if isinstance(spread, Histogram):
        return charts.distribution(f"distribution of {name}", spread.edges, now, usual)
    return charts.shares(f"values of {name}", spread.values, now, usual)


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]


def _trends(slices: Sequence[Entry]) -> list[tuple[str, Markup]]:
    """Counts and times over the slices; a line needs two of them."""
    if len(slices) < 2:  # noqa: PLR2004
        return []
    dates = [entry.score_date.isoformat() for entry in slices]
    quarantined = [
        None if not entry.rows_input else (entry.rows_quarantined or 0) / entry.rows_input for entry in slices
    ]
    seconds = [sum((entry.value("timings") or {}).values()) or None for entry in slices]
    return [
        ("rows scored", charts.over_slices("rows scored", dates, [entry.rows_scored for entry in slices])),
        ("share quarantined", charts.over_slices("share quarantined", dates, quarantined, percent=True)),
        ("seconds", charts.over_slices("seconds of a run", dates, seconds)),
    ]


def _checks_over_time(slices: Sequence[Entry]) -> dict[str, Any] | None:
    """The checks that did not hold in one of the newest slices, slice by slice."""
    shown = list(slices)[-_COLUMNS_OF_CHECKS:]
    found = [{check["check_id"]: check for check in entry.value("verdict") or []} for entry in shown]
    troubled = {
        name: sum(1 for checks in found if name in checks and not checks[name]["success"])
        for checks_of in found
        for name in checks_of
    }
    names = sorted((name for name, times in troubled.items() if times), key=lambda name: (-troubled[name], name))
    if not names:
        return None
    return {
        "dates": [entry.score_date.isoformat()[5:] for entry in shown],
        "rows": [(name, [_mark(checks.get(name)) for checks in found]) for name in names[:_MOST_CHECKS]],
    }


def _mark(check: dict[str, Any] | None) -> tuple[str, str]:
    """The class and the sign of one check in one slice."""
    if check is None:
        return "none", "·"
    if check["success"]:
        return "ok", "✓"
    return ("bad", "✗") if check["action"] == "reject" else ("warn", "!")
