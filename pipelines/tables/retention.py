"""For how long a Delta table can be read as it was."""

from __future__ import annotations

import re

from deltalake import DeltaTable

from pipelines.tables.locations import for_delta_rs

DEFAULTS = {"delta.deletedFileRetentionDuration": 7.0, "delta.logRetentionDuration": 30.0}
"""Days, by the table property that says otherwise: Delta's own defaults."""
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}


def days_kept(location: str) -> dict[str, float]:
    """For how many days a table keeps what its older versions are read from: removed files, and its log.

    Args:
        location: the table's folder.

    Returns:
        The days, by the table property that says so.
    """
    properties = DeltaTable(for_delta_rs(location)).metadata().configuration
    return {name: days_of(properties[name]) if name in properties else days for name, days in DEFAULTS.items()}


def days_of(interval: str) -> float:
    """An interval as Delta writes it, in days.

    >>> days_of("interval 1 week 12 hours")
    7.5
    """
    parts = re.findall(r"(\d+)\s*(second|minute|hour|day|week)", interval.lower())
    return sum(int(number) * _SECONDS[unit] for number, unit in parts) / _SECONDS["day"]
