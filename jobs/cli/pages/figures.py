"""What of a run or a pipeline is drawn: facts in, charts with their headings out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from markupsafe import Markup

from jobs.cli.pages import charts
from jobs.cli.pages.numbers import number, percent, seconds, several
from pipelines.reports.calendar import Calendar, missing_dates
from pipelines.reports.distributions import Histogram, ValueCounts, stability_index
from pipelines.reports.facts import Distribution, RunFacts
from pipelines.runs.progress import by_step
from pipelines.tables.ledger import Entry
from pipelines.validation.verdict import CheckResult, Verdict

MOST_BARS = 12
THIS_RUN = "this run"
_OTHERS, _NONE = "(other values)", "(no value)"


@dataclass(frozen=True)
class Figure:
    """A chart with its heading, and what is said below it."""

    heading: str
    chart: Markup
    caption: str = ""


@dataclass(frozen=True)
class Line:
    """What charts over the slices are drawn of.

    Args:
        slices: the run of each slice, oldest first.
        calendar: tells which days have a slice; None where their rhythm does.
        run: what the last one is called, where it is a run that is looked at.
    """

    slices: Sequence[Entry]
    calendar: Calendar | None
    run: str = ""


def reasons(refusing: Sequence[CheckResult], before: Sequence[Entry]) -> list[Figure]:
    """The rows that each rule refused or counted, beside what is usual."""
    shown = list(refusing)[:MOST_BARS]
    if not shown:
        return []
    past = [
        {check.check_id: check.unexpected_count or 0 for check in Verdict.from_json(entry.verdict).results}
        for entry in before
    ]
    usual = _medians([check.check_id for check in shown], past)
    names, rows = [check.check_id for check in shown], [check.unexpected_count or 0 for check in shown]
    return [Figure("Rows by rule", charts.bars("rows by rule", names, rows, usual, number))]


def timings(entry: Entry, before: Sequence[Entry]) -> list[Figure]:
    """The seconds of each step, beside what is usual."""
    took = by_step(entry.seconds())
    if not took:
        return []
    past = [found for earlier in before if (found := by_step(earlier.seconds()))]
    chart = charts.bars("seconds by step", list(took), list(took.values()), _medians(list(took), past), seconds)
    return [Figure("Time by step", chart, f"{seconds(sum(took.values()))} in all")]


def predictions(facts: RunFacts) -> list[Figure]:
    """How each output is spread in a run, and over the slices before it."""
    if facts.rows_from == "nowhere":
        return []
    found = []
    for name, spread in facts.around.outputs.items():
        if any(spread.parts.get(facts.entry.run_id, ())):
            found.append(_spread(name, spread, facts))
        found += over_time(name, spread, Line([*facts.before, facts.entry], facts.around.calendar, THIS_RUN))
    return found


def over_time(name: str, spread: Distribution, line: Line) -> list[Figure]:
    """An output over the slices: its median and the middle of its rows; or the share of one of its values."""
    known = [entry for entry in line.slices if sum(spread.parts.get(entry.run_id, ()))]
    if isinstance(spread, Histogram):
        known = [entry for entry in known if entry.run_id in spread.spreads]
    if len(known) < 2:  # noqa: PLR2004 - a line needs two points
        return []
    timeline = _timeline(replace(line, slices=known, run=line.run if known[-1] is line.slices[-1] else ""))
    if isinstance(spread, Histogram):
        spreads = [spread.spreads[entry.run_id] for entry in known]
        heading, band = f"{name} over the slices", [(found.low, found.high) for found in spreads]
        chart = charts.over_slices(heading, timeline, [found.middle for found in spreads], band=band)
        return [Figure(f"{name} by slice: median and middle 80%", chart)]
    if not spread.values:
        return []
    place = spread.values.index("true") if "true" in spread.values else 0
    shares = [_shares(spread.parts[entry.run_id])[place] for entry in known]
    heading = f"{name} by slice: share of {spread.values[place]}"
    return [Figure(heading, charts.over_slices(heading, timeline, shares, spelled=percent))]


def quarantined(line: Line) -> list[Figure]:
    """The share of refused rows over the slices."""
    return _line("Share quarantined by slice", line, _quarantined_share, percent)


def rows(line: Line) -> list[Figure]:
    """The scored rows over the slices."""
    return _line("Rows scored by slice", line, lambda entry: entry.rows_scored)


def durations(line: Line) -> list[Figure]:
    """The seconds of each run."""
    return _line("Seconds by slice", line, _seconds)


def _timeline(line: Line) -> charts.Timeline:
    """What charts over these slices have in common."""
    dates, versions = ([getattr(entry, name) for entry in line.slices] for name in ("score_date", "model_version"))
    return charts.Timeline(dates, versions, missing_dates(dates, line.calendar), line.run)


def _line(
    heading: str,
    line: Line,
    value_of: Callable[[Entry], float | None],
    spelled: charts.Spelled | None = None,
) -> list[Figure]:
    values = [value_of(entry) for entry in line.slices]
    if sum(value is not None for value in values) < 2 or not any(values):  # noqa: PLR2004 - a line needs two points
        return []  # nor is one drawn that is zero throughout
    return [Figure(heading, charts.over_slices(heading, _timeline(line), values, spelled=spelled))]


def _quarantined_share(entry: Entry) -> float | None:
    return (entry.rows_quarantined or 0) / entry.rows_input if entry.rows_input else None


def _seconds(entry: Entry) -> float | None:
    return sum(by_step(entry.seconds()).values()) or None


def _medians(names: Sequence[str], past: Sequence[Mapping[str, float]]) -> list[float] | None:
    """What is usual by name; a slice that does not tell counts as nothing."""
    return [median(found.get(name, 0) for found in past) for name in names] if past else None


def _spread(name: str, spread: Distribution, facts: RunFacts) -> Figure:
    run, before = (
        facts.entry.run_id,
        [entry.run_id for entry in facts.before if any(spread.parts.get(entry.run_id, ()))],
    )
    if isinstance(spread, Histogram):
        chart, notes = _bins(name, spread, run, before), [*_mean(spread, run, before), *_beyond(spread, run)]
    else:
        chart, notes = _bars(name, spread, run, before), []
    notes += [*_without(spread, run), *_drift(spread, run, before)]
    return Figure(f"{name}: share of rows", chart, " ".join(notes))


def _bins(name: str, spread: Histogram, run: str, before: Sequence[str]) -> Markup:
    """The histogram, with open bins at its ends where values lie beyond them."""
    if not spread.edges:
        return Markup()
    first, *_, last = edges = list(spread.edges)
    is_open = any(any(spread.beyond[of]) for of in (run, *before))

    def shares(of: str) -> list[float]:
        under, over = spread.beyond[of]
        counts = (under, *spread.counts[of], over) if is_open else spread.counts[of]
        return _shares(counts, sum(spread.parts[of]))

    width = (last - first) / (len(edges) - 1)
    ends = (first, last) if is_open else ()
    drawn = [first - width, *edges, last + width] if is_open else edges
    usual = _usual([shares(of) for of in before])
    return charts.distribution(f"distribution of {name}", drawn, shares(run), usual, THIS_RUN, ends)


def _bars(name: str, spread: ValueCounts, run: str, before: Sequence[str]) -> Markup:
    """A bar a value, and one each for the rows with others or none, where there are such."""
    places = list(range(len(spread.values)))
    for place, rows in enumerate((spread.others, spread.nulls), len(places)):
        if any(rows[of] for of in (run, *before)):
            places.append(place)
    names = [[*spread.values, _OTHERS, _NONE][place] for place in places]

    def shares(of: str) -> list[float]:
        found = _shares(spread.parts[of])
        return [found[place] for place in places]

    usual = _usual([shares(of) for of in before])
    return charts.bars(f"values of {name}", names, shares(run), usual, percent)


def _beyond(spread: Histogram, run: str) -> list[str]:
    """What of a run lies in the open bins."""
    below, above = spread.beyond[run]
    notes = []
    if below:
        notes.append(
            f"{several(below, 'row')} below {number(spread.edges[0])}, down to {number(spread.spreads[run].least)}"
        )
    if above:
        notes.append(
            f"{several(above, 'row')} above {number(spread.edges[-1])}, up to {number(spread.spreads[run].greatest)}"
        )
    return [f"Beyond the dotted lines: {'; '.join(notes)}."] if notes else []


def _mean(spread: Histogram, run: str, before: Sequence[str]) -> list[str]:
    if run not in spread.spreads:
        return []
    means = [spread.spreads[of].mean for of in before if of in spread.spreads]
    among = f"; in the slices before {number(min(means))} to {number(max(means))}" if means else ""
    return [f"Mean {number(spread.spreads[run].mean)}{among}."]


def _without(spread: Distribution, run: str) -> list[str]:
    """How many of a run's rows cannot be drawn."""
    rows, of = spread.without(run), sum(spread.parts[run])
    kind = "finite value" if isinstance(spread, Histogram) else "value"
    return [f"{several(rows, 'row has', 'rows have')} no {kind} ({percent(rows / of)})."] if rows else []


def _drift(spread: Distribution, run: str, before: Sequence[str]) -> list[str]:
    """How far the output is from the slices before, in words; each of their rows weighs the same."""
    past = [spread.parts[of] for of in before if sum(spread.parts[of])]
    if not past or not sum(spread.parts[run]):
        return []
    pooled = _shares([sum(rows) for rows in zip(*past, strict=True)])
    index = stability_index(_shares(spread.parts[run]), pooled)
    usual = median(stability_index(_shares(parts), pooled) for parts in past)
    return [
        f"Stability index {index:.2f} against the slices before (below 0.1 alike, above 0.25 not)"
        + (f"; usually {usual:.2f}." if len(past) > 1 else ".")
    ]


def _usual(past: Sequence[Sequence[float]]) -> list[float] | None:
    return [median(shares) for shares in zip(*past, strict=True)] if past else None


def _shares(counts: Sequence[int], whole: int | None = None) -> list[float]:
    """Of all of them, or of a larger whole."""
    total = (sum(counts) if whole is None else whole) or 1
    return [count / total for count in counts]
