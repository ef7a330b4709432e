"""On a local disk, Delta's own commits are not exclusive: the lock of a table makes them so."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults.contended_commits import contend

pytestmark = pytest.mark.slow


def test_of_300_commits_of_two_jvms_under_the_lock_none_is_lost(tmp_path: Path) -> None:
    found = contend(tmp_path, 300, "lock")
    assert (found.made, found.lost, found.versions) == (300, (), 300)
    assert found.turns > 15  # else they did not meet
