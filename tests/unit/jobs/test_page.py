"""What the pages claim of a pipeline and of a run, of facts made up for it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from jobs.cli.pages.page import pipeline_page, run_page
from pipelines.reports.distributions import Histogram, Spread, ValueCounts
from pipelines.reports.facts import PipelineFacts, RunFacts
from pipelines.tables.ledger import Entry, State
from unit.samples import pipeline

DAY = dt.date(2024, 3, 1)


def run(number: int, state: State = "published", **more: Any) -> Entry:
    day = DAY + dt.timedelta(days=number)
    counts = {"rows_input": 10, "rows_scored": 10, "rows_quarantined": 0, "model_version": 1}
    return Entry(f"run-{number:03}", "churn", day, "churn", state, **{**counts, **more})


def around(
    *places: int, age: int = 1, outputs: Any = None, lacking: Sequence[str] = (), **changes: Any
) -> PipelineFacts:
    slices = tuple(run(place) for place in places)
    today = slices[-1].score_date + dt.timedelta(days=age)
    return PipelineFacts(
        pipeline(**changes), slices, slices, outputs or {}, tuple(lacking), {"predictions": "p"}, today
    )


def verdict_of(page: str) -> str:
    box = page[page.index('id="verdict"') : page.index('<div class="cards">')]
    return " ".join(re.sub(r"<[^>]*>", " ", box.partition(">")[2]).split())


def of_run(outputs: Any, **more: Any) -> str:
    facts = around(0, 1, 2, outputs=outputs, **more)
    entry = facts.slices[-1]
    return run_page(RunFacts(entry, None, (), {}, facts, entry, "published"))


def captions(page: str) -> str:
    return " ".join(re.findall("<figcaption>(.*?)</figcaption>", page)).replace("&gt;", ">").replace("&lt;", "<")


def test_where_nothing_is_unusual_the_page_claims_no_more_than_that_no_run_needs_a_look() -> None:
    page = pipeline_page(around(*range(10)))
    assert verdict_of(page).startswith("✓ No run needs a look Newest slice 2024-03-10")
    assert "<b>0</b><span>slices missing" in page


def test_slices_that_are_missing_are_a_warning_and_named() -> None:
    page = pipeline_page(around(0, 1, 2, 5, 6))
    assert verdict_of(page).startswith(
        "! Slices are missing or late 2 slices are missing: the first 2024-03-04, the last 2024-03-05."
    )
    assert "<b>2</b><span>slices missing" in page
    assert "2024-03-04 to 2024-03-05</td>" in page
    assert "2 slices missing, and no run" in page
    one = pipeline_page(around(0, 1, 2, 4))
    assert "1 slice is missing: that of 2024-03-04." in verdict_of(one)
    assert "<b>1</b><span>slice missing" in one


def test_a_weekly_pipeline_lacks_as_many_slices_as_its_charts_mark() -> None:
    page = pipeline_page(around(0, 7, 14, 28, 35))
    assert "<b>1</b><span>slice missing" in page
    assert "1 slice is missing: that of 2024-03-22." in verdict_of(page)
    assert page.count(">no slice</text>") == page.count("by slice</h3>") > 0
    assert "<b>0</b><span>slices missing" in pipeline_page(around(0, 7, 14, 21))


@pytest.mark.parametrize(("age", "lag", "is_old"), [(3, 1, False), (4, 1, True), (4, 2, False), (400, 1, True)])
def test_a_newest_slice_older_than_twice_the_usual_step_is_a_warning(age: int, lag: int, is_old: bool) -> None:
    told = verdict_of(pipeline_page(around(*range(10), age=age, airflow={"lag_days": lag})))
    assert told.startswith("!" if is_old else "✓")
    assert (f"The newest slice is {age} days old; usually there is one every day." in told) == is_old


@pytest.mark.parametrize(("age", "is_old"), [(7, False), (900, True)])
def test_a_slice_alone_is_old_after_a_week(age: int, is_old: bool) -> None:
    told = verdict_of(pipeline_page(around(0, age=age)))
    assert told.startswith("! Slices are missing or late The only slice is 900 days old." if is_old else "✓")


def test_a_rejected_slice_names_the_rule_that_refused_its_rows() -> None:
    cause = "channel_is_given: refused 90 of 100 rows, 90.0%; limit:quarantined_share: 0.9"
    facts = around(0, 1, 2)
    told = verdict_of(pipeline_page(replace(facts, attempts=(*facts.attempts, run(3, "rejected", error=cause)))))
    assert "channel_is_given: refused 90 of 100 rows, 90.0%" in told


def test_a_slice_that_a_later_run_did_not_replace_needs_a_look_beside_what_is_missing() -> None:
    facts = around(0, 1, 2, 4)
    told = verdict_of(pipeline_page(replace(facts, attempts=(*facts.attempts, run(5, "failed", error="no room")))))
    assert told.startswith("✗ 1 slice needs a look")
    assert "2 slices are missing" in told


def test_an_output_that_the_table_lacks_is_told_with_the_command_that_adds_it() -> None:
    for page in (of_run({}, lacking=["kept"]), pipeline_page(around(0, 1, lacking=["kept"]))):
        assert (
            "output &#39;kept&#39;: the table of predictions lacks it; lakescore tables evolve churn adds it." in page
        )


def test_shares_are_of_all_rows_and_what_is_no_value_is_said() -> None:
    runs = ["run-000", "run-001", "run-002"]
    found = ValueCounts(
        ("a", "b"), dict.fromkeys(runs, (4, 3)), dict.fromkeys(runs, 2), dict(zip(runs, (0, 0, 1), strict=True))
    )
    page = of_run({"kind": found})
    for told in ("(other values)", "(no value)", "40%", "30%", "20%", "10%"):
        assert f">{told}</text>" in page, told
    assert "1 row has no value (10%)." in captions(page)
    without = replace(found, others=dict.fromkeys(runs, 0), nulls=dict.fromkeys(runs, 0))
    assert "(other values)" not in of_run({"kind": without})


def numbers(parts: Sequence[tuple[int, ...]], **more: Any) -> Histogram:
    runs = ["run-000", "run-001", "run-002"]
    spread = Spread(0.5, 0.0, 1e5, 0.1, 0.5, 0.9)
    of_runs = dict(zip(runs, parts, strict=True))
    beyond = {run: (0, 1) if run == "run-002" else (0, 0) for run in runs}
    found = Histogram((0.0, 0.5, 1.0), dict.fromkeys(runs, (5, 4)), beyond, of_runs, dict.fromkeys(runs, spread))
    return replace(found, **more)


def test_values_beyond_the_ends_and_rows_without_one_are_told() -> None:
    told = captions(of_run({"score": numbers([(5, 5, 0), (5, 5, 0), (5, 4, 2)])}))
    assert "Beyond the dotted lines: 1 row above 1, up to 100,000." in told
    assert "2 rows have no finite value (18.18%)." in told


def test_what_is_usual_weighs_each_row_and_not_each_slice_the_same() -> None:
    told = captions(of_run({"score": numbers([(990, 10, 0), (1, 9, 0), (990, 10, 0)])}))
    assert "Stability index 0.01 " in told, "ten rows of a small slice change little"


def test_a_run_without_any_finite_value_has_words_in_place_of_a_chart() -> None:
    runs = ["run-000", "run-001", "run-002"]
    empty: dict[str, tuple[int, ...]] = dict.fromkeys(runs, ())
    found = Histogram((), empty, dict.fromkeys(runs, (0, 0)), dict.fromkeys(runs, (0, 7)), {})
    assert "7 rows have no finite value (100%)." in captions(of_run({"score": found}))


def test_a_check_that_a_person_waived_stands_beside_its_slice() -> None:
    accepted = json.dumps({"checks": ["limit:rows"], "reason": "a storm"})
    facts = around(0, 1)
    last = replace(facts.slices[-1], accepted=accepted)
    assert "accepted limit:rows: a storm" in pipeline_page(replace(facts, slices=(facts.slices[0], last)))
