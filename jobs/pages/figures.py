"""What of a run or a pipeline is drawn: facts in, charts with their headings out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from markupsafe import Markup

from jobs.pages import charts
from jobs.pages.numbers import number, percent, seconds
from pipelines.runs.report_days import usual_step
from pipelines.runs.report_facts import Distribution, RunFacts
from pipelines.tables.distributions import Histogram, stability_index
from pipelines.tables.ledger import Entry
from pipelines.validation.verdict import CheckResult

MOST_BARS = 12
THIS_RUN = "this run"
_MIDDLE = (0.1, 0.9)
_COARSE = 4
"""Bins that are taken together before shares are held against each other: with few rows, fine ones differ by chance."""


@dataclass(frozen=True)
class Figure:
    """A chart with its heading, and what is said below it."""

    heading: str
    chart: Markup
    caption: str = ""


def reasons(refusing: Sequence[CheckResult], before: Sequence[Entry]) -> list[Figure]:
    """The rows that each rule refused or counted, beside what is usual."""
    shown = list(refusing)[:MOST_BARS]
    if not shown:
        return []
    past = [{check["check_id"]: check["unexpected_count"] or 0 for check in _verdict(entry)} for entry in before]
    usual = _medians([check.check_id for check in shown], past)
    names, rows = [check.check_id for check in shown], [check.unexpected_count or 0 for check in shown]
    return [Figure("Rows by rule", charts.bars("rows by rule", names, rows, usual, number))]


def timings(entry: Entry, before: Sequence[Entry]) -> list[Figure]:
    """The seconds of each step, beside what is usual."""
    told: dict[str, float] = entry.value("timings") or {}
    if not told:
        return []
    past = [found for earlier in before if (found := earlier.value("timings"))]
    chart = charts.bars("seconds by step", list(told), list(told.values()), _medians(list(told), past), seconds)
    return [Figure("Time by step", chart, f"{seconds(sum(told.values()))} in all")]


def predictions(facts: RunFacts) -> list[Figure]:
    """How each output is spread in a run, and over the slices before it."""
    if facts.rows_from == "nowhere":
        return []
    found = []
    for name, spread in facts.around.outputs.items():
        found.append(_spread(name, spread, facts))
        found += over_time(name, spread, [*facts.before, facts.entry], THIS_RUN)
    return found


def over_time(name: str, spread: Distribution, slices: Sequence[Entry], run: str = "") -> list[Figure]:
    """An output over the slices: its median and the middle of its rows; or the share of one of its values."""
    known = [entry for entry in slices if sum(spread.counts.get(entry.run_id, ()))]
    if len(known) < 2:  # noqa: PLR2004 - a line needs two points
        return []
    line = timeline(known, run)
    if isinstance(spread, Histogram):
        quantiles = [[spread.quantile(entry.run_id, share) or 0.0 for share in (0.5, *_MIDDLE)] for entry in known]
        band = [(low, high) for _, low, high in quantiles]
        chart = charts.over_slices(f"{name} over the slices", line, [middle for middle, _, _ in quantiles], band=band)
        return [Figure(f"{name} by slice: median and middle 80%", chart)]
    place = spread.values.index("true") if "true" in spread.values else 0
    shares = [_shares(spread.counts[entry.run_id])[place] for entry in known]
    heading = f"{name} by slice: share of {spread.values[place]}"
    return [Figure(heading, charts.over_slices(heading, line, shares, told=percent))]


def quarantined(slices: Sequence[Entry], run: str = "") -> list[Figure]:
    """The share of refused rows over the slices."""
    return _line("Share quarantined by slice", slices, run, _quarantined_share, percent)


def rows(slices: Sequence[Entry], run: str = "") -> list[Figure]:
    """The scored rows over the slices."""
    return _line("Rows scored by slice", slices, run, lambda entry: entry.rows_scored)


def durations(slices: Sequence[Entry], run: str = "") -> list[Figure]:
    """The seconds of each run."""
    return _line("Seconds by slice", slices, run, _seconds)


def timeline(slices: Sequence[Entry], run: str = "") -> charts.Timeline:
    """What charts over these slices have in common."""
    dates = [entry.score_date for entry in slices]
    return charts.Timeline(dates, [entry.model_version for entry in slices], usual_step(dates), run)


def _line(
    heading: str,
    slices: Sequence[Entry],
    run: str,
    value_of: Callable[[Entry], float | None],
    told: charts.Told | None = None,
) -> list[Figure]:
    if len(slices) < 2:  # noqa: PLR2004 - a line needs two points
        return []
    values = [value_of(entry) for entry in slices]
    return [Figure(heading, charts.over_slices(heading, timeline(slices, run), values, told=told))]


def _quarantined_share(entry: Entry) -> float | None:
    return (entry.rows_quarantined or 0) / entry.rows_input if entry.rows_input else None


def _seconds(entry: Entry) -> float | None:
    return sum((entry.value("timings") or {}).values()) or None


def _verdict(entry: Entry) -> list[dict[str, Any]]:
    return entry.value("verdict") or []


def _medians(names: Sequence[str], past: Sequence[Mapping[str, float]]) -> list[float] | None:
    """What is usual by name; a slice that does not tell counts as nothing."""
    return [median(found.get(name, 0) for found in past) for name in names] if past else None


def _spread(name: str, spread: Distribution, facts: RunFacts) -> Figure:
    now = _shares(spread.counts[facts.entry.run_id])
    past = [_shares(spread.counts[entry.run_id]) for entry in facts.before if entry.run_id in spread.counts]
    usual = [median(several) for several in zip(*past, strict=True)] if past else None
    if isinstance(spread, Histogram):
        chart = charts.distribution(f"distribution of {name}", spread.edges, now, usual, THIS_RUN)
    else:
        chart = charts.bars(f"values of {name}", spread.values, now, usual, percent)
    return Figure(f"{name}: share of rows", chart, _drift(spread, facts, now, past))


def _drift(spread: Distribution, facts: RunFacts, now: Sequence[float], past: Sequence[Sequence[float]]) -> str:
    """How far the output is from the slices before, in words."""
    told = []
    if isinstance(spread, Histogram):
        mean = spread.means.get(facts.entry.run_id)
        means = [spread.means[entry.run_id] for entry in facts.before if entry.run_id in spread.means]
        among = f"; in the slices before {number(min(means))} to {number(max(means))}" if means else ""
        told.append(f"Mean {number(mean)}{among}." if mean is not None else "No value.")
    if past:
        width = _COARSE if isinstance(spread, Histogram) else 1
        pooled = _coarse([sum(several) / len(past) for several in zip(*past, strict=True)], width)
        usual = median(stability_index(_coarse(shares, width), pooled) for shares in past)
        index = stability_index(_coarse(now, width), pooled)
        told.append(
            f"Stability index {index:.2f} against the slices before (below 0.1 alike, above 0.25 not)"
            + (f"; usually {usual:.2f}." if len(past) > 1 else ".")
        )
    return " ".join(told)


def _coarse(shares: Sequence[float], width: int) -> list[float]:
    return [sum(shares[place : place + width]) for place in range(0, len(shares), width)]


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]
