"""A pipeline's sources, pinned: as they are when a run starts, with what tells whether a slice's rows changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from pipelines.config import Pipeline, Project, SliceFilter, Source
from pipelines.errors import SourceError
from pipelines.inputs.files import UNTOLD, FolderSource, dates_by_path, list_files
from pipelines.inputs.parquet_footers import dates_by_footer
from pipelines.inputs.text_files import read_text
from pipelines.inputs.text_rows import TextSource
from pipelines.tables.creation import location_of
from pipelines.tables.fingerprints import DeltaSource, Known, Pinned, digest_of
from pipelines.tables.locations import below
from pipelines.tables.reach import Reach

ANY_DAY = dt.date(1970, 1, 1)
"""For a look at columns and types, which are those of every slice."""


@dataclass(frozen=True)
class PinnedSource:
    """One source of a run, as it was when the run started.

    Args:
        name: its name in the configuration.
        location: its folder.
        format: delta, parquet, csv or jsonl.
        pinned: version, fingerprint and what the log tells of the rows.
    """

    name: str
    location: str
    format: str
    pinned: Pinned


@dataclass(frozen=True)
class OpenSource:
    """One source of a pipeline, opened once and pinned for any number of slices.

    Args:
        name: its name in the configuration.
        location: its folder.
        configured: what the configuration says of it.
        timezone: in which score dates are meant.
        pin: what pins it for the part that a slice reads, and what an earlier run found of that.
        counts_whole: whether files that do not tell their dates are among it: their change counts for every slice.
    """

    name: str
    location: str
    configured: Source
    timezone: str
    pin: Callable[[Reach | None, Known | None], Pinned]
    counts_whole: bool = False

    def pinned(self, score_date: dt.date, known: Known | None = None) -> PinnedSource:
        """The source as a run of a slice reads it now."""
        found = self.pin(reach(self.configured.slice, score_date, self.timezone), known)
        return PinnedSource(self.name, self.location, self.configured.format, found)


def open_sources(session: Callable[[], SparkSession], project: Project, pipeline: Pipeline) -> list[OpenSource]:
    """Every source of the pipeline, at its newest version.

    Args:
        session: gives the Spark session, which sources with names need, and text files that were not read before.
        project: the configuration.
        pipeline: whose sources.

    Raises:
        SourceError: one is missing.
    """
    return [
        _opened(session, project, name, source, pipeline.timezone) for name, source in pipeline.source.tables.items()
    ]


def pin_sources(
    spark: SparkSession, project: Project, pipeline: Pipeline, score_date: dt.date, known: Mapping[str, Known]
) -> list[PinnedSource]:
    """Pin every source of the pipeline; all are looked at before any row is read.

    Raises:
        SourceError: one is missing.
    """
    return [
        source.pinned(score_date, known.get(source.name)) for source in open_sources(lambda: spark, project, pipeline)
    ]


def _opened(
    session: Callable[[], SparkSession], project: Project, name: str, source: Source, timezone: str
) -> OpenSource:
    location = source_location(None if source.table is None else session(), project, source)
    try:
        if source.format == "delta":
            return OpenSource(name, location, source, timezone, DeltaSource(location).pin)
        files = files_at(location, session, project, name, source, timezone)
        day = None if source.slice is None else source.slice.column
        counts_whole = isinstance(files, FolderSource) and (day is None or not files.tell_dates(day))
    except SourceError as error:
        raise SourceError(
            f"source '{name}': {error.problem}", expected=error.expected, found=error.found, remedy=error.remedy
        ) from error
    return OpenSource(name, location, source, timezone, files.pin, counts_whole)


def files_at(
    location: str, session: Callable[[], SparkSession], project: Project, name: str, source: Source, timezone: str
) -> FolderSource | TextSource:
    """A folder of files, or one, which tell in their own way what dates they hold.

    Args:
        location: where they are.
        session: gives the Spark session, which text files need that were not read before.
        project: the configuration.
        name: the source's.
        source: what the configuration says of it.
        timezone: in which score dates are meant.

    Raises:
        SourceError: there is nothing there.
    """
    listed = list_files(location)
    if source.format == "parquet":
        return FolderSource(listed, dates_by_footer)
    day = None if source.slice is None else source.slice.column
    if day is None or all(dates_by_path(listed.root, file, day) != UNTOLD for file in listed.files):
        return FolderSource(listed)
    read_as = source.model_dump_json(include={"format", "text", "columns", "slice"})
    kept = Path(project.environment.cache, "rows", f"{digest_of([location, timezone, read_as])}.json")

    def read(files: Sequence[str]) -> DataFrame:
        return read_text(session(), name, location, source, files)

    return TextSource(listed, day, timezone, read, kept)


def reach(selection: SliceFilter | None, score_date: dt.date, timezone: str) -> Reach | None:
    """The dates that a slice reads, or None where only the filter itself knows."""
    if selection is None or selection.column is None:
        return None
    return Reach(selection.column, score_date - dt.timedelta(days=selection.lookback_days), score_date, timezone)


def source_location(spark: SparkSession | None, project: Project, source: Source) -> str:
    """The folder of a source; one with a name is looked up in the catalog.

    Args:
        spark: the session, which only sources with names need.
        project: the configuration.
        source: which one.

    Raises:
        TableError: the catalog lacks it.
    """
    if source.path is not None:
        return below(project.environment.inputs, source.path)
    assert spark is not None  # noqa: S101 - whoever asks for a name has a session
    return location_of(spark, str(source.table))
