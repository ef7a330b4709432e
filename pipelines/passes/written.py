"""What a pass over the input wrote."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from pipelines.models.workers.report import WorkerReport
from pipelines.passes.attempt_folder import COMMITTER
from pipelines.transforms.staging import KIND, SLICE


@dataclass(frozen=True)
class Written:
    """What a pass over the input gave.

    Args:
        schema: the stages'.
        read: the columns of the input.
        measured: what was measured of values on the way, by score date.
        workers: what the workers reported.
        counted: the names of numbers that are the rows of the slice.
        is_final: whether the files of scored rows are as the predictions table has them.
    """

    schema: T.StructType
    read: T.StructType
    measured: Mapping[dt.date, Mapping[str, Any]]
    workers: WorkerReport
    counted: tuple[str, ...] = ()
    is_final: bool = False

    def metrics_of(self, day: dt.date, tallied: Mapping[str, Any]) -> Mapping[str, Any]:
        """All numbers of a slice, by name."""
        return {**dict.fromkeys(self.counted, tallied["rows"]), **self.measured[day], **tallied}


def write_rows(rows: DataFrame, location: str) -> None:
    """Write rows of stages, apart by slice and kind where they tell these."""
    writer = rows.write.options(**COMMITTER).mode("overwrite")
    apart = [name for name in (SLICE, KIND) if name in rows.columns]
    (writer.partitionBy(*apart) if apart else writer).parquet(location)
