"""A slice is held against the slices published before it: which of them count, how far from their median it may be."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.config import HistoryGate
from pipelines.runs.history import entries_before, judge_history, published_slices
from pipelines.tables.ledger import Entry, Ledger, State
from pipelines.tables.slices import Slice
from pipelines.validation.gates import Aggregate
from pipelines.validation.history_measures import measure_of, numbers_of
from pipelines.validation.verdict import CheckResult
from unit.samples import pipeline

DAY = dt.date(2013, 7, 31)  # a Wednesday
SLICE = Slice(DAY, "churn")


def days_before(count: int) -> dt.date:
    return DAY - dt.timedelta(days=count)


def entry(before: int, rows: int | None = 100, state: State = "published", **said: Any) -> Entry:
    """What the ledger says of a run, so many days before."""
    values = {"run_id": f"{before}", "pipeline": "churn", "model_name": "churn", **said}
    return Entry(score_date=days_before(before), state=state, rows_input=rows, **values)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(str(tmp_path / "runs"))
    made.create()
    return made


def judged(ledger: Ledger, observed: float, **gate: Any) -> CheckResult:
    """The result of the one gate `usual`."""
    configured = pipeline(history={"usual": {"of": "rows", "within": 0.5, **gate}})
    (result,) = judge_history(entries_before(ledger, configured, SLICE), configured, SLICE, {"usual": observed})
    assert (result.check_id, result.kind) == ("history:usual", "gate")
    return result


def baseline(ledger: Ledger, **gate: Any) -> str:
    """What a gate says that it compares with."""
    return judged(ledger, 100, **gate).expected


# Which runs count.


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["published"], [0]),
        (["published", "published"], [1]),
        (["published", "retracted"], []),
        (["published", "retracted", "published"], [2]),
        (["retracted"], []),
        (["rejected"], []),
        (["published", "rejected"], [0]),
        (["published", "started", "failed"], [0]),
        (["published", "superseded", "conflict"], [0]),
        (["rejected", "published"], [1]),
        (["published", "retracted", "rejected"], []),
        ([], []),
    ],
    ids=lambda value: ",".join(map(str, value)),
)
def test_of_a_slice_the_newest_published_run_counts_unless_it_was_taken_back(
    states: list[State], expected: list[int]
) -> None:
    entries = [entry(1, rows=number, state=state) for number, state in enumerate(states)]
    observed = published_slices(entries)
    assert [item.rows_input for item in observed.values()] == expected
    assert list(observed) == [days_before(1)] * len(expected)


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["started", "published", "retracted", "rejected"]))))
def test_slices_are_told_apart_and_come_newest_first(written: list[tuple[int, State]]) -> None:
    entries = [entry(before, rows=number, state=state) for number, (before, state) in enumerate(written)]
    expected = {}
    for before in range(1, 5):
        told = [
            number
            for number, (day, state) in enumerate(written)
            if day == before and state in ("published", "retracted")
        ]
        if told and written[told[-1]][1] == "published":
            expected[days_before(before)] = told[-1]
    observed = {day: item.rows_input for day, item in published_slices(entries).items()}
    assert list(observed.items()) == list(expected.items())


def test_only_earlier_slices_of_the_same_pipeline_and_model_count(ledger: Ledger) -> None:
    ledger.append(
        entry(1, 10), entry(2, 20), entry(3, 30),
        entry(0, 1000), entry(-1, 1000),
        entry(4, 1000, pipeline="other"), entry(5, 1000, model_name="other"),
    )  # fmt: skip
    assert baseline(ledger) == "rows: >= 10 and <= 30, by the median 20 of the last 3 published slices"


def test_a_retracted_slice_no_longer_counts_and_a_rejected_run_never_did(ledger: Ledger) -> None:
    ledger.append(*[entry(before, 100) for before in (1, 2, 3)], entry(4, 10))
    assert "median 100 of the last 4" in baseline(ledger)
    ledger.append(entry(4, None, "retracted", run_id="r"), entry(1, 7, "rejected", run_id="again"))
    assert "median 100 of the last 3" in baseline(ledger)


def test_the_last_word_on_a_slice_counts(ledger: Ledger) -> None:
    ledger.append(entry(1, 10), entry(2, 10), entry(3, 10), entry(1, 90, run_id="again"), entry(2, 90, run_id="too"))
    assert "median 90 of the last 3" in baseline(ledger)


def test_no_more_than_so_many_slices_make_the_median(ledger: Ledger) -> None:
    ledger.append(*[entry(before, before) for before in range(1, 10)])
    assert "median 4 of the last 7" in baseline(ledger)
    assert "median 2 of the last 3" in baseline(ledger, slices=3)
    assert "median 2.5 of the last 4" in baseline(ledger, slices=4)
    assert "median 5 of the last 9" in baseline(ledger, slices=30)


def test_days_without_a_slice_are_passed_over(ledger: Ledger) -> None:
    ledger.append(entry(3, 10), entry(40, 20), entry(400, 30))
    assert "median 20 of the last 3" in baseline(ledger, slices=3)


def test_slices_of_the_same_weekday_count_alone_where_that_is_said(ledger: Ledger) -> None:
    ledger.append(*[entry(before, 1000 if before % 7 else before) for before in range(1, 29)])
    expected = "rows: >= 8.75 and <= 26.25, by the median 17.5 of the last 4 published slices of the same weekday"
    assert baseline(ledger, same_weekday=True) == expected
    assert "median 14 of the last 3" in baseline(ledger, same_weekday=True, slices=3)


@pytest.mark.parametrize(
    ("published", "at_least", "expected"), [(0, 3, True), (2, 3, True), (3, 3, False), (1, 1, False)]
)
def test_with_too_few_slices_before_it_the_gate_passes(
    ledger: Ledger, published: int, at_least: int, expected: bool
) -> None:
    ledger.append(entry(90, state="rejected"), *[entry(before, 100) for before in range(1, published + 1)])
    result = judged(ledger, 1, at_least=at_least)
    assert result.success is expected
    assert result.observed == 1
    if expected:
        assert result.severity == "info"
        assert result.expected == f"rows: judged once {at_least} slices were published before; now {published}"


def test_a_pipeline_without_gates_does_not_even_need_a_ledger(tmp_path: Path) -> None:
    entries = entries_before(Ledger(str(tmp_path / "nowhere")), pipeline(), SLICE)
    assert judge_history(entries, pipeline(), SLICE, {}) == []


def test_the_slice_itself_and_later_ones_say_nothing_whoever_gives_them() -> None:
    configured = pipeline(history={"usual": {"of": "rows", "within": 0.5}})
    earlier, others = [entry(day) for day in (1, 2, 3)], [entry(day, rows=9_000) for day in (0, -1, -2)]
    alone, among = (
        judge_history(entries, configured, SLICE, {"usual": 1000}) for entries in (earlier, [*earlier, *others])
    )
    assert alone == among
    assert not alone[0].success


# How far from the median.


@pytest.mark.parametrize(
    ("rows", "within", "expected"),
    [
        (50, 0.5, True),
        (49, 0.5, False),
        (150, 0.5, True),
        (151, 0.5, False),
        (100, 0.001, True),
        (0, 1, True),
        (200, 1, True),
        (201, 1, False),
        (0, 5, True),
        (600, 5, True),
        (601, 5, False),
    ],
)
def test_rows_are_within_a_share_of_the_median(ledger: Ledger, rows: int, within: float, expected: bool) -> None:
    ledger.append(entry(1, 1), entry(2, 100), entry(3, 100_000))
    result = judged(ledger, rows, within=within)
    assert (result.success, result.observed) == (expected, rows)


@pytest.mark.parametrize(("action", "severity", "rejects"), [("reject", "critical", True), ("warn", "warning", False)])
def test_a_failed_gate_leads_to_its_action(ledger: Ledger, action: str, severity: str, rejects: bool) -> None:
    ledger.append(*[entry(before) for before in (1, 2, 3)])
    result = judged(ledger, 1, action=action)
    assert (result.success, result.action, result.severity, result.rejects) == (False, action, severity, rejects)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=9), st.integers(0, 3000), st.floats(0.01, 3))
def test_a_gate_is_the_distance_from_the_median(past: list[int], rows: int, within: float) -> None:
    class Remembered(Ledger):
        def before(self, pipeline: str, model_name: str, day: dt.date) -> list[Entry]:
            return [entry(number + 1, count) for number, count in enumerate(past)]

    result = judged(Remembered(""), rows, within=within, slices=9, at_least=1)
    with_rows = [count for count in past if count]
    middle = median(with_rows or [rows])
    assert result.success is (middle - within * middle <= rows <= middle + within * middle)


# Shares of nulls.


def verdict(*results: dict[str, Any]) -> str:
    return json.dumps(list(results))


def told_by(expectation: dict[str, Any], observed: float | None, **changes: Any) -> dict[str, Any]:
    result = CheckResult("given", "rule", "critical", True, observed, expectation=expectation).as_json()
    return {**result, **changes}


def not_null(**kwargs: Any) -> dict[str, Any]:
    return {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "age", **kwargs}}


def told_by_gate(name: str, observed: float | None, of: str = "share of nulls in age") -> dict[str, Any]:
    return CheckResult(f"history:{name}", "gate", "info", True, observed, expected=f"{of}: <= 0.3").as_json()


OF_NULLS = {"of": "null_share", "column": "age", "within": 0.05, "at_least": 1, "slices": 3}
PASS = ", by the median"


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([told_by(not_null(), 0.9)], 0.1),
        ([told_by(not_null(mostly=0.5), 0.7)], 0.3),
        ([told_by_gate("usual", 0.2)], 0.2),
        ([told_by_gate("unusual", 0.9), told_by_gate("usual", 0.2)], 0.2),
        ([told_by(not_null(column="spend"), 0.9), told_by_gate("usual", 0.2)], 0.2),
        ([told_by(not_null(row_condition="spend > 1"), 0.9), told_by_gate("usual", 0.2)], 0.2),
        ([told_by({**not_null(), "type": "expect_column_values_to_be_null"}, 0.9)], None),
        ([told_by(not_null(mostly=0.5), 0.9, kind="gate")], None),
        ([told_by(not_null(), None)], None),
        ([told_by({}, 0.9)], None),
        ([told_by_gate("usual", 0.2, of="share of nulls in spend")], None),
        ([told_by_gate("usual", 40, of="rows")], None),
        ([], None),
    ],
)
def test_a_past_share_of_nulls_is_told_by_the_gate_or_by_an_expectation_on_all_rows(
    ledger: Ledger, results: list[dict[str, Any]], expected: float | None
) -> None:
    ledger.append(entry(1, verdict=verdict(*results)))
    result = judged(ledger, 0.5, **OF_NULLS)
    if expected is None:
        assert result.expected == "share of nulls in age: judged once 1 slices were published before; now 0"
    else:
        assert f"{PASS} {expected:.6g} of the last 1 published slices" in result.expected


def test_a_slice_that_tells_no_share_is_passed_over(ledger: Ledger) -> None:
    shares = {1: 0.3, 3: 0.2, 4: 0.1, 5: 0.9}
    ledger.append(
        entry(2, verdict=None),
        entry(6, verdict=verdict()),
        *[entry(before, verdict=verdict(told_by_gate("usual", share))) for before, share in shares.items()],
    )
    assert f"{PASS} 0.2 of the last 3" in judged(ledger, 0.5, **OF_NULLS).expected


@pytest.mark.parametrize(
    ("non_null", "expected"), [(0.9, True), (0.86, True), (0.94, True), (0.84, False), (0.96, False), (0.0, False)]
)
def test_a_share_of_nulls_is_within_points_of_the_median(ledger: Ledger, non_null: float, expected: bool) -> None:
    ledger.append(*[entry(before, verdict=verdict(told_by(not_null(), 0.9))) for before in (1, 2, 3)])
    result = judged(ledger, non_null, **OF_NULLS)
    assert result.success is expected
    assert result.observed == pytest.approx(1 - non_null)


def test_slices_without_a_row_are_passed_over(ledger: Ledger) -> None:
    for before, rows in ((5, 100), (4, 100), (3, 0), (2, 0), (1, 0)):
        ledger.append(entry(before, rows))
    gate = HistoryGate(of="rows", within=0.1, slices=2, at_least=2)
    configured = pipeline(history={"usual": gate})
    (result,) = judge_history(entries_before(ledger, configured, SLICE), configured, SLICE, {"usual": 100})
    assert (result.success, "by the median 100 of the last 2" in result.expected) == (True, True)


def test_a_share_of_no_rows_is_not_judged() -> None:
    gates = {
        "rows": HistoryGate(of="rows", within=0.1),
        "nulls": HistoryGate(of="null_share", column="age", within=0.1),
    }
    configured = pipeline(history=gates)
    numbers = numbers_of(configured, {"history_rows": 0, "history_nulls": 0.0}, 0)
    assert numbers == {"rows": 0, "nulls": None}
    past = [entry(before) for before in range(9, 0, -1)]
    results = {result.check_id: result for result in judge_history(past, configured, SLICE, numbers)}
    assert (results["history:rows"].success, results["history:nulls"].success) == (False, True)
    assert results["history:nulls"].observed is None


def test_a_share_is_never_expected_below_nothing(ledger: Ledger) -> None:
    ledger.append(entry(1, verdict=verdict(told_by_gate("usual", 0.01))))
    assert judged(ledger, 1.0, **OF_NULLS).success
    assert judged(ledger, 1.0, **OF_NULLS).expected.startswith("share of nulls in age: >= 0 and <= 0.06, ")


def test_each_gate_is_judged_by_itself(ledger: Ledger) -> None:
    ledger.append(*[entry(day, verdict=verdict(told_by(not_null(), 0.9))) for day in (1, 2, 3)])
    configured = pipeline(history={"rows": {"of": "rows", "within": 0.5}, "nulls": OF_NULLS})
    results = judge_history(entries_before(ledger, configured, SLICE), configured, SLICE, {"rows": 1000, "nulls": 0.9})
    assert [(result.check_id, result.success) for result in results] == [
        ("history:rows", False),
        ("history:nulls", True),
    ]


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (HistoryGate(of="rows", within=0.5), Aggregate("rows")),
        (HistoryGate(of="null_share", column="age", within=0.5), Aggregate("share_of_non_null", "age")),
    ],
)
def test_what_the_pass_observes_for_a_gate(gate: HistoryGate, expected: Aggregate) -> None:
    assert measure_of(gate) == expected
    assert not measure_of(gate).on_stage
