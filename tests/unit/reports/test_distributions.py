"""How outputs are spread: one value far from all others, no value, and more values than are counted at once."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from pipelines.reports import distributions
from pipelines.reports.distributions import Rows, ValueCounts, histogram, stability_index, value_counts
from pipelines.reports.staged_values import StagedRows

DAY = dt.date(2024, 3, 1)
LARGEST = 1.5e308
Land = Callable[..., Rows]


@pytest.fixture
def land(tmp_path: Path) -> Land:
    """Put values of runs, a day each, into a table; the last run is held against those before it."""

    def landed(values: Mapping[str, Sequence[Any]], kind: pa.DataType, staged: Sequence[Any] | None = None) -> Rows:
        for number, (run, several) in enumerate(values.items()):
            days = pa.array([DAY + dt.timedelta(days=number)] * len(several))
            names = {"model_name": ["m"] * len(several), "run_id": [run] * len(several)}
            table = pa.table({"score_date": days, **names, "value": pa.array(several, kind)})
            write_deltalake(str(tmp_path / "table"), table, mode="append", partition_by=["score_date", "model_name"])
        stage = None
        if staged is not None:
            (tmp_path / "stage").mkdir()
            table = pa.table({"value": pa.array(staged, kind), "reasons": pa.nulls(len(staged))})
            pq.write_table(table, tmp_path / "stage" / "part.parquet")
            stage = StagedRows("staged", str(tmp_path / "stage"))
        last, runs = DAY + dt.timedelta(days=len(values)), tuple(values)
        return Rows(str(tmp_path / "table"), "m", DAY, last, runs, runs if staged is not None else runs[:-1], stage)

    return landed


def uniform(rows: int, seed: int = 1) -> list[float]:
    return np.random.default_rng(seed).uniform(0, 1, rows).tolist()


def index(rows: Rows, run: str) -> float:
    parts = histogram(rows, "value").parts
    pooled = np.sum([parts[usual] for usual in rows.usual], axis=0)
    now, before = np.array(parts[run]) / sum(parts[run]), pooled / pooled.sum()
    return stability_index(now.tolist(), before.tolist())


@pytest.mark.parametrize("where", ["before", "now"])
def test_one_value_far_from_all_others_hides_nothing(land: Land, where: str) -> None:
    before, now = uniform(900), [value / 4 for value in uniform(900, 2)]
    (before if where == "before" else now)[0] = 1e5
    rows = land({"a": before, "b": now}, pa.float64())
    assert index(rows, "b") > 0.25
    found = histogram(rows, "value")
    assert 0.8 < found.edges[-1] <= (1 if where == "now" else 1e5)
    assert max(found.counts["b"]) < 450, "the values do not stand in one bin"
    assert found.spreads["a" if where == "before" else "b"].greatest == 1e5


def test_one_value_far_from_all_others_is_no_drift_and_is_counted_beyond(land: Land) -> None:
    rows = land({"a": uniform(900), "b": [*uniform(899, 2), 1e5]}, pa.float64())
    found = histogram(rows, "value")
    assert index(rows, "b") < 0.1
    assert found.beyond["b"][1] >= 1
    assert sum(found.counts["b"]) + sum(found.beyond["b"]) == sum(found.parts["b"]) == 900


def test_of_few_different_numbers_each_is_told_apart(land: Land) -> None:
    rows = land({"a": [0] * 700 + [1] * 300, "b": [0] * 300 + [1] * 700, "c": [0] * 700 + [2] * 300}, pa.int32())
    parts = histogram(rows, "value").parts
    shares = {run: [part / 1000 for part in found] for run, found in parts.items()}
    assert stability_index(shares["b"], shares["a"]) == pytest.approx(2 * 0.4 * math.log(7 / 3))
    assert stability_index(shares["c"], shares["a"]) > 1


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64()])
def test_whole_numbers_have_bins_of_so_many_of_them_each(land: Land, kind: pa.DataType) -> None:
    few = histogram(land({"a": [0] * 3 + [1] * 5, "b": [2]}, kind), "value")
    assert few.edges == (-0.5, 0.5, 1.5, 2.5)
    assert (few.counts["a"], few.counts["b"]) == ((3, 5, 0), (0, 0, 1))


def test_many_whole_numbers_share_bins_evenly(land: Land) -> None:
    found = histogram(land({"a": range(100), "b": range(100)}, pa.int64()), "value")
    assert set(found.counts["a"]) == {3, 1}
    assert found.edges[:2] == (-0.5, 2.5)
    assert sum(found.counts["a"]) == 100


def test_of_one_number_more_is_told_from_less(land: Land) -> None:
    rows = land({"a": [5.0] * 10, "less": [4.0] * 10, "more": [6.0] * 10, "same": [5.0] * 10}, pa.float64())
    found = histogram(Rows(rows.location, "m", rows.first, rows.last, rows.runs, ("a",)), "value")
    assert len({found.parts[run] for run in ("a", "less", "more")}) == 3
    assert found.parts["same"] == found.parts["a"]


def test_the_largest_numbers_have_a_place(land: Land) -> None:
    found = histogram(land({"a": [-LARGEST, 0.0, LARGEST, LARGEST]}, pa.float64()), "value")
    assert np.isfinite(found.edges).all()
    assert (found.beyond["a"], sum(found.counts["a"])) == ((1, 2), 1)
    spread = found.spreads["a"]
    expected: tuple[Any, ...] = (pytest.approx(LARGEST / 4), -LARGEST, LARGEST)
    assert (spread.mean, spread.least, spread.greatest) == expected


def test_rows_without_a_finite_value_are_rows_too(land: Land) -> None:
    nothing = [None, math.nan, math.inf, -math.inf]
    found = histogram(land({"a": uniform(4), "b": [*nothing, 0.5], "c": nothing}, pa.float64()), "value")
    assert [found.without(run) for run in "abc"] == [0, 4, 4]
    assert [sum(found.parts[run]) for run in "abc"] == [4, 5, 4]
    assert set(found.spreads) == {"a", "b"}


def test_where_no_row_has_a_finite_value_there_are_no_bins(land: Land) -> None:
    found = histogram(land({"a": [None, math.nan]}, pa.float64()), "value")
    assert (found.edges, found.counts["a"], found.without("a"), found.spreads) == ((), (), 2, {})


def test_quantiles_of_many_rows_weigh_each_row_the_same(land: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributions, "MOST_SAMPLED", 1000)
    rows = land({"many": uniform(50_000), "few": [value + 10 for value in uniform(500)]}, pa.float64())
    found = histogram(Rows(rows.location, "m", rows.first, rows.last, rows.runs), "value")
    assert found.spreads["many"].middle == pytest.approx(0.5, abs=0.06)
    tenths = np.array(found.parts["many"][:-1]) / 50_000
    assert tenths == pytest.approx(np.full(10, 0.1), abs=0.05)


def test_of_texts_what_is_not_among_the_commonest_and_what_is_none_is_counted(land: Land) -> None:
    several = [f"v{number:02}" for number in range(12)]
    rows = land({"a": several * 3, "b": [*several, "rare", "seldom", None, "None"]}, pa.string())
    found = value_counts(rows, "value")
    assert sorted(found.values) == several
    assert (found.others, found.nulls) == ({"a": 0, "b": 3}, {"a": 0, "b": 1})
    assert {run: sum(parts) for run, parts in found.parts.items()} == {"a": 36, "b": 16}


def test_a_stage_is_counted_as_a_table_is(land: Land) -> None:
    values = ["x", "x", None, "y"]
    found = value_counts(land({"a": values}, pa.string(), staged=values), "value")
    assert found == ValueCounts(("x", "y"), {"a": (2, 1), "staged": (2, 1)}, *({"a": n, "staged": n} for n in (0, 1)))


def test_a_stage_of_numbers_is_counted_as_a_table_is(land: Land) -> None:
    values = [*uniform(500), None, math.nan]
    found = histogram(land({"a": values}, pa.float64(), staged=values), "value")
    assert (found.counts["a"], found.parts["a"]) == (found.counts["staged"], found.parts["staged"])
    assert found.spreads["a"] == found.spreads["staged"]


def test_truth_is_told_in_words(land: Land) -> None:
    found = value_counts(land({"a": [True, False, True]}, pa.bool_()), "value")
    assert (found.values, found.counts) == (("true", "false"), {"a": (2, 1)})


def test_no_more_values_are_counted_at_once_than_may_be_and_a_common_one_is_not_lost(
    land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributions, "MOST_COUNTED", 100)
    largest, update = [0], Counter.update

    def watched(counts: Any, found: Any) -> None:
        update(counts, found)
        largest[0] = max(largest[0], len(counts))

    monkeypatch.setattr(Counter, "update", watched)
    ids = [f"id-{number}" if number % 20 else "common" for number in range(200_000)]
    found = value_counts(land({"a": ids}, pa.string(), staged=ids), "value")
    assert found.values[0] == "common"
    assert found.counts["a"][0] == found.counts["staged"][0] == 10_000
    assert largest[0] <= 100 + 65_536, "a batch, and what was kept of those before"
