"""The rows of a slice's input: every source as it was pinned, filtered and joined."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.config import Pipeline, Project, Source
from pipelines.errors import ConfigurationError, SourceError, did_you_mean
from pipelines.expressions.days import day_of
from pipelines.expressions.names import column, unread_among
from pipelines.inputs.parquet_times import is_of_illegal_type, read_nanoseconds
from pipelines.inputs.pinning import PinnedSource, pin_sources, reach
from pipelines.inputs.row_wise import is_row_wise
from pipelines.inputs.spark_errors import first_line, meaning_of_data, translated
from pipelines.inputs.text_features import require_types
from pipelines.inputs.text_files import decided, read_text, strict
from pipelines.tables.data_files import with_positions
from pipelines.tables.reach import Reach

DAY = "__day"
"""The score date of a row, among rows of several."""


def read_slice(
    spark: SparkSession, pipeline: Pipeline, query: str | None, sources: Sequence[PinnedSource], score_date: dt.date
) -> DataFrame:
    """The slice's rows: every source at its pinned version, filtered, then joined by the query.

    Raises:
        SourceError: a column is missing or no date, or the query cannot be analyzed.
    """
    session = spark.newSession()  # views of this run only: runs side by side do not see each other's
    tables = pipeline.source.tables
    frames = {
        source.name: _sliced(
            read_source(session, source, tables[source.name]), pipeline, source, score_date, score_date
        )
        for source in sources
    }
    return _with_key(_joined(session, pipeline, query, frames), pipeline.key_from)


def read_now(spark: SparkSession, project: Project, pipeline: Pipeline, query: str | None, day: dt.date) -> DataFrame:
    """A slice's rows as they are at this moment, where no run has to tell of them.

    Raises:
        SourceError: as `pin_sources` and `read_slice`.
    """
    return read_slice(spark, pipeline, query, pin_sources(spark, project, pipeline, day, {}), day)


@dataclass(frozen=True)
class Period:
    """The rows of all slices of a period, read at once.

    Args:
        rows: of them.
        day: the score date of each.
        alias: of the first source in the rows' plan; what is made of the rows is right only where it is row-wise.
    """

    rows: DataFrame
    day: Column
    alias: str

    def shares_a_scan(self, made: DataFrame) -> bool:
        """Whether what was made of the rows is what slice by slice would be made of them."""
        return is_row_wise(made, self.alias)


def read_period(
    spark: SparkSession,
    pipeline: Pipeline,
    query: str | None,
    sources: Sequence[PinnedSource],
    first: dt.date,
    last: dt.date,
) -> Period | None:
    """The rows of all slices of a period, read at once.

    Returns:
        None where that would give other rows than slice by slice, or none that tell their dates: the first source is
        sliced by a column with a lookback, by one of times in a zone other than UTC, or by a condition that is no
        date's equality with `:score_date`; another source is sliced too; or the query takes rows together or does not
        carry the date on as it is.

    Raises:
        SourceError: a column is missing or no date, or the query cannot be analyzed.
    """
    tables, name = pipeline.source.tables, pipeline.main_source
    if any(source.slice is not None for other, source in tables.items() if other != name):
        return None
    session, alias = spark.newSession(), f"__{name}_{secrets.token_hex(8)}"  # a query cannot know it
    frames = {}
    for source in sources:
        frames[source.name] = rows = read_source(session, source, tables[source.name])
        if source.name == name:
            if not _tell_slices(rows, pipeline):
                return None
            frames[name] = _sliced(rows, pipeline, source, first, last).alias(alias)
    frame = _with_key(_joined(session, pipeline, query, frames), pipeline.key_from)
    day, selection = days_of_rows(frame, pipeline), tables[name].slice
    if day is None or selection is None or not is_row_wise(frame, alias, selection.column):
        return None
    return Period(frame, day, alias)


def _tell_slices(rows: DataFrame, pipeline: Pipeline) -> bool:
    """Whether the one slice to which a row of the first source belongs is named by the row.

    Of times in a zone it is not: slices are bounded by the zone's midnights as Python knows them, and Spark tells days
    as Java does, which has rules of another age, and two days for an hour of a clock that is set back over midnight.
    """
    selection = pipeline.source.tables[pipeline.main_source].slice
    if selection is None or selection.lookback_days or days_of_rows(rows, pipeline) is None:
        return False
    kind = None if selection.column is None else rows.schema[selection.column].dataType
    return not isinstance(kind, T.TimestampType) or pipeline.timezone == "UTC"


def read_whole(
    spark: SparkSession, pipeline: Pipeline, query: str | None, sources: Sequence[PinnedSource]
) -> DataFrame:
    """The rows of all dates, as the slices would read them: what a model is trained on.

    Raises:
        SourceError: the query cannot be analyzed.
    """
    session, tables = spark.newSession(), pipeline.source.tables
    frames = {source.name: read_source(session, source, tables[source.name]) for source in sources}
    return _with_key(_joined(session, pipeline, query, frames), pipeline.key_from)


def _with_key(frame: DataFrame, key_from: Mapping[str, str]) -> DataFrame:
    """The rows with the key's columns under the names that the tables have for them, beside the source's own."""
    lacking = [source for source in key_from.values() if source not in frame.columns]
    if lacking:
        raise SourceError(
            f"key_from: the source lacks {'a column' if len(lacking) == 1 else 'columns'}",
            expected=", ".join(lacking),
            found=", ".join(frame.columns),
            remedy=did_you_mean(lacking[0], frame.columns),
        )
    there = {name.lower() for name in frame.columns}
    taken = [name for name in key_from if name.lower() in there]
    if taken:
        raise SourceError(
            "key_from: the source has columns of these names already",
            expected="names that no column of it has",
            found=", ".join(taken),
        )
    return frame.select("*", *[column(source).alias(name) for name, source in key_from.items()])


def _joined(session: SparkSession, pipeline: Pipeline, query: str | None, frames: Mapping[str, DataFrame]) -> DataFrame:
    if query is None:
        return frames[pipeline.main_source]
    joined = _queried(session, pipeline, query, frames)
    dropped = {name for name, frame in frames.items() if not set(unread_among(frame.columns)) <= set(joined.columns)}
    if not dropped:
        return joined
    # Where the query does not carry on what cannot be read of a source, no row can be refused for it.
    kept = {name: strict(name, frame) if name in dropped else frame for name, frame in frames.items()}
    return _queried(session, pipeline, query, kept)


def _queried(session: SparkSession, pipeline: Pipeline, query: str, frames: Mapping[str, DataFrame]) -> DataFrame:
    for name, frame in frames.items():
        frame.createOrReplaceTempView(name)
    try:
        joined = session.sql(query)
        twice = [name for name, times in Counter(map(str.lower, joined.columns)).items() if times > 1]
        if twice:
            raise SourceError(
                f"the query {pipeline.source.query} gives a column twice",
                expected="each column once",
                found=", ".join(twice),
                remedy="name the columns that you need in place of `*`, or rename one with AS",
            )
        return joined
    except (AnalysisException, ParseException) as error:
        raise SourceError(
            f"the query {pipeline.source.query} does not fit the sources",
            expected=f"SQL over {', '.join(frames)}",
            found=first_line(error),
            remedy="mend the query, or the tables' names and columns",
        ) from error


def days_of_rows(frame: DataFrame, pipeline: Pipeline) -> Column | None:
    """The score date of each row; None where no column of the first source tells it, or the query leaves that out.

    Args:
        frame: rows of the pipeline.
        pipeline: whose slices they are of.
    """
    selection = pipeline.source.tables[pipeline.main_source].slice
    if selection is not None and selection.where is not None:
        day = _day_in(selection.where)
        # A query may give columns other values than the source's, of which the condition is.
        return None if day is None or pipeline.source.query is not None or not _is_date(frame, day) else F.expr(day)
    if selection is None or selection.column is None or selection.column not in frame.columns:
        return None
    return day_of(frame.schema[selection.column].dataType, column(selection.column), pipeline.timezone)


def _day_in(condition: str) -> str | None:
    """The SQL of a row's date in a condition that holds it equal to the score date.

    >>> _day_in("CAST(try_to_timestamp(day, 'd.M.yyyy') AS DATE) = :score_date")
    "CAST(try_to_timestamp(day, 'd.M.yyyy') AS DATE)"
    >>> _day_in("opened <= :score_date AND closed = :score_date"), _day_in("day = :score_date AND shop = 1")
    (None, None)
    """
    found = re.fullmatch(r"\s*(.+?)\s*=\s*:score_date\s*", condition, re.DOTALL)
    return None if found is None or ":score_date" in found[1] else found[1]


def _is_date(frame: DataFrame, sql: str) -> bool:
    """Whether an expression is a date: then it is the whole left side, as all that binds more loosely is a boolean."""
    try:
        return isinstance(frame.select(F.expr(sql)).schema[0].dataType, T.DateType)
    except (AnalysisException, ParseException):
        return False


def read_slice_with_positions(
    spark: SparkSession, pipeline: Pipeline, source: PinnedSource, score_date: dt.date
) -> DataFrame | None:
    """The rows of a slice of one Delta table; each tells its file and its position there. None where Spark does not."""
    table = with_positions(read_source(spark, source, pipeline.source.tables[source.name]))
    return None if table is None else _sliced(table, pipeline, source, score_date, score_date)


def count_input(spark: SparkSession, pipeline: Pipeline, sources: Sequence[PinnedSource], score_date: dt.date) -> int:
    """The rows of the first source for the slice, before any join: from the log where that tells it, else counted."""
    source = sources[0]
    if source.pinned.rows is not None:
        return source.pinned.rows
    rows = read_source(spark, source, pipeline.source.tables[source.name])
    return _sliced(rows, pipeline, source, score_date, score_date).count()


def count_inputs(
    spark: SparkSession, pipeline: Pipeline, sources: Mapping[dt.date, Sequence[PinnedSource]]
) -> dict[dt.date, int]:
    """The rows of the input of several slices, by one scan where their rows tell their dates.

    Args:
        spark: the session.
        pipeline: whose slices.
        sources: of each score date, of the same versions.
    """
    known = {score_date: pinned[0].pinned.rows for score_date, pinned in sources.items()}
    unknown = [score_date for score_date, rows in known.items() if rows is None]
    if len(unknown) > 1:
        source = sources[unknown[0]][0]
        rows = read_source(spark, source, pipeline.source.tables[source.name])
        day = days_of_rows(rows, pipeline)
        if day is not None and _tell_slices(rows, pipeline):
            of_days = _sliced(rows, pipeline, source, min(unknown), max(unknown)).where(day.isin(unknown))
            counted = {row[DAY]: row["count"] for row in of_days.groupBy(day.alias(DAY)).count().collect()}
            return {score_date: counted.get(score_date, 0) if n is None else n for score_date, n in known.items()}
    return {score_date: count_input(spark, pipeline, pinned, score_date) for score_date, pinned in sources.items()}


def read_source(spark: SparkSession, source: PinnedSource, configured: Source) -> DataFrame:
    """A whole source, as it was when it was pinned; of a text format, with what cannot be read of it beside.

    Args:
        spark: the session.
        source: which one.
        configured: what the configuration says of it.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        with translated(meaning_of_data):
            if configured.is_text:
                return read_text(spark, source.name, source.location, configured)
            return _loaded(spark, source)
    except PySparkException as error:
        raise SourceError(
            f"source '{source.name}' cannot be read", expected=f"a {source.format} table", found=first_line(error)
        ) from error


def _loaded(spark: SparkSession, source: PinnedSource) -> DataFrame:
    reader = spark.read.format(source.format)
    if source.pinned.version is not None:
        reader = reader.option("versionAsOf", source.pinned.version)
    try:
        return reader.load(source.location)
    except AnalysisException as error:
        if source.format != "parquet" or not is_of_illegal_type(error):
            raise
        return read_nanoseconds(spark, source.name, source.location)


def _sliced(frame: DataFrame, pipeline: Pipeline, source: PinnedSource, first: dt.date, last: dt.date) -> DataFrame:
    """The rows of a source that the slices of these days read, of all its rows."""
    name, selection = source.name, pipeline.source.tables[source.name].slice
    if selection is None:
        return frame
    if selection.where is not None:
        condition = selection.where.replace(":score_date", f"DATE'{last.isoformat()}'")
        if first != last:
            condition = f"({_day_in(selection.where)}\n) BETWEEN DATE'{first.isoformat()}' AND DATE'{last.isoformat()}'"
        try:
            if pipeline.source.tables[name].is_text:
                require_types(f"source.tables.{name}.slice.where", frame, condition, name)
            return frame.where(decided(name, frame, F.expr(condition), None))
        except (AnalysisException, ParseException) as error:
            raise ConfigurationError(
                f"source '{name}', slice.where: no SQL condition over the table",
                expected=f"a condition over {', '.join(frame.columns)}",
                found=f"{condition}: {first_line(error)}",
            ) from error
    reached = reach(selection, last, pipeline.timezone)
    assert reached is not None  # noqa: S101 - it is selected by a column
    in_slice = _in_slice(frame, name, replace(reached, first=first - (last - reached.first)))
    return frame.where(decided(name, frame, in_slice, selection.column))


def _in_slice(frame: DataFrame, name: str, reached: Reach) -> Column:
    chosen = reached.column
    if chosen not in frame.columns:
        raise SourceError(
            f"source '{name}' has no column '{chosen}' to find the slice by",
            expected=f"a column '{chosen}' of dates or times",
            remedy=did_you_mean(chosen, frame.columns),
        )
    kind = frame.schema[chosen].dataType
    if isinstance(kind, T.DateType):
        if reached.first == reached.last:
            return column(chosen) == F.lit(reached.last)
        return column(chosen).between(F.lit(reached.first), F.lit(reached.last))
    if isinstance(kind, T.TimestampType):
        begin, end = (F.expr(f"TIMESTAMP'{moment:%Y-%m-%d %H:%M:%S}Z'") for moment in reached.moments)
    elif isinstance(kind, T.TimestampNTZType):
        after = reached.last + dt.timedelta(days=1)
        begin, end = (F.expr(f"TIMESTAMP_NTZ'{day} 00:00:00'") for day in (reached.first, after))
    else:
        raise SourceError(
            f"source '{name}': the slice's column '{chosen}' is neither a date nor a time",
            expected="DATE, TIMESTAMP or TIMESTAMP_NTZ",
            found=kind.simpleString(),
            remedy="land it as a date, or select the slice by 'where'",
        )
    return (column(chosen) >= begin) & (column(chosen) < end)
