"""What a run over a period would do to each of its slices, and why; nothing is scored or written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pyspark.sql import SparkSession

from pipelines.config import Pipeline, Project
from pipelines.config.models import Model
from pipelines.errors import UnknownModelError, shortened
from pipelines.models.registry import RegisteredModel
from pipelines.runs.definition import Definition, define
from pipelines.runs.layout import Layout, in_catalog, locate
from pipelines.runs.manifest import Manifest, build_manifest
from pipelines.runs.pace import Pace, pace_of
from pipelines.runs.periods import days_of
from pipelines.runs.preparation import look_up
from pipelines.runs.recovery import Past, is_alive, look_back_at
from pipelines.runs.sources import OpenSource, PinnedSource, open_sources
from pipelines.runs.staleness import Changes, changes, is_rejected_by_history
from pipelines.runs.tables import require_existing
from pipelines.tables.ledger import UNFINISHED, Entry
from pipelines.tables.slices import Slice

State = Literal["missing", "stale", "current", "pinned", "rejected", "retracted", "empty", "running"]
Cause = Literal["model", "code", "packages"]
CAUSES: tuple[Cause, ...] = ("model", "code", "packages")
"""What makes published slices stale only when asked for: else each release would rewrite all history."""
JUDGED = ("published", "superseded", "rejected", "retracted")
"""How runs end that came to a verdict."""
LONGEST_REASON = 200


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
            ended the last run, and a new one would find the same. `empty`: the source has no row of it. `running`: a
            process is at it.
        reasons: why.
        also: what differs without making the slice stale.
        model: what would score it.
        sources: the versions that would be read, by source; None for files.
        rows: how many rows there would be to score; None where nothing tells.
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
    seconds: float | None
    replaces: Replaced | None
    needs_force: bool
    fence: int

    @property
    def is_due(self) -> bool:
        """Whether a backfill would run the slice unasked."""
        return self.state in ("missing", "stale")

    def as_json(self) -> dict[str, Any]:
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
    """

    definition: Definition = field(repr=False)
    layout: Layout = field(repr=False)
    slices: tuple[PlannedSlice, ...]
    pace: Pace | None
    on_stage: tuple[str, ...]
    by_engine: Mapping[str, str]

    @property
    def pipeline(self) -> Pipeline:
        return self.definition.pipeline

    def as_json(self) -> dict[str, Any]:
        """The plan as plain values."""
        return {
            "pipeline": self.pipeline.name,
            "slices": [slice_.as_json() for slice_ in self.slices],
            "pace": None if self.pace is None else asdict(self.pace),
            "on_stage": list(self.on_stage),
            "by_engine": dict(self.by_engine),
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
    spark = session() if in_catalog(pipeline) else None
    layout = locate(spark, project, pipeline)
    require_existing(layout, name)
    # Before model and sources are looked at: who looks later must win over what is decided here.
    pasts = look_back_at(layout, name, [Slice(day, pipeline.model.name) for day in days])
    fences = [past.next_fence for past in pasts]
    models = _Models(project, pipeline.model, model_version, keeps_pinned="model" not in stale_because)
    sources = open_sources(spark, project, pipeline)
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


def pinned_version(published: Entry | None) -> int | None:
    """The version by which a slice was published, if a person asked for it where an alias is configured."""
    manifest = published.value("manifest") if published is not None else None
    if manifest is None or manifest["model"]["alias"] is not None:
        return None
    by_alias = manifest["configuration"]["pipeline"]["model"].get("alias") is not None
    return int(manifest["model"]["version"]) if by_alias else None


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
    published = past.published() if len(past.state.runs) == 1 else None
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
    state, reasons, also = _judged(layout, past, published, now, pinned[0], stale_because)
    rows = _rows(pinned[0], published, pace)
    return PlannedSlice(
        score_date=day,
        state=state,
        reasons=reasons,
        also=also + odd,
        model=model,
        sources={source.name: source.pinned.version for source in pinned},
        rows=rows,
        seconds=None if pace is None else pace.seconds(rows or 0),
        replaces=_replaced(past, published),
        needs_force=len(past.state.runs) > 1 or (published is not None and published.run_key == now.run_key),
        fence=fence,
    )


def _judged(
    layout: Layout,
    past: Past,
    published: Entry | None,
    now: Manifest,
    main: PinnedSource,
    stale_because: Collection[Cause],
) -> tuple[State, tuple[str, ...], tuple[str, ...]]:
    """A slice's state, the reasons, and what differs without being one."""
    at_work = [entry.run_id for entry in past.runs if _is_at_work(layout, past, entry)]
    if at_work:
        return "running", tuple(f"run {run_id} is at it" for run_id in at_work), ()
    state, reasons, also = _by_table(past, published, now, main.name, stale_because)
    if state in ("missing", "stale") and len(past.state.runs) <= 1 and past.runs:
        retracted = past.retracted(now.run_key)
        if retracted is not None:
            return "retracted", (_told(retracted),), also
        judged = [entry for entry in past.runs if entry.state in JUDGED]
        if judged and judged[-1].state == "rejected":
            since = _since(judged[-1], now, main.name)
            if not since:
                return "rejected", (_told(judged[-1]),), also
            reasons = (*reasons, f"run {judged[-1].run_id} was rejected; since then: {', '.join(since)}")
        if past.runs[-1].state not in JUDGED:
            reasons = (*reasons, _told(past.runs[-1]))
    if state == "missing" and main.pinned.rows == 0:
        return "empty", (f"{main.name} has no row of it",), also
    return state, reasons, also


def _is_at_work(layout: Layout, past: Past, entry: Entry) -> bool:
    """Whether a process may be at the slice: a run that a newer one overtook changes nothing any more."""
    is_over = entry.fence is not None and entry.fence <= past.state.last_fence
    return entry.state in UNFINISHED and not is_over and is_alive(layout, entry)


def _by_table(
    past: Past, published: Entry | None, now: Manifest, main: str, stale_because: Collection[Cause]
) -> tuple[State, tuple[str, ...], tuple[str, ...]]:
    if not past.state.runs:
        return "missing", (), ()
    if published is None:
        runs = ", ".join(sorted(past.state.runs))
        unknown = f"the ledger does not know run {runs}: see `lakescore repair`"
        return "stale", ("rows of several runs stand in it" if len(past.state.runs) > 1 else unknown,), ()
    manifest = published.value("manifest")
    if manifest is None:  # a repair entered it
        is_same = published.run_key == now.run_key
        return ("current", (), ()) if is_same else ("stale", ("input, model or configuration changed",), ())
    changed = changes(manifest, now)
    asked = _asked(changed)
    counted = tuple(asked[cause] for cause in CAUSES if cause in stale_because and asked[cause])
    also = tuple(asked[cause] for cause in CAUSES if cause not in stale_because and asked[cause])
    reasons = _inputs(changed, main) + counted
    if reasons:
        return "stale", reasons, also
    version = pinned_version(published)
    pinned = (f"published with version {version}, as asked",)
    return ("current", (), also) if version is None else ("pinned", pinned, also)


def _inputs(changed: Changes, main: str) -> tuple[str, ...]:
    """What makes a slice stale in any case."""
    sources = tuple(f"{'input' if name == main else 'joined table'} {name} changed" for name in changed.sources)
    return sources + tuple(f"configuration: {key}" for key in changed.configuration)


def _asked(changed: Changes) -> dict[Cause, str]:
    """What makes a slice stale only for who asks for it."""
    packages = ", ".join(changed.packages)
    return {
        "model": f"model {changed.model}" if changed.model else "",
        "code": f"code {changed.code}" if changed.code else "",
        "packages": f"packages {packages}" if packages else "",
    }


def _since(ended: Entry, now: Manifest, main: str) -> tuple[str, ...]:
    """What changed since a run was rejected that might make a new one end otherwise."""
    manifest = ended.value("manifest")
    if manifest is None:
        return ("its manifest is unknown",)
    changed = changes(manifest, now)
    named = _inputs(changed, main) + changed.judging
    if changed.model:
        named += (f"model {changed.model}",)
    if is_rejected_by_history(ended):
        named += ("the slices before it may have changed",)
    return named


def _told(ended: Entry) -> str:
    words = {"started": "ended without a word"}.get(ended.state, ended.state)
    error = shortened((ended.error or "").splitlines()[0] if ended.error else "", LONGEST_REASON)
    return f"run {ended.run_id} {words}{f': {error}' if error else ''}"


def _replaced(past: Past, published: Entry | None) -> Replaced | None:
    if not past.state.runs:
        return None
    if published is None:
        return Replaced(", ".join(sorted(past.state.runs)), None, None)
    return Replaced(published.run_id, published.model_version, published.rows_scored)


def _rows(main: PinnedSource, published: Entry | None, pace: Pace | None) -> int | None:
    if main.pinned.rows is not None:
        return main.pinned.rows
    if published is not None and published.rows_input is not None:
        return published.rows_input
    return None if pace is None else pace.usual_rows
