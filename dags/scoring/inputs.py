"""Waits for the rows of a slice to be in its input, without holding a worker."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from dags.scoring.environment import project_and_pipeline
from pipelines.config import Pipeline, Project


def watched(project: Project, pipeline: Pipeline) -> tuple[str, str] | None:
    """The table and the column by which a slice's rows are found; None where only Spark can find them."""
    source = pipeline.source.tables[pipeline.main_source]
    if source.format != "delta" or source.path is None or source.slice is None or source.slice.column is None:
        return None
    from pipelines.tables.locations import below

    return below(project.environment.inputs, source.path), source.slice.column


def has_rows(table: str, column: str, day: dt.date, timezone: str) -> bool:
    """Whether a Delta table has a row of the day: only files that may have one are read.

    Times are of the day that they have in the time zone. Of a table with a feature that delta-rs does not read, such as
    type widening, its log is asked: exact where the day is a partition, else whether a file may have one.
    """
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    from pipelines.tables.fingerprints import DeltaSource
    from pipelines.tables.locations import for_delta_rs
    from pipelines.tables.reach import Reach
    from pipelines.tables.reading import read_rows, within

    try:
        opened = DeltaTable(for_delta_rs(table))
    except TableNotFoundError:
        return False
    reach = Reach(column, day, day, timezone)
    try:
        kind = pa.schema(opened.schema()).field(column).type
        return bool(read_rows(opened, [column], within(column, kind, reach), limit=1).num_rows)
    except DeltaError:
        return DeltaSource(table).may_have_rows(reach)


class SliceTrigger(BaseTrigger):
    """Looks for the rows of one day until they are there, or until it is too late.

    Args:
        table: the Delta table.
        column: its column of dates or times.
        day: in ISO format.
        timezone: in which the day is meant.
        look_every: seconds.
        until: when to give up, in ISO format.
    """

    def __init__(self, table: str, column: str, day: str, timezone: str, look_every: float, until: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.table, self.column, self.day, self.timezone = table, column, day, timezone
        self.look_every, self.until = look_every, until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How the triggerer, another process, gets it."""
        names = ("table", "column", "day", "timezone", "look_every", "until")
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event: `found`, `too late`, or `error` with what is wrong."""
        day, until = dt.date.fromisoformat(self.day), dt.datetime.fromisoformat(self.until)
        while True:
            try:
                found = await asyncio.to_thread(has_rows, self.table, self.column, day, self.timezone)
            except Exception as error:
                yield TriggerEvent({"end": "error", "error": f"{type(error).__name__}: {error}"})  # type: ignore[no-untyped-call]
                return
            if found:
                yield TriggerEvent({"end": "found"})  # type: ignore[no-untyped-call]
                return
            if dt.datetime.now(dt.UTC) >= until:
                yield TriggerEvent({"end": "too late"})  # type: ignore[no-untyped-call]
                return
            await asyncio.sleep(self.look_every)


class WaitForInput(BaseOperator):
    """Ends once the slice's rows are in the pipeline's first source; skips what the pipeline has no slice of.

    Args:
        pipeline: its name.
        score_date: the slice's, in ISO format. (templated)
        asked: the score date that a person asked for, whatever the calendar says; empty where none did. (templated)
        wait: how long at most.
        look_every: how often to look.
        settings: as for every operator of Airflow.
    """

    template_fields = ("score_date", "asked")

    def __init__(
        self,
        *,
        pipeline: str,
        score_date: str,
        wait: dt.timedelta,
        look_every: dt.timedelta,
        asked: str = "",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.pipeline, self.score_date, self.asked = pipeline, score_date, asked
        self.wait, self.look_every = wait, look_every

    def execute(self, context: Context) -> None:
        """Look once; then let the triggerer look."""
        project, pipeline = project_and_pipeline(self.pipeline)
        day = dt.date.fromisoformat(self.score_date)
        if not self.asked and not pipeline.has_slice(day):
            raise AirflowSkipException(f"'{self.pipeline}' has no slice of {day:%A}, {day}, by its 'days'")
        watch = watched(project, pipeline)
        if watch is None:
            without = "publishes it as empty" if pipeline.accepts_empty else "refuses it"
            self.log.info("Nothing to wait for: only Spark can find the slice's rows. Without any, a run %s.", without)
            return
        table, column = watch
        if has_rows(table, column, day, pipeline.timezone):
            self.log.info("%s has rows of %s = %s.", table, column, self.score_date)
            return
        self.log.info("Waiting for rows of %s = %s in %s, for %s at most.", column, self.score_date, table, self.wait)
        until = dt.datetime.now(dt.UTC) + self.wait
        seconds = self.look_every.total_seconds()
        trigger = SliceTrigger(table, column, self.score_date, pipeline.timezone, seconds, until.isoformat())
        self.defer(trigger=trigger, method_name="looked")

    def looked(self, context: Context, event: dict[str, Any]) -> None:
        """What the triggerer found."""
        project, pipeline = project_and_pipeline(self.pipeline)
        table, column = watched(project, pipeline) or ("", "")
        if event["end"] == "found":
            self.log.info("%s has rows of %s = %s now.", table, column, self.score_date)
            return
        if event["end"] == "too late" and pipeline.accepts_empty:
            self.log.info(
                "%s has no row of %s = %s after %s: an empty slice.", table, column, self.score_date, self.wait
            )
            return
        if event["end"] == "too late":
            self._give_up(table, column)
        raise RuntimeError(f"{table} cannot be read: {event['error']}")

    def _give_up(self, table: str, column: str) -> NoReturn:
        raise AirflowFailException(
            f"the input of the slice {self.score_date} of '{self.pipeline}' did not come\n"
            f"  expected: rows with {column} = {self.score_date} in {table}, within {self.wait}\n"
            f"  to do: see what should have landed them; then clear this task, or: lakescore score {self.pipeline} "
            f"--date {self.score_date}"
        )
