"""Airflow as it runs, with PostgreSQL: scheduler, API server, triggerer, DAG processor. Longer races: `make soak`."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.faults.airflow_race import LEAST_DAYS, assert_no_secret_is_seen, race_in, run_race
from support.small_project import SmallProject

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def test_schedule_backfill_and_spark_submit_meet_on_the_same_slices(empty: SmallProject, tmp_path: Path) -> None:
    with race_in(tmp_path, empty, LEAST_DAYS, by_postgresql=True) as race:
        run_race(race)
        assert_no_secret_is_seen(race)
