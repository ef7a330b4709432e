"""The pages of a run and of a pipeline: what they say, that they need nothing else, and how a browser takes them."""

from __future__ import annotations

import datetime as dt
import html
import re
import shlex
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from support.documented_commands import taken
from support.pages_in_a_browser import looked_at, may_be_skipped
from support.small_project import (
    DAY,
    DAYS,
    PIPELINE,
    REFUSED,
    ROWS,
    SUITE,
    SmallProject,
    copy_of,
    expectation,
    orders_of,
)

from jobs.cli.pages.page import pipeline_page, run_page
from pipelines.errors import RejectedError, TableError, UsageError
from pipelines.provenance.explaining import why
from pipelines.reports.facts import pipeline_facts, run_facts
from pipelines.upkeep.retracting import retract
from pipelines.validation.verdict import Acceptance

pytestmark = pytest.mark.spark
LARGEST = 300_000
CONTRAST = 4.5
NEEDS_CHROMIUM = pytest.mark.skipif(may_be_skipped(), reason="there is no Chromium on this machine")


def no_session() -> SparkSession:
    raise AssertionError("a report needs no Spark")


def page_of_run(small: SmallProject, run_id: str) -> str:
    return run_page(run_facts(no_session, small.project, run_id))


def page_of_pipeline(small: SmallProject) -> str:
    return pipeline_page(pipeline_facts(no_session, small.project, "orders"))


def verdict_of(page: str) -> str:
    """The text of the box on top, without its tags."""
    box = page[page.index('id="verdict"') : page.index('<div class="cards">')]
    return " ".join(re.sub(r"<[^>]*>", " ", box.partition(">")[2]).split())


def commands_of(page: str) -> list[str]:
    (block,) = re.findall(r'<pre id="commands">(.*?)</pre>', page, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]*>", "", line)) for line in block.splitlines() if line]


def elements(page: str) -> set[str]:
    return set(re.findall(r' id="([a-z-]+)"', re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)))


def test_the_page_of_a_run_tells_verdict_counts_reasons_and_versions(spark: SparkSession, scored: SmallProject) -> None:
    (entry,) = scored.ledger.latest()
    page = page_of_run(scored, entry.run_id)
    assert verdict_of(page).startswith("✓ Published Run ")
    assert f"<b>{ROWS}</b><span>rows of input" in page
    assert f"<b>= {ROWS - len(REFUSED)}</b> <i>90%</i><span>scored" in page
    assert f"<b>+ {len(REFUSED)}</b> <i>10%</i><span>quarantined" in page
    for rule in REFUSED.values():
        assert rule in page
    assert {"verdict", "reasons", "manifest", "commands"} <= elements(page)
    assert str(entry.run_key) in page
    assert "amount is -5.0" in page
    assert page.count("<svg") == 4  # reasons, two outputs, timings


def test_no_personal_value_stands_on_a_page(spark: SparkSession, scored: SmallProject) -> None:
    (entry,) = scored.ledger.latest()
    assert "email_is_one" in page_of_run(scored, entry.run_id)
    for page in (page_of_run(scored, entry.run_id), page_of_pipeline(scored)):
        assert "secret-nobody" not in page


def test_a_rejected_run_says_by_what_and_how_to_go_on(spark: SparkSession, small: SmallProject) -> None:
    small.configure(limits={"quarantined_share": 0.0})
    with pytest.raises(RejectedError) as told:
        small.score(spark)
    page = page_of_run(small, told.value.run_id)
    assert verdict_of(page).startswith(
        "✗ Rejected: not published gate found expected "
        "limit:quarantined_share 0.1 at most 0 of the input quarantined Nothing is published of this date."
    )
    assert any("--accept limit:quarantined_share --reason" in line for line in commands_of(page))
    assert "Of its staged rows: they are not published." in page
    assert page.count("<svg") == 4  # reasons, two outputs from the stage, timings
    whole = page_of_pipeline(small)
    assert "✗ 1 slice needs a look" in verdict_of(whole)
    assert "limit:quarantined_share" in verdict_of(whole)


def test_a_run_that_was_rejected_after_another_was_published_may_still_be_accepted(
    spark: SparkSession, small: SmallProject
) -> None:
    standing = small.score(spark).run_id
    small.configure(limits={"quarantined_share": 0.0})
    with pytest.raises(RejectedError) as told:
        small.score(spark, force=True)
    page = page_of_run(small, told.value.run_id)
    assert f"The slice is run {standing} by version 1, published before, and it stays." in verdict_of(page)
    starts = [" ".join(line.split()[:3]) for line in commands_of(page)]
    assert {f"lakescore report {standing}", "lakescore score orders"} <= set(starts)
    assert "published; since then rejected" in page_of_pipeline(small)


def test_the_stage_of_a_rejected_run_is_counted_as_the_published_rows_are(
    spark: SparkSession, small: SmallProject
) -> None:
    small.configure(limits={"quarantined_share": 0.0})
    with pytest.raises(RejectedError) as told:
        small.score(spark)
    staged = run_facts(no_session, small.project, told.value.run_id).around.outputs
    small.configure(limits=PIPELINE["limits"])
    run_id = small.score(spark, force=True).run_id
    published = run_facts(no_session, small.project, run_id).around.outputs
    assert set(published) == {"prediction", "probability"}
    for name, spread in published.items():
        assert spread.counts[run_id] == staged[name].counts[told.value.run_id]
        assert sum(spread.counts[run_id]) == ROWS - len(REFUSED)


def test_a_rejected_run_that_can_never_be_accepted_is_not_told_to_be(spark: SparkSession, small: SmallProject) -> None:
    small.mend({number: {"amount": -1.0} for number in range(ROWS)}, DAYS[1])
    small.configure(limits=None)
    with pytest.raises(RejectedError) as told:
        small.score(spark, DAYS[1])
    page = page_of_run(small, told.value.run_id)
    assert "audit:some_rows_scored" in verdict_of(page)
    assert not any("--accept" in line for line in commands_of(page))


def test_an_accepted_run_tells_what_was_waived_and_why(spark: SparkSession, small: SmallProject) -> None:
    small.configure(limits={"quarantined_share": 0.0})
    accepted = Acceptance(("limit:quarantined_share",), "a storm")
    page = page_of_run(small, small.score(spark, accepted=accepted).run_id)
    assert "A person accepted what would have rejected it, because: a storm" in verdict_of(page)
    assert {"accepted", "checks-over-time"} <= elements(page)
    assert "rejecting" not in elements(page)
    assert "accepted limit:quarantined_share: a storm" in page_of_pipeline(small)


def test_a_failed_run_tells_its_error_and_what_to_do(spark: SparkSession, small: SmallProject) -> None:
    small.configure(outputs={**PIPELINE["outputs"], "kept": {"result": "probability", "of": 0, "type": "double"}})
    with pytest.raises(TableError):
        small.score(spark)
    page = page_of_run(small, small.ledger.latest()[-1].run_id)
    told = verdict_of(page)
    assert told.startswith("✗ Failed: not published the table at ")
    assert "to do: add what is missing: lakescore tables evolve orders" in told
    assert "<b>not counted</b>" in page
    assert "Not shown: the run came to no complete stage." in page
    assert any(line.startswith("lakescore score orders --date 2024-03-01") for line in commands_of(page))


def test_an_output_that_was_added_since_is_no_obstacle(spark: SparkSession, small: SmallProject) -> None:
    run_id = small.score(spark).run_id
    small.configure(outputs={**PIPELINE["outputs"], "kept": {"result": "probability", "of": 0, "type": "double"}})
    for page in (page_of_run(small, run_id), page_of_pipeline(small)):
        assert "lacks it; lakescore tables evolve orders adds it." in page
    assert "probability: share of rows" in page_of_run(small, run_id)
    answer = why(lambda: spark, small.project, "orders", [str(DAY), "12"])
    assert set(answer.outputs) == {"prediction", "probability"}
    assert "lakescore tables evolve orders" in answer.notes[0]


def test_a_run_that_was_replaced_or_taken_back_does_not_pass_for_the_slice(
    spark: SparkSession, small: SmallProject
) -> None:
    small.score(spark)
    (first,) = small.ledger.latest()
    second = small.score(spark, force=True).run_id
    page = page_of_run(small, first.run_id)
    assert verdict_of(page).startswith("! Published, and replaced or taken back since")
    assert f"The slice is run {second} by version 1, published since." in verdict_of(page)
    assert any(line.startswith(f"lakescore report {second}") for line in commands_of(page))
    assert "Not shown: other rows stand in the slice now" in page
    retract(spark, small.project, "orders", DAY, "to see")
    assert verdict_of(page_of_run(small, second)).startswith(
        "! Taken back Because: to see Nothing is published of this date."
    )
    assert "No slice yet" in page_of_pipeline(small)


@pytest.mark.soak
def test_a_day_without_a_slice_and_another_model_version_are_seen(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    small.land(orders_of(DAYS[1] + dt.timedelta(days=3)))
    small.score(spark, DAYS[1])
    last = small.score(spark, DAYS[1] + dt.timedelta(days=3), model_version=2).run_id
    whole = page_of_pipeline(small)
    assert "2024-03-03 to 2024-03-04</td>" in whole
    assert "2 slices missing, and no run" in whole
    assert (
        "! Slices are missing or late 2 slices are missing: the first 2024-03-03, the last 2024-03-04."
        in verdict_of(whole)
    )
    for page in (whole, page_of_run(small, last)):
        for named in ("no slice", "version 1", "version 2"):
            assert f">{named}</text>" in page, named


def test_slices_are_told_beside_those_before(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    small.land(orders_of(DAYS[1], rows=10, first=50))
    runs = [small.score(spark, day).run_id for day in DAYS[1:]]
    page = page_of_run(small, runs[-1])
    assert "usual: median of the slices before" in page
    assert "against the slices before (below 0.1" in page
    assert {"checks-over-time"} <= elements(page)
    whole = page_of_pipeline(small)
    assert "! Slices are missing or late The newest slice is " in verdict_of(whole)  # of 2024
    assert whole.count('<tr><td class="date">2024-03-0') == 3
    assert "03-03" not in page_of_run(small, runs[0])  # of later slices a run knows nothing


def test_the_commands_to_go_on_are_commands(spark: SparkSession, scored: SmallProject, small: SmallProject) -> None:
    run_ids = [scored.ledger.latest()[0].run_id, small.score(spark).run_id]
    small.score(spark, force=True)
    small.configure(limits={"quarantined_share": 0.0})
    with pytest.raises(RejectedError) as told:
        small.score(spark, DAYS[1])
    retract(spark, small.project, "orders", DAY, "to see")
    pages = [page_of_run(scored, run_ids[0]), page_of_pipeline(scored), page_of_pipeline(small)]
    pages += [page_of_run(small, run) for run in (run_ids[1], told.value.run_id, small.ledger.latest()[-1].run_id)]
    for page in pages:
        lines = commands_of(page)
        assert len(lines) >= 3
        for line in lines:
            taken(shlex.split(line, comments=True))


def test_texts_of_people_and_tables_are_escaped(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    small.configure(description="<script>alert(1)</script>")
    assert "<script>" not in page_of_pipeline(small)
    assert "&lt;script&gt;" in page_of_pipeline(small)


def test_pages_are_small_and_need_nothing_from_elsewhere(spark: SparkSession, scored: SmallProject) -> None:
    (entry,) = scored.ledger.latest()
    for page in (page_of_run(scored, entry.run_id), page_of_pipeline(scored)):
        assert len(page.encode()) < LARGEST
        assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page)
        assert "@import" not in page


def test_an_unknown_run_is_told(scored: SmallProject) -> None:
    with pytest.raises(UsageError, match="no run 'nothing'"):
        page_of_run(scored, "nothing")


@NEEDS_CHROMIUM
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_the_pages_whole_readable_and_without_a_complaint(
    several_slices: dict[str, str], tmp_path: Path, dark: bool
) -> None:
    found, told = looked_at(several_slices, (390, 1200), tmp_path, dark=dark)
    assert "CONSOLE" not in told, told
    assert len(found) == 2 * len(several_slices)
    for (name, width), seen in found.items():
        assert seen["width"] <= seen["screen"] <= width, (name, "is wider than its screen")
        assert seen["outside"] == [], (name, width)
        assert seen["faint"] == [], (name, width, f"text with a contrast below {CONTRAST}")
        assert 800 < seen["height"] < 9000, (name, width)
        assert seen["figures"] >= 4, (name, width)
        assert {"verdict", "checks-over-time", "commands"} <= set(seen["ids"])
        assert seen["background"] == ("rgb(18, 23, 28)" if dark else "rgb(246, 246, 243)")


@pytest.mark.parametrize(
    ("browser", "told", "skipped"),
    [
        (None, {}, True),
        (None, {"CI": "true"}, False),
        (None, {"CI": "true", "LAKESCORE_NO_BROWSER": "1"}, True),
        ("/usr/bin/chromium", {}, False),
        ("/usr/bin/chromium", {"CI": "true"}, False),
    ],
)
def test_in_ci_a_browser_that_is_missing_is_no_reason_to_skip(
    browser: str | None, told: dict[str, str], skipped: bool
) -> None:
    assert may_be_skipped(browser, told) == skipped


@NEEDS_CHROMIUM
def test_the_browser_would_find_what_is_poor(tmp_path: Path) -> None:
    page = (
        '<!doctype html><body style="background: white"><figure style="width: 9em"><h3>wide</h3><svg width="300">'
        '</svg></figure><p style="color: #bbb">faint</p><p style="width: 500px">far</p><script>nothing()</script>'
    )
    found, told = looked_at({"poor": page}, (390,), tmp_path, dark=False)
    seen = found["poor", 390]
    assert seen["width"] > seen["screen"]
    assert [text.partition(":")[0] for text in seen["outside"]] == ["wide"]
    assert [text.partition(": ")[2] for text in seen["faint"]] == ["faint"]
    assert "CONSOLE" in told


@pytest.fixture(scope="module")
def several_slices(spark: SparkSession, base: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Pages of a run, of a rejected one and of their pipeline, with long ids and a day without a slice."""
    small = copy_of(base, tmp_path_factory.mktemp("p"))
    small.suite(*SUITE, expectation("column_values_to_be_between", "x" * 60, column="quantity", max_value=2))
    small.configure(limits={"quarantined_share": 0.9})
    small.score(spark)
    published = small.score(spark, DAYS[2], model_version=2).run_id
    small.configure(limits={"quarantined_share": 0.0})
    with pytest.raises(RejectedError) as told:
        small.score(spark, DAYS[1])
    return {
        "published": page_of_run(small, published),
        "rejected": page_of_run(small, told.value.run_id),
        "pipeline": page_of_pipeline(small),
    }
