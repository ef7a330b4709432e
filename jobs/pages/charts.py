"""Charts as SVG that takes its colors from the page, so that it is right in light and in dark."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_COLORS = {
    "#010101": "var(--ink)",
    "#020202": "var(--accent)",
    "#030303": "var(--muted)",
    "#040404": "var(--bad)",
    "#050505": "var(--line)",
}
INK, ACCENT, MUTED, BAD, LINE = _COLORS
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}
_WIDTH = 6.4
_MOST_LABELS = 8


def bars(title: str, names: Sequence[str], values: Sequence[float], unit: str = "") -> Markup:
    """One bar a name, the first on top, each with its value."""
    with rc_context(_style(title)):
        figure, axes = _figure(0.5 + 0.28 * len(names))
        places = range(len(names))
        drawn = axes.barh(places, values, color=ACCENT, height=0.7)
        axes.bar_label(drawn, labels=[f"{value:,.4g}{unit}" for value in values], padding=3)
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.set_xticks([])
        axes.spines[["bottom", "left"]].set_visible(False)
        axes.tick_params(length=0)
        axes.margins(x=0.15)
        return _svg(figure, title)


def distribution(title: str, edges: Sequence[float], now: Sequence[float], before: Sequence[float] | None) -> Markup:
    """A histogram of shares, over the usual one of the slices before."""
    with rc_context(_style(title)):
        figure, axes = _figure(2.2)
        axes.stairs(now, edges, fill=True, color=ACCENT, alpha=0.75, label="this slice")
        if before is not None:
            axes.stairs(before, edges, color=INK, linewidth=1.4, label="median of the slices before")
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.legend(loc="best")
        return _svg(figure, title)


def shares(title: str, names: Sequence[str], now: Sequence[float], before: Sequence[float] | None) -> Markup:
    """The share of each value, beside the usual one of the slices before."""
    with rc_context(_style(title)):
        figure, axes = _figure(0.7 + 0.4 * len(names))
        places = list(range(len(names)))
        axes.barh(places, now, color=ACCENT, height=0.4, label="this slice")
        if before is not None:
            axes.barh([place + 0.38 for place in places], before, color=MUTED, height=0.3, label="median before")
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter("{x:.0%}")
        axes.legend(loc="best")
        return _svg(figure, title)


def over_slices(
    title: str, dates: Sequence[str], values: Sequence[float | None], *, percent: bool = False, mark_last: bool = False
) -> Markup:
    """A number of each slice, oldest first; what is not known leaves a gap."""
    with rc_context(_style(title)):
        figure, axes = _figure(1.7)
        numbers = [float("nan") if value is None else value for value in values]
        places = list(range(len(dates)))
        axes.plot(places, numbers, color=ACCENT, marker="o", markersize=3.5, linewidth=1.4)
        if mark_last and places:
            axes.plot(places[-1:], numbers[-1:], color=BAD, marker="o", markersize=7, fillstyle="none")
        step = -(-len(dates) // _MOST_LABELS) or 1
        axes.set_xticks(places[::step], [date[5:] for date in dates[::step]])
        axes.yaxis.set_major_locator(MaxNLocator(4))
        if percent:
            axes.yaxis.set_major_formatter("{x:.1%}")
        axes.set_ylim(bottom=min(0.0, *[number for number in numbers if number == number] or [0.0]))  # noqa: PLR0124
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        return _svg(figure, title)


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
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    head, _, body = text.partition(">")
    box = head[head.index("viewBox") :].split('"')[1]
    for color, variable in _COLORS.items():
        body = body.replace(color, variable)
    named = Markup('<svg viewBox="{}" role="img" aria-label="{}">').format(box, title)
    return named + Markup(body)  # noqa: S704 - matplotlib escapes every text of its own
