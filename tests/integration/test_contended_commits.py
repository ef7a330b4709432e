"""On a local disk, Delta's own commits are not exclusive: the lock of a table makes them so. Those of delta-rs are."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.faults import contended_log
from support.faults.contended_commits import contend
from support.kinds import kept

pytestmark = pytest.mark.slow


@pytest.mark.soak  # what runs commit, delta-rs commits: below
def test_of_300_commits_of_two_jvms_under_the_lock_none_is_lost(tmp_path: Path) -> None:
    found = contend(tmp_path, 300, "lock")
    assert (found.made, found.lost, found.versions) == (300, (), 300)
    assert found.turns > 15  # else they did not meet


@pytest.mark.parametrize("commits", kept([100, 2000], lambda commits: commits == 100))
def test_of_commits_by_delta_rs_none_is_lost_without_the_lock(tmp_path: Path, commits: int) -> None:
    found, met = contended_log.contend(tmp_path, commits)
    assert found == {(name, fence): 1 for name in contended_log.NAMES for fence in range(1, commits + 1)}
    assert met > 0  # else they did not meet
