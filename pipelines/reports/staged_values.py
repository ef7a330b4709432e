"""The values of a column in a stage's rows: batch by batch, in this thread, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from pipelines.tables.locations import storage

REASONS = "reasons"
"""The column that holds why a row was refused, and nothing for the others."""


@dataclass(frozen=True)
class StagedRows:
    """The rows of a complete stage.

    Args:
        run_id: the run that scored them.
        location: their folder of Parquet files.
    """

    run_id: str
    location: str

    def values(self, column: str) -> Iterator[pa.Array]:
        """A column's values in the rows that were not refused as they were read; nothing for a column that is not."""
        files = storage(self.location)
        listed = files.get_file_info(fs.FileSelector("", recursive=True))
        for name in sorted(info.path for info in listed if info.path.endswith(".parquet")):
            with files.open_input_file(name) as file:
                rows = pq.ParquetFile(file)
                if column in rows.schema_arrow.names:
                    for batch in rows.iter_batches(columns=[column, REASONS], use_threads=False):
                        yield batch.column(column).filter(pc.is_null(batch.column(REASONS)))
