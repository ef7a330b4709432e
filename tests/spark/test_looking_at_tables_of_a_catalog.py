"""Reports, why, doctor, plan and replay of a pipeline whose tables have names in the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, DAYS, REFUSED, ROWS, SmallProject, copy_of

from jobs.cli.pages.page import pipeline_page, run_page
from pipelines.backfills.planning import plan
from pipelines.diagnostics.doctor import diagnose
from pipelines.errors import RejectedError
from pipelines.provenance.explaining import why
from pipelines.provenance.reproducing import replay
from pipelines.reports.facts import pipeline_facts, run_facts
from pipelines.runs.tables import create_tables

pytestmark = pytest.mark.spark
SCHEMA = "bazaar"


@pytest.fixture(scope="module")
def session(spark: SparkSession) -> Callable[[], SparkSession]:
    return lambda: spark


@pytest.fixture(scope="module")
def named(spark: SparkSession, base: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallProject]:
    """Source, predictions and quarantine in the catalog; a slice published, and a day rejected."""
    small = copy_of(base, tmp_path_factory.mktemp("p"))
    spark.sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    spark.sql(
        f"CREATE TABLE {SCHEMA}.orders USING delta PARTITIONED BY (day) "
        f"TBLPROPERTIES ('delta.enableDeletionVectors' = 'false') AS SELECT * FROM delta.`{base.orders}`"
    )
    small.configure(
        source={"tables": {"orders": {"table": f"{SCHEMA}.orders", "slice": {"column": "day"}}}},
        output={"predictions": {"table": f"{SCHEMA}.predictions"}, "quarantine": {"table": f"{SCHEMA}.quarantine"}},
    )
    create_tables(spark, small.project, "orders")
    small.score(spark)
    small.configure(limits={"quarantined_share": 0.0})
    with pytest.raises(RejectedError):
        small.score(spark, DAYS[1])
    small.configure(limits={"quarantined_share": 0.2})
    yield small
    spark.sql(f"DROP SCHEMA {SCHEMA} CASCADE")


def test_pages_tell_of_rows_that_only_the_catalog_finds(
    session: Callable[[], SparkSession], named: SmallProject
) -> None:
    assert named.predictions() == []  # not in the folders where they are by default
    published, rejected = named.ledger.latest()
    page = run_page(run_facts(session, named.project, published.run_id))
    assert "Published</strong>" in page
    assert all(rule in page for rule in REFUSED.values())
    assert "amount is -5.0" in page
    assert "probability: share of rows" in page
    assert f"/{SCHEMA}.db/predictions" in page
    refused = run_page(run_facts(session, named.project, rejected.run_id))
    assert "Rejected: not published</strong>" in refused
    assert "probability: share of rows" in refused  # of its stage
    whole = pipeline_page(pipeline_facts(session, named.project, "orders"))
    assert "1 slice needs a look" in whole
    assert published.run_id in whole


def test_why_answers_for_scored_refused_and_absent_rows(
    session: Callable[[], SparkSession], named: SmallProject
) -> None:
    scored = why(session, named.project, "orders", [str(DAY), "12"])
    assert (scored.status, scored.slice_state, scored.notes) == ("scored", "current", ())
    assert scored.features is not None
    assert scored.contributions is not None
    refused = why(session, named.project, "orders", [str(DAY), "3"])
    assert (refused.status, [reason.rule for reason in refused.reasons]) == ("quarantined", [REFUSED[3]])
    waiting = why(session, named.project, "orders", [str(DAYS[2]), "5"])
    assert (waiting.status, waiting.slice_state) == ("waiting", "missing")
    assert why(session, named.project, "orders", [str(DAY), "999"]).status == "absent"


def test_doctor_looks_at_the_tables_or_says_that_it_did_not(
    session: Callable[[], SparkSession], named: SmallProject
) -> None:
    told = {finding.what: finding for finding in diagnose(named.project, ["orders"], session)}
    for kind in ("predictions", "quarantine", "runs"):
        assert told[f"orders: {kind}"].status == "ok", told
    assert told["orders: input orders"].found.startswith("keeps its versions for"), told
    offline = {finding.what: finding for finding in diagnose(named.project, ["orders"])}
    assert offline["orders: tables"].status == "warning"


def test_plan_and_replay_find_what_was_published(
    spark: SparkSession, session: Callable[[], SparkSession], named: SmallProject
) -> None:
    published, _ = named.ledger.latest()
    states = [planned.state for planned in plan(session, named.project, "orders", DAY, DAYS[2]).slices]
    assert states == ["current", "missing", "missing"]  # the limit that rejected the second day is another now
    found = replay(spark, named.project, published.run_id)
    assert (found.is_equal, found.compared) == (True, ROWS - len(REFUSED))
