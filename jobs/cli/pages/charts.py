"""Charts as SVG that takes its colors from the page, so that it is right in light and in dark."""

from __future__ import annotations

import datetime as dt
import io
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, FuncFormatter, MaxNLocator, ScalarFormatter

from jobs.cli.pages.numbers import percent, short

_COLORS = {
    "#010101": "var(--ink)",
    "#020202": "var(--accent)",
    "#030303": "var(--muted)",
    "#040404": "var(--line)",
    "#050505": "var(--card)",
    "#060606": "var(--soft)",
}
INK, ACCENT, MUTED, LINE, CARD, SOFT = _COLORS
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10.5,
    "legend.fontsize": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "text.parse_math": False,  # a name or value may hold dollar signs
}
_WIDTH = 5.2
_MOST_LABELS = 6
_LARGE = 1000
_LONGEST_NAME = 28
_MARKERS = ("o", "s", "^", "D", "v")
_FARTHEST = 1e300
"""Numbers are drawn within it: of larger ones a difference may be no number."""
_BEFORE = "usual: median of the slices before"

Spelled = Callable[[float], str]


@dataclass(frozen=True)
class Timeline:
    """What the charts over slices have in common.

    Args:
        dates: the slices', oldest first.
        versions: of the model, a slice each.
        without: the dates between them of which there would be a slice too.
        run: what to call the last one, where the page is about it.
    """

    dates: Sequence[dt.date]
    versions: Sequence[int | None]
    without: Sequence[dt.date] = ()
    run: str = ""

    def places(self) -> list[int]:
        """Where each slice stands: days since the first."""
        return [(date - self.dates[0]).days for date in self.dates]

    def missing(self) -> list[int]:
        """Where a slice would stand that is not there."""
        return [(date - self.dates[0]).days for date in self.without]


def bars(
    title: str, names: Sequence[str], now: Sequence[float], before: Sequence[float] | None, spelled: Spelled
) -> Markup:
    """One bar a name, the first on top, each with its value, and a stroke where it usually ends."""
    with rc_context(_style(title)):
        figure, axes = _figure(0.25 + 0.3 * len(names) + (0.25 if before is not None else 0))
        places = range(len(names))
        axes.barh(places, now, color=ACCENT, height=0.62)
        for place, value in enumerate(now):
            axes.text(1.01, place, spelled(value), transform=axes.get_yaxis_transform(), ha="left", va="center")
        if before is not None:
            axes.vlines(before, [n - 0.42 for n in places], [n + 0.42 for n in places], color=INK, linewidth=2.2)
            handle = axes.plot([], [], color=INK, linewidth=0, marker="|", markersize=10, markeredgewidth=2.2)
            figure.legend(handle, [_BEFORE], loc="outside upper right")
        axes.set_yticks(places, [_fitting(name) for name in names])
        axes.invert_yaxis()
        axes.set_xticks([])
        axes.spines[["bottom"]].set_visible(False)
        axes.tick_params(length=0)
        axes.margins(x=0.02)
        axes.set_xlim(left=0)
        return _svg(figure, title)


def distribution(
    title: str,
    edges: Sequence[float],
    now: Sequence[float],
    before: Sequence[float] | None,
    label: str,
    ends: Sequence[float] = (),
) -> Markup:
    """A histogram of shares, over the usual one of the slices before; a line at each end beyond which bins are open."""
    with rc_context(_style(title)):
        figure, axes = _figure(2.5)
        axes.stairs(now, edges, fill=True, color=ACCENT, alpha=0.8, label=label)
        if before is not None:
            axes.stairs(before, edges, color=INK, linewidth=1.6, label=_BEFORE)
        for end in ends:
            axes.axvline(end, color=MUTED, linewidth=1.2, linestyle=(0, (1, 2)))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(_ticks(percent))
        is_whole = all((2 * edge) % 2 == 1 for edge in edges)  # bins of whole numbers end halfway between two
        axes.xaxis.set_major_locator(MaxNLocator(_MOST_LABELS, integer=is_whole, min_n_ticks=1 if is_whole else 2))
        axes.xaxis.set_major_formatter(_plain(edges))
        figure.legend(loc="outside upper right", ncols=2, columnspacing=1.2, handlelength=1.2)
        return _svg(figure, title)


def over_slices(
    title: str,
    timeline: Timeline,
    values: Sequence[float | None],
    *,
    spelled: Spelled | None = None,
    band: Sequence[tuple[float, float] | None] | None = None,
) -> Markup:
    """A number of each slice; what is not known and days without a slice leave gaps.

    Args:
        title: the chart's name.
        timeline: of the slices.
        values: one a slice.
        spelled: how the axis shows a value; by default as short as it can.
        band: bounds around each value, for a chart that need not begin at zero.
    """
    with rc_context(_style(title)):
        figure, axes = _figure(2.1)
        values = [_drawable(value) for value in values]
        places, numbers = _with_gaps(timeline, values)
        if band is not None:
            bounds = [pair or (math.nan, math.nan) for pair in band]
            low, high = (_with_gaps(timeline, [_drawable(pair[side]) for pair in bounds])[1] for side in (0, 1))
            axes.fill_between(places, low, high, color=SOFT, linewidth=0)
        axes.plot(places, numbers, color=ACCENT, linewidth=1.5)
        _mark_versions(axes, timeline, values)
        _mark_days(axes, timeline, values)
        axes.margins(y=0.12)
        if band is None:  # from zero, with room for the largest
            known = [value for value in values if value is not None] or [1.0]
            axes.set_ylim(min(0.0, *known) * 1.1, max(0.0, *known) * 1.1 or 1.0)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(_ticks(spelled) if spelled else _plain(axes.get_ylim()))
        axes.grid(axis="y", color=LINE, linewidth=0.7)
        axes.set_axisbelow(True)
        if axes.get_legend_handles_labels()[1]:
            figure.legend(loc="outside upper right", ncols=4, columnspacing=1.0, handletextpad=0.3, handlelength=1.2)
        return _svg(figure, title)


def _drawable(value: float | None) -> float | None:
    return None if value is None else min(max(value, -_FARTHEST), _FARTHEST)


def _with_gaps(timeline: Timeline, values: Sequence[float | None]) -> tuple[list[int], list[float]]:
    """Places and values, with a value that is none wherever a slice is missing: it breaks a line there."""
    known = [math.nan if value is None else value for value in values]
    pairs = [*zip(timeline.places(), known, strict=True), *((place, math.nan) for place in timeline.missing())]
    pairs.sort(key=lambda pair: pair[0])
    return [place for place, _ in pairs], [value for _, value in pairs]


def _mark_versions(axes: Any, timeline: Timeline, values: Sequence[float | None]) -> None:
    """A sign on each slice that tells the model's version; named where there are several."""
    versions = sorted({version or 0 for version in timeline.versions})
    for number, version in enumerate(versions):
        pairs = zip(timeline.places(), values, timeline.versions, strict=True)
        points = [(place, value) for place, value, of in pairs if (of or 0) == version and value is not None]
        axes.plot(
            *zip(*points, strict=True) if points else ([], []),
            linewidth=0,
            marker=_MARKERS[number % len(_MARKERS)],
            markersize=4.5,
            color=ACCENT,
            markerfacecolor=ACCENT if number % 2 == 0 else CARD,
            label=f"version {version or 'unknown'}" if len(versions) > 1 else None,
        )


def _mark_days(axes: Any, timeline: Timeline, values: Sequence[float | None]) -> None:
    """The dates below, days without a slice among them, and a ring around the run that the page is about."""
    places, missing = timeline.places(), timeline.missing()
    if missing:
        bottom = axes.get_xaxis_transform()
        axes.plot(missing, [0] * len(missing), "x", color=INK, transform=bottom, clip_on=False, label="no slice")
    if timeline.run and values[-1] is not None:
        ring: dict[str, Any] = {"marker": "o", "markersize": 10, "fillstyle": "none", "markeredgewidth": 1.6}
        axes.plot(places[-1:], values[-1:], color=INK, label=timeline.run, linewidth=0, clip_on=False, **ring)
    apart = math.gcd(*(places[-1] - place for place in places)) or 1  # 7 of weekly ones: each label is a slice's
    step = -(-(places[-1] + 1) // (_MOST_LABELS * apart)) * apart
    shown = range(places[-1], -1, -step)
    days = [timeline.dates[0] + dt.timedelta(days=place) for place in shown]
    form = "%m-%d" if days[0].year == days[-1].year else "%y-%m-%d"
    axes.set_xticks(list(shown), [day.strftime(form) for day in days])
    axes.set_xlim(-0.7, places[-1] + 0.7)


def _fitting(name: str) -> str:
    """A name that leaves room for its bar: of a long one, how it begins and ends."""
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}…{name[-half:]}"


def _ticks(spelled: Spelled) -> FuncFormatter:
    return FuncFormatter(lambda value, _: spelled(value))


def _plain(values: Sequence[float]) -> Formatter:
    """Numbers with as many digits as tell the ticks apart; large ones shortened."""
    is_large = max(abs(value) for value in values) >= _LARGE
    return _ticks(short) if is_large else ScalarFormatter(useOffset=False, useMathText=False)


def _style(title: str) -> Any:
    """The charts' style; the ids within each chart are its own."""
    return {**_STYLE, "svg.hashsalt": title}


def _figure(height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    figure.patch.set_visible(False)
    axes = figure.subplots()
    axes.patch.set_visible(False)
    return figure, axes


def _svg(figure: Figure, title: str) -> Markup:
    """The figure's SVG, for a page: named for readers that see no picture, and without a size of its own."""
    file = io.StringIO()
    with warnings.catch_warnings():
        # Of letters that its own font lacks it guesses the width; the page's fonts draw them.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
        warnings.filterwarnings("ignore", r"Matplotlib currently does not support \w+ natively", UserWarning)
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = file.getvalue()
    text = text[text.index("<svg") :]
    head, _, body = text.partition(">")
    box = head[head.index("viewBox") :].split('"')[1]
    for color, variable in _COLORS.items():
        body = body.replace(color, variable)
    named = Markup('<svg viewBox="{}" role="img" aria-label="{}">').format(box, title)
    return named + Markup(body)  # noqa: S704 - matplotlib escapes every text of its own
