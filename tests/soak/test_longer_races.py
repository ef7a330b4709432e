"""What CI has in small: races of ten days, 2,000 commits of two JVMs, 40 kills at random, 120 and 365 slices."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from support.faults.airflow_race import assert_no_secret_is_seen, race_in, run_race
from support.faults.contended_commits import contend
from support.faults.random_kills import LAKESCORE, begun, killed_as_undisturbed
from support.small_project import DAY, DAYS, REFUSED, ROWS, SmallProject, copy_of, orders_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * 3600)]


@pytest.mark.parametrize("by_postgresql", [False, True], ids=["SQLite", "PostgreSQL"])
def test_ten_days_of_schedule_backfill_and_spark_submit(
    empty: SmallProject, tmp_path: Path, by_postgresql: bool
) -> None:
    with race_in(tmp_path, empty, 10, by_postgresql=by_postgresql) as race:
        run_race(race)
        assert_no_secret_is_seen(race)


def test_of_2000_commits_of_two_jvms_under_the_lock_none_is_lost(tmp_path: Path) -> None:
    found = contend(tmp_path, 2000, "lock")
    assert (found.made, found.lost, found.versions) == (2000, (), 2000)
    assert found.turns > 100  # else they did not meet


def test_40_kills_of_a_backfill_of_30_days(empty: SmallProject, tmp_path: Path) -> None:
    found = killed_as_undisturbed(empty, tmp_path, days=30, kills=40)
    assert (found.kills, found.starts) == (40, 41)
    assert found.while_running > 20


@pytest.mark.parametrize("days", [120, 365])
def test_one_backfill_of_many_slices(empty: SmallProject, tmp_path: Path, days: int) -> None:
    small, last = copy_of(empty, tmp_path), DAY + dt.timedelta(days=days - 1)
    for number in range(len(DAYS), days):
        small.land(orders_of(DAY + dt.timedelta(days=number)))
    with (tmp_path / "backfill.log").open("w+") as output:
        command = [LAKESCORE, "backfill", "orders", "--from", str(DAY), "--to", str(last)]
        assert begun(small, *command, output=output).wait() == 0
    assert len(small.predictions()) == days * (ROWS - len(REFUSED))
    assert {entry.state for entry in small.ledger.latest()} == {"published"}
    assert small.stages() == []
