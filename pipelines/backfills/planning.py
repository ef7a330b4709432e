"""What a run over a period would do to each of its slices, and why; nothing is scored or written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from pyspark.sql import SparkSession

from pipelines.backfills.pace import Pace, pace_of
from pipelines.backfills.slice_state import Cause, State, judge, pinned_version
from pipelines.config import Pipeline, Project
from pipelines.config.models import Model
from pipelines.errors import UnknownModelError
from pipelines.inputs.periods import days_of
from pipelines.inputs.pinning import OpenSource, open_sources
from pipelines.models.registry import RegisteredModel
from pipelines.resolution.definition import Definition, define
from pipelines.resolution.layout import Layout
from pipelines.resolution.manifest import build_manifest
from pipelines.resolution.resolved_run import look_up
from pipelines.runs.recovery import Past, look_back_at
from pipelines.runs.tables import require_tables, require_telling_empty
from pipelines.tables.ledger import Entry
from pipelines.tables.slices import Slice


@dataclass(frozen=True)
class Replaced:
    """What is published of a slice, which a run would replace."""

    run_id: str
    model_version: int | None
    rows_scored: int | None


@dataclass(frozen=True)
class PlannedSlice:
    """One slice, and what a run would do to it.

    Args:
        score_date: the slice's.
        state: `missing`: nothing is published. `stale`: what is published was made of something else. `current`: it was
            made of the same. `pinned`: the same, of a version that a person asked for. `rejected`, `retracted`: so
            ended the last run, and a new one would find the same. `empty`: the source has no row of it, and such a day
            is rejected. `off`: nothing is published, and the pipeline has no slice of that day. `running`: a process
            works on it.
        reasons: why.
        also: what differs without making the slice stale.
        model: what would score it.
        sources: the versions that would be read, by source; None for files.
        rows: how many rows there would be to score; None where nothing tells.
        is_rows_estimated: whether earlier runs tell them, not the input itself.
        seconds: how long a run is likely to take; None where nothing tells.
        replaces: what is published now.
        needs_force: whether a run would find nothing to do: what makes the slice stale is not in the run key.
        fence: the number of an attempt that begins with this plan: what is published later wins over it.
    """

    score_date: dt.date
    state: State
    reasons: tuple[str, ...]
    also: tuple[str, ...]
    model: RegisteredModel
    sources: Mapping[str, int | None]
    rows: int | None
    is_rows_estimated: bool
    seconds: float | None
    replaces: Replaced | None
    needs_force: bool
    fence: int

    @property
    def is_due(self) -> bool:
        """Whether a backfill would run the slice unasked."""
        return self.state in ("missing", "stale")

    def as_json(self) -> dict[str, object]:
        """The slice as plain values."""
        model = {"name": self.model.name, "version": self.model.version, "digest": self.model.digest}
        plain = {name: value for name, value in vars(self).items() if name not in ("model", "replaces")}
        return {
            **plain,
            "score_date": self.score_date.isoformat(),
            "sources": dict(self.sources),
            "model": model,
            "replaces": None if self.replaces is None else asdict(self.replaces),
            "is_due": self.is_due,
        }


@dataclass(frozen=True)
class Plan:
    """A pipeline's slices over a period.

    Args:
        definition: the pipeline, as it would be run.
        layout: where its tables are.
        slices: oldest first.
        pace: how long runs take, by earlier ones; None where there were none.
        on_stage: checks that read some columns of the staged rows again.
        by_engine: why checks read the slice once more, by their ids.
        counted_whole: the sources of files that do not tell their dates: any change of them makes every slice stale.
    """

    definition: Definition = field(repr=False)
    layout: Layout = field(repr=False)
    slices: tuple[PlannedSlice, ...]
    pace: Pace | None
    on_stage: tuple[str, ...]
    by_engine: Mapping[str, str]
    counted_whole: tuple[str, ...] = ()

    @property
    def pipeline(self) -> Pipeline:
        return self.definition.pipeline

    def as_json(self) -> dict[str, object]:
        """The plan as plain values."""
        return {
            "pipeline": self.pipeline.name,
            "slices": [slice_.as_json() for slice_ in self.slices],
            "pace": None if self.pace is None else asdict(self.pace),
            "on_stage": list(self.on_stage),
            "by_engine": dict(self.by_engine),
            "counted_whole": list(self.counted_whole),
        }


def plan(
    session: Callable[[], SparkSession],
    project: Project,
    name: str,
    first: dt.date,
    last: dt.date,
    *,
    model_version: int | None = None,
    stale_because: Collection[Cause] = (),
) -> Plan:
    """Look at every slice of a period: table, ledger, sources and registry, but no row.

    Args:
        session: gives the Spark session, which only tables with names need.
        project: the configuration.
        name: the pipeline's.
        first: the first score date.
        last: the last score date.
        model_version: the version that would score, in place of the configured one.
        stale_because: what else makes a published slice stale.

    Raises:
        PipelineError: the pipeline, its model or a source is wrong.
    """
    days = days_of(first, last)
    definition = define(project, name)
    pipeline = definition.pipeline
    spark = session() if pipeline.is_in_catalog else None
    layout = require_tables(spark, project, pipeline)
    require_telling_empty(layout, pipeline)
    # Before model and sources are looked at: who looks later must win over what is decided here.
    pasts = look_back_at(layout, name, [Slice(day, pipeline.model.name) for day in days])
    fences = [past.next_fence for past in pasts]
    models = _Models(project, pipeline.model, model_version, keeps_pinned="model" not in stale_because)
    sources = open_sources(session, project, pipeline)
    pace = pace_of(layout.ledger.published(name))
    return Plan(
        definition=definition,
        layout=layout,
        slices=tuple(
            _planned(definition, layout, past, fence, models, sources, pace, stale_because)
            for past, fence in zip(pasts, fences, strict=True)
        ),
        pace=pace,
        on_stage=definition.checks.on_stage,
        by_engine=definition.checks.by_engine,
        counted_whole=tuple(source.name for source in sources if source.counts_whole),
    )


class _Models:
    """The registered models that slices would be scored by, each looked up once."""

    def __init__(self, project: Project, configured: Model, version: int | None, *, keeps_pinned: bool) -> None:
        self._project, self._configured, self._keeps_pinned = project, configured, keeps_pinned and version is None
        self.asked = look_up(project, configured if version is None else configured.with_version(version))
        self._pinned: dict[int, RegisteredModel | None] = {}

    def of(self, published: Entry | None) -> tuple[RegisteredModel, tuple[str, ...]]:
        """The model for a slice, and what is odd about it.

        A slice that was published by a version of a person's choice stays with that.
        """
        version = pinned_version(published)
        if version is None or not self._keeps_pinned:
            return self.asked, ()
        if version not in self._pinned:
            try:
                self._pinned[version] = look_up(self._project, self._configured.with_version(version))
            except UnknownModelError:  # it is gone: nothing else can score the slice than what is configured
                self._pinned[version] = None
        pinned = self._pinned[version]
        return (self.asked, (f"version {version}, which was asked for, is gone",)) if pinned is None else (pinned, ())


def _planned(
    definition: Definition,
    layout: Layout,
    past: Past,
    fence: int,
    models: _Models,
    sources: Sequence[OpenSource],
    pace: Pace | None,
    stale_because: Collection[Cause],
) -> PlannedSlice:
    pipeline, day = definition.pipeline, past.state.slice.score_date
    known = past.known_sources(pipeline)
    pinned = [source.pinned(day, known.get(source.name)) for source in sources]
    published = past.published() if len(past.state.runs) <= 1 else None
    model, odd = models.of(published)
    now = build_manifest(
        pipeline,
        day,
        fence,
        pinned,
        model,
        definition.query,
        definition.checks.suite,
        definition.feature_source,
    )
    state, reasons, also = judge(
        layout,
        past,
        published,
        now,
        pinned[0],
        stale_because,
        is_off=not pipeline.has_slice(day),
        accepts_empty=pipeline.accepts_empty,
    )
    counted = pinned[0].pinned.rows
    if counted is None and published is not None and state in ("current", "pinned"):
        counted = published.rows_input  # by the run that read the same rows
    rows = _estimate(published, pace) if counted is None and state != "off" else counted
    return PlannedSlice(
        score_date=day,
        state=state,
        reasons=reasons,
        also=also + odd,
        model=model,
        sources={source.name: source.pinned.version for source in pinned},
        rows=rows,
        is_rows_estimated=counted is None and rows is not None,
        seconds=None if pace is None else pace.seconds(rows or 0),
        replaces=_replaced(past, published),
        needs_force=len(past.state.runs) > 1 or (published is not None and published.run_key == now.run_key),
        fence=fence,
    )


def _replaced(past: Past, published: Entry | None) -> Replaced | None:
    if not past.state.is_published:
        return None
    if published is None:
        return Replaced(", ".join(sorted(past.state.runs)) or "unknown", None, None if past.state.runs else 0)
    return Replaced(published.run_id, published.model_version, published.rows_scored)


def _estimate(published: Entry | None, pace: Pace | None) -> int | None:
    """How many rows a slice is likely to have, by its own last run or by others."""
    if published is not None and published.rows_input is not None:
        return published.rows_input
    return None if pace is None else pace.usual_rows
