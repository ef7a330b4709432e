"""The pages of a run and of a pipeline: what they say, that they need nothing else, and how a browser takes them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
from documented_commands import taken
from pyspark.sql import SparkSession
from small_project import DAY, DAYS, REFUSED, ROWS, SmallProject, orders_of

from jobs.pages.page import pipeline_page, run_page
from pipelines.errors import RejectedError, UsageError
from pipelines.runs.report_facts import pipeline_facts, run_facts
from pipelines.runs.retracting import retract

pytestmark = pytest.mark.spark
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LARGEST = 2 * 1024**2


def no_session() -> SparkSession:
    raise AssertionError("a report needs no Spark")


def page_of_run(small: SmallProject, run_id: str) -> str:
    return run_page(run_facts(no_session, small.project, run_id))


def page_of_pipeline(small: SmallProject) -> str:
    return pipeline_page(pipeline_facts(no_session, small.project, "orders"))


def elements(page: str) -> set[str]:
    return set(re.findall(r' id="([a-z-]+)"', re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)))


def test_the_page_of_a_run_tells_verdict_counts_reasons_and_versions(spark: SparkSession, scored: SmallProject) -> None:
    (entry,) = scored.ledger.latest()
    page = page_of_run(scored, entry.run_id)
    assert "<strong>Published</strong>" in page
    assert f"<b>{ROWS}</b><span>rows of input" in page
    assert f"<b>{ROWS - len(REFUSED)}</b><span>scored" in page
    for rule in REFUSED.values():
        assert rule in page
    assert {"verdict", "failed", "reasons", "manifest", "commands"} <= elements(page)
    assert str(entry.run_key) in page
    assert "amount is -5.0" in page
    assert page.count("<svg") == 4  # reasons, two outputs, timings


def test_no_personal_value_stands_on_a_page(spark: SparkSession, scored: SmallProject) -> None:
    (entry,) = scored.ledger.latest()
    assert "email_is_one" in page_of_run(scored, entry.run_id)
    for page in (page_of_run(scored, entry.run_id), page_of_pipeline(scored)):
        assert "secret-nobody" not in page


def test_a_rejected_run_says_so_first_and_how_to_go_on(spark: SparkSession, small: SmallProject) -> None:
    small.configure(limits={"quarantined_share": 0.0})
    with pytest.raises(RejectedError) as told:
        small.score(spark)
    page = page_of_run(small, told.value.run_id)
    assert "Rejected: not published" in page
    assert "--accept CHECK_ID" in page
    assert "limit:quarantined_share" in page
    assert "1 slices need a look" in page_of_pipeline(small)


def test_a_run_that_was_replaced_or_taken_back_does_not_pass_for_the_slice(
    spark: SparkSession, small: SmallProject
) -> None:
    small.score(spark)
    (first,) = small.ledger.latest()
    second = small.score(spark, force=True).run_id
    assert "Published, and replaced or taken back since" in page_of_run(small, first.run_id)
    retract(spark, small.project, "orders", DAY, "to see")
    assert "Taken back" in page_of_run(small, second)
    assert "No slice yet" in page_of_pipeline(small)


def test_slices_are_told_beside_those_before(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    small.land(orders_of(DAYS[1], rows=10, first=50))
    runs = [small.score(spark, day).run_id for day in DAYS[1:]]
    page = page_of_run(small, runs[-1])
    assert "median of the slices before" in page
    assert {"checks-over-time"} <= elements(page)
    whole = page_of_pipeline(small)
    assert "All as it should be" in whole
    assert whole.count("<tr><td>2024-03-0") == 3
    assert "03-03" not in page_of_run(small, runs[0])  # of later slices a run knows nothing


def test_the_commands_to_go_on_are_commands(spark: SparkSession, scored: SmallProject) -> None:
    (entry,) = scored.ledger.latest()
    for page in (page_of_run(scored, entry.run_id), page_of_pipeline(scored)):
        (block,) = re.findall(r'<pre id="commands">(.*?)</pre>', page, re.DOTALL)
        lines = [line for line in block.splitlines() if line]
        assert len(lines) >= 3
        for line in lines:
            taken(shlex.split(line))


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


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
def test_a_browser_shows_the_pages_without_a_complaint(
    spark: SparkSession, scored: SmallProject, tmp_path: Path
) -> None:
    (entry,) = scored.ledger.latest()
    for name, page in {"run": page_of_run(scored, entry.run_id), "pipeline": page_of_pipeline(scored)}.items():
        file = tmp_path / f"{name}.html"
        file.write_text(page, encoding="utf-8")
        # A page that is wider than a phone's screen would say so in its title.
        probe = "<script>document.title = document.documentElement.scrollWidth + ' of ' + innerWidth</script>"
        narrow = tmp_path / f"{name}-narrow.html"
        narrow.write_text(page.replace("</body>", f"{probe}</body>"), encoding="utf-8")
        dom, told = partial(browse, folder=tmp_path)(file)
        assert "CONSOLE" not in told, told
        assert {"verdict", "commands"} <= elements(dom)
        assert ("</svg>" in dom) == (name == "run")  # of one slice there is no trend
        width, _, screen = re.findall(r"<title>(\d+) (of) (\d+)</title>", browse(narrow, tmp_path, "500,900")[0])[0]
        assert int(width) <= int(screen)


def browse(file: Path, folder: Path, size: str = "1200,900") -> tuple[str, str]:
    """The document as a browser has it, and what its console said."""
    command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    options = [f"--user-data-dir={folder / 'chromium'}", f"--window-size={size}", "--dump-dom", file.as_uri()]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr
