"""The facts of the reports, from tables and ledger."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from pipelines.reports.facts import pipeline_facts, run_facts
from unit.slices_without_scoring import Planned, no_session


def test_outputs_that_the_table_does_not_have_yet_are_named_and_left_out(planned: Planned) -> None:
    entry = planned.publish(planned.manifest())
    for facts in (
        pipeline_facts(no_session, planned.project, "churn"),
        run_facts(no_session, planned.project, entry.run_id).around,
    ):
        assert [found.run_id for found in facts.slices] == [entry.run_id]
        assert (facts.lacking, facts.outputs) == (("prediction",), {})


def test_today_is_that_of_the_pipelines_time_zone(planned: Planned) -> None:
    zone = "Pacific/Kiritimati"
    planned.configure(timezone=zone)
    before, facts = dt.datetime.now(ZoneInfo(zone)).date(), pipeline_facts(no_session, planned.project, "churn")
    assert before <= facts.today <= dt.datetime.now(ZoneInfo(zone)).date()
