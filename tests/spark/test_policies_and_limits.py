"""What broken checks lead to: by severity, by check, and by how much is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.kinds import kept
from support.small_project import DAY, REFUSED, ROWS, SUITE, SmallProject, expectation

from pipelines.errors import ConfigurationError, RejectedError

pytestmark = pytest.mark.spark

UNKNOWN_NOTES = expectation("column_values_to_be_in_set", "note_is_gift", "warning", column="note", value_set=["gift"])
WITHOUT_NOTE = {number for number in range(ROWS) if number % 4 == 0}


def refused(small: SmallProject, run_id: str) -> dict[int, list[str]]:
    """The rules that a run's refused rows break, by their ids."""
    return {row["id"]: [reason["rule"] for reason in row["reasons"]] for row in small.quarantine(run_id=run_id)}


def test_by_default_a_broken_warning_refuses_nothing(spark: SparkSession, small: SmallProject) -> None:
    small.suite(*SUITE, UNKNOWN_NOTES)
    result = small.score(spark)
    assert set(refused(small, result.run_id)) == set(REFUSED)


def test_warnings_may_refuse_rows(spark: SparkSession, small: SmallProject) -> None:
    small.suite(*SUITE, UNKNOWN_NOTES)
    small.configure(policy={"rows": {"warning": "quarantine"}}, limits={"quarantined_share": 0.5})
    result = small.score(spark)
    assert set(refused(small, result.run_id)) == set(REFUSED) | WITHOUT_NOTE
    assert result.counts.input == result.counts.scored + result.counts.quarantined == ROWS


def test_one_check_may_warn_where_others_of_its_severity_refuse(spark: SparkSession, small: SmallProject) -> None:
    small.configure(policy={"checks": {"email_is_one": "warn"}})
    result = small.score(spark)
    (check,) = [check for check in result.verdict.results if check.check_id == "email_is_one"]
    assert set(refused(small, result.run_id)) == set(REFUSED) - {20}
    assert (check.success, check.unexpected_count, check.action) == (False, 1, "warn")


def test_one_check_may_reject_the_slice_and_its_rows_stay_as_evidence(spark: SparkSession, small: SmallProject) -> None:
    published = small.score(spark)
    small.configure(policy={"checks": {"channel_is_given": "reject"}})
    with pytest.raises(RejectedError, match="channel_is_given") as caught:
        small.score(spark)
    rejected = small.ledger.latest()[-1].run_id
    assert f"lakescore quarantine show orders --run {rejected}" in str(caught.value)
    assert set(refused(small, rejected)) == set(REFUSED)
    assert {row["run_id"] for row in small.quarantine_current()} == {published.run_id}


@pytest.mark.parametrize(
    ("limit", "is_published"),
    kept(
        [({"rows": 1}, True), ({"rows": 0}, False), ({"share": 1 / ROWS}, True), ({"share": 0.024}, False)],
        lambda case: "share" in case[0],
    ),
    ids=str,
)
def test_a_rule_may_have_a_limit_of_its_own(
    spark: SparkSession, small: SmallProject, limit: dict[str, Any], is_published: bool
) -> None:
    small.configure(limits={"quarantined_share": 0.2, "rules": {"email_is_one": limit}})
    if is_published:
        assert small.score(spark).outcome == "published"
        return
    with pytest.raises(RejectedError, match=f"limit:email_is_one:{next(iter(limit))}"):
        small.score(spark)
    assert set(refused(small, small.ledger.latest()[-1].run_id)) == set(REFUSED)


def test_a_share_below_mostly_is_handled_by_the_policy_of_batches(spark: SparkSession, small: SmallProject) -> None:
    strict = expectation("column_values_to_not_be_null", "amount_is_given", "warning", column="amount", mostly=0.99)
    small.suite(*SUITE, strict)
    warned = small.score(spark)
    gates = {check.check_id: (check.success, check.action) for check in warned.verdict.results}
    assert gates["amount_is_given:mostly"] == (False, "warn")
    small.configure(policy={"batch": {"warning": "reject"}})
    with pytest.raises(RejectedError, match="amount_is_given:mostly"):
        small.score(spark)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"policy": {"checks": {"amount_is_plausibel": "warn"}}}, "did you mean 'amount_is_plausible'"),
        ({"policy": {"checks": {"some_orders": "quarantine"}}}, "reject or warn"),
        ({"limits": {"rules": {"email": {"rows": 1}}}}, "email_is_one"),
    ],
)
def test_a_policy_that_no_check_can_follow_is_refused(
    spark: SparkSession, small: SmallProject, change: dict[str, Any], named: str
) -> None:
    small.configure(**change)
    with pytest.raises(ConfigurationError, match=named):
        small.score(spark)
    assert small.states() == []


def test_a_changed_policy_makes_the_slice_run_again(spark: SparkSession, small: SmallProject) -> None:
    first = small.score(spark, DAY)
    small.configure(policy={"checks": {"email_is_one": "warn"}})
    second = small.score(spark, DAY)
    manifest = json.loads(small.entry(second.run_id).manifest or "{}")
    assert (second.outcome, second.counts.scored) == ("published", first.counts.scored + 1)
    assert manifest["configuration"]["pipeline"]["policy"] == {"checks": {"email_is_one": "warn"}}
