"""What is measured of several slices in one job, apart by their days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.transforms.staging import SLICE
from pipelines.validation.compiling import Checks
from pipelines.validation.gates import Aggregate
from pipelines.validation.observing import measures_among

COUNTED = Aggregate("rows")
"""Of the measured numbers the one that the stage tells as well."""


def not_counted(measured: tuple[tuple[str, Aggregate], ...]) -> tuple[tuple[str, Aggregate], ...]:
    """Those of the measured numbers that the stage does not tell as well."""
    return tuple((name, aggregate) for name, aggregate in measured if aggregate != COUNTED)


def measures_by_day(
    checks: Checks, measured: tuple[tuple[str, Aggregate], ...], days: Sequence[dt.date]
) -> list[Column]:
    """What is measured of each day, by names that `observed_by_day` takes apart again."""
    return [
        number
        for day in days
        for number in measures_among(
            F.col(SLICE) == F.lit(day), checks.stage_rules, not_counted(measured), partial(_named, day)
        )
    ]


def _named(day: dt.date, name: str) -> str:
    return f"{day.isoformat()} {name}"


def observed_by_day(observed: Mapping[str, Any], days: Sequence[dt.date]) -> Mapping[dt.date, Mapping[str, Any]]:
    """What came of `measures_by_day`, by the day and the measure's own name."""
    found: dict[dt.date, dict[str, Any]] = {day: {} for day in days}
    for name, value in observed.items():
        day, _, of_day = name.partition(" ")
        found[dt.date.fromisoformat(day)][of_day] = value
    return found
