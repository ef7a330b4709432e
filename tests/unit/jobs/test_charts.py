"""Charts are drawn whatever the numbers and names are; a warning of the library would be an error here."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

import pytest

from jobs.cli.pages.charts import Timeline, bars, distribution, over_slices
from jobs.cli.pages.numbers import number, percent

DAY = dt.date(2024, 3, 1)


def texts(svg: str) -> list[str]:
    return [text.strip() for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def line(
    places: Sequence[int], versions: Sequence[int | None] | None = None, without: Sequence[int] = (), run: str = ""
) -> Timeline:
    dates, missing = ([DAY + dt.timedelta(days=place) for place in several] for several in (places, without))
    return Timeline(dates, versions or [1] * len(dates), missing, run)


@pytest.mark.parametrize("many", [1, 2, 12])
@pytest.mark.parametrize("has_past", [True, False])
def test_bars_have_each_name_and_value(many: int, has_past: bool) -> None:
    values = [float(1000 * place) for place in range(many)]
    svg = bars("rows", [f"rule {place}" for place in range(many)], values, values if has_past else None, number)
    told = texts(svg)
    assert {f"rule {place}" for place in range(many)} <= set(told)
    assert {number(value) for value in values} <= set(told)
    assert ("usual: median of the slices before" in told) == has_past


def test_a_long_name_is_cut_in_its_middle_and_leaves_room() -> None:
    told = texts(bars("rows", ["begin" + "x" * 100 + "end", "<b>"], [1.0, 0.0], [0.0, 0.0], number))
    (cut,) = [text for text in told if "…" in text]
    assert (cut[:5], cut[-3:], len(cut)) == ("begin", "end", 29)
    assert "&lt;b&gt;" in told


def test_a_distribution_is_drawn_of_one_value_of_nothing_and_of_large_numbers() -> None:
    for edges in ([0.0, 1.0], [1e9, 1.5e9, 2e9], [-1e-9, 0.0, 1e-9]):
        shares = [0.0] * (len(edges) - 1)
        assert "this run" in texts(distribution("spread", edges, shares, None, "this run"))
        assert "<svg" in distribution("spread", edges, [1.0, *shares[1:]], shares, "this run")


def test_days_without_a_slice_break_the_line_and_are_marked() -> None:
    timeline = line([0, 1, 4, 5], without=[2, 3])
    assert timeline.missing() == [2, 3]
    assert "no slice" in texts(over_slices("rows", timeline, [1, 2, 3, 4]))
    assert "no slice" not in texts(over_slices("rows", line([0, 1, 2]), [1, 2, 3]))


def test_versions_are_named_where_there_are_several() -> None:
    assert {"version 1", "version 12", "version unknown"} <= set(
        texts(over_slices("rows", line([0, 1, 2], [1, 12, None]), [1, 2, 3]))
    )
    assert not [text for text in texts(over_slices("rows", line([0, 1]), [1, 2])) if text.startswith("version")]


@pytest.mark.parametrize("values", [[None, None], [0, 0], [-5.0, 3.0], [1e12, None], [1e-12, 1.0]])
@pytest.mark.parametrize("has_band", [True, False])
def test_lines_are_drawn_of_whatever_is_known(values: list[float | None], has_band: bool) -> None:
    band = [None if value is None else (value - 1, value + 1) for value in values] if has_band else None
    assert "<svg" in over_slices("rows", line([0, 1], run="this run"), values, band=band, spelled=percent)
    assert "<svg" in over_slices("rows", line([0, 1], run="this run"), values, band=band)


def test_labels_of_a_weekly_pipeline_are_dates_of_slices() -> None:
    dates = {(DAY + dt.timedelta(days=7 * week)).strftime("%m-%d") for week in range(10)}
    told = [text for text in texts(over_slices("rows", line(range(0, 70, 7)), [1.0] * 10)) if "-" in text]
    assert 3 <= len(told) <= 6
    assert set(told) <= dates


def test_over_years_labels_are_few_and_tell_the_year() -> None:
    told = texts(over_slices("rows", line(range(0, 800, 7)), [1.0] * 115))
    dates = [text for text in told if re.fullmatch(r"\d\d-\d\d-\d\d", text)]
    assert 2 <= len(dates) <= 6


def test_charts_hold_no_color_of_their_own() -> None:
    svg = over_slices("rows", line([0, 1], [1, 2], run="this run"), [1, 2], band=[(0, 2), (1, 3)])
    assert not re.findall(r"#[0-9a-f]{6}\b", svg)


@pytest.mark.parametrize("name", [r"$\foo$", "a$^$", "$5 to $10", "日本", "עברית", "_private", "100%", "a\nb"])
def test_names_and_values_stand_as_they_are_whatever_characters_they_hold(name: str) -> None:
    svg = bars(name, [name, "plain"], [1.0, 2.0], None, lambda value: f"{name} {value:g}")
    told = "".join(texts(svg))
    assert name.replace("\n", "") in told.replace("\n", "")
    assert "<svg" in over_slices(name, line([0, 1], run="this run"), [1, 2], spelled=lambda value: name)
    assert "<svg" in distribution(name, [0.0, 1.0], [1.0], None, "this run")


@pytest.mark.parametrize("many", [1.0, 1.5e308])
def test_the_largest_numbers_are_drawn(many: float) -> None:
    assert "<svg" in over_slices("x", line([0, 1]), [-many, many], band=[(-many, many), (0, many)])
    edges = [-1e300, 0.0, 1e300]
    assert "<svg" in distribution("x", edges, [0.5, 0.5], [1.0, 0.0], "this run", (edges[0], edges[-1]))
