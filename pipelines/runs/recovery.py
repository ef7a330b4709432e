"""What earlier runs of a slice left behind: used where whole, cleared where not, and recorded as it is."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from pipelines.config import HistoryGate, Pipeline
from pipelines.passes.stage_record import StageRecord, record_of
from pipelines.resolution.layout import Layout
from pipelines.resolution.manifest import Manifest, manifest_of
from pipelines.tables.fingerprints import Known
from pipelines.tables.ledger import UNFINISHED, Entry, State
from pipelines.tables.locations import local_path
from pipelines.tables.locking import RunLock
from pipelines.tables.slices import Slice, SliceState, look_at_slice, look_at_slices
from pipelines.tables.stages import Stage, abandoned
from pipelines.tables.stages import at as stage_at
from pipelines.validation.history_measures import subject
from pipelines.validation.verdict import Counts

LONGEST_RUN = dt.timedelta(days=1)
CLEARED: frozenset[State] = frozenset({"published", "superseded", "retracted"})
"""The states of runs whose stage serves nothing any more."""


@dataclass(frozen=True)
class Past:
    """What happened to a slice before this run.

    Args:
        state: what the predictions table says.
        runs: the ledger's last word on each run, oldest first.
    """

    state: SliceState
    runs: tuple[Entry, ...]

    @property
    def next_fence(self) -> int:
        """The number of the attempt that begins now."""
        return self.state.next_fence()

    @property
    def published_run(self) -> str | None:
        """The id of the run that is published, or None where none is.

        Raises:
            TableError: rows of several runs stand in the slice.
        """
        of_rows = self.state.published_run
        return of_rows or next((one.run_id for one in self.runs if self.state.is_of(one.run_id, one.fence)), None)

    def published(self) -> Entry | None:
        """The run that is published, if the ledger knows it.

        Raises:
            TableError: rows of several runs stand in the slice.
        """
        return next((entry for entry in self.runs if entry.run_id == self.published_run), None)

    def retracted(self, run_key: str) -> Entry | None:
        """The run that published the same rows and was taken back, if there is one."""
        return next((entry for entry in self.runs if entry.state == "retracted" and entry.run_key == run_key), None)

    def known_sources(self, pipeline: Pipeline) -> dict[str, Known]:
        """What the published run found of its sources, so that their logs need not be read from the start.

        Nothing where the slice was selected in another way then: its fingerprints speak of other rows.
        """
        entry = self.published() if len(self.state.runs) <= 1 else None
        manifest = None if entry is None else manifest_of(entry)
        now = pipeline.model_dump(mode="json", exclude_defaults=True)["source"]
        if manifest is None or manifest.configuration.pipeline.get("source") != now:
            return {}
        return {
            source.name: Known(source.version, source.fingerprint)
            for source in manifest.sources
            if source.version is not None
        }


def look_back(layout: Layout, pipeline: str, slice_: Slice) -> Past:
    """The slice's past, by its table and the ledger."""
    (past,) = look_back_at(layout, pipeline, [slice_])
    return past


def look_back_at(layout: Layout, pipeline: str, slices: Sequence[Slice]) -> list[Past]:
    """The past of each slice, by one look at their table and one at the ledger."""
    days = [slice_.score_date for slice_ in slices]
    runs: dict[Slice, list[Entry]] = {slice_: [] for slice_ in slices}
    for entry in layout.ledger.latest(pipeline=pipeline, score_date=min(days), last_date=max(days)):
        runs.get(Slice(entry.score_date, entry.model_name), []).append(entry)
    return [Past(state, tuple(runs[state.slice])) for state in look_at_slices(layout.predictions, slices)]


def is_alive(layout: Layout, entry: Entry) -> bool:
    """Whether a process is working on a run that has not recorded its end.

    On an object store nothing tells: there a run counts as alive for a day.
    """
    lock = stage_at(layout.stages, entry.run_id).lock
    if lock.tells:
        return lock.is_held()
    return entry.at is not None and dt.datetime.now(dt.UTC) - entry.at < LONGEST_RUN


def reusable_stages(
    layout: Layout, manifests: Sequence[Manifest], history: Mapping[str, HistoryGate], locks: Mapping[str, RunLock]
) -> dict[str, tuple[Stage, StageRecord]]:
    """Complete stages of the same run key, code and packages that no process works on, made these runs' own.

    Args:
        layout: where the stages are.
        manifests: the runs'.
        history: the history gates, whose numbers the stages must tell.
        locks: those that the runs hold, by their ids.

    Returns:
        By the runs' ids, with what is on record of them.
    """
    left = {_made_by(manifest.run_key, manifest.code_version, manifest.packages): manifest for manifest in manifests}
    found = {}
    for stage in abandoned(layout.stages):
        record = record_of(stage)
        made_by = "" if record is None else _made_by(record.run_key, record.code_version, record.packages)
        if record is not None and made_by in left and _tells_of(history, record):
            run_id = left.pop(made_by).run_id
            found[run_id] = stage.handed_to(run_id, locks[run_id]), record
        stage.leave()
    return found


def _tells_of(history: Mapping[str, HistoryGate], record: StageRecord) -> bool:
    """Whether a stage tells the numbers that gates compare with earlier slices."""
    return all(
        name in record.history and record.history[name].subject == subject(gate) for name, gate in history.items()
    )


def _made_by(run_key: str, code_version: str, packages: Mapping[str, str]) -> str:
    return json.dumps([run_key, code_version, packages], sort_keys=True)


def settle(layout: Layout, past: Past, slice_: Slice) -> bool:
    """Make the ledger tell what became of the slice's runs whose process is gone, and clear their unfinished stages.

    Returns:
        Whether there was anything to tell.
    """
    for entry in past.runs:
        if entry.state in CLEARED:
            _clear_what_is_left(layout, entry)
    settled = [_settled(layout, entry, slice_) for entry in past.runs if entry.state in UNFINISHED]
    return any(settled)


def settle_at(layout: Layout, pipeline: str, slices: Sequence[Slice]) -> None:
    """Make the ledger tell what became of such runs of all slices; see `settle`."""
    for past in look_back_at(layout, pipeline, slices):
        settle(layout, past, past.state.slice)


def _clear_what_is_left(layout: Layout, entry: Entry) -> None:
    """Clear the stage of a run whose process ended after it had recorded its end; elsewhere than here `repair` does."""
    folder = local_path(layout.stages)
    if folder is None or not (folder / entry.run_id).is_dir():
        return
    stage = stage_at(layout.stages, entry.run_id)
    if stage.lock.acquire():
        with suppress(OSError):  # the process that ran it clears it too
            stage.clear()
        stage.leave()


def _settled(layout: Layout, entry: Entry, slice_: Slice) -> bool:
    stage = stage_at(layout.stages, entry.run_id)
    is_gone = stage.lock.acquire()
    try:
        # Only now that the lock is held: until then the run may have gone on, and recorded its end itself.
        state, record = look_at_slice(layout.predictions, slice_), record_of(stage)
        is_published = _is_published(state, entry, record)
        if not is_gone and (stage.lock.tells or not is_published):
            return False
        entry = layout.ledger.latest(run_id=entry.run_id)[-1]
        if entry.state not in UNFINISHED:
            return False
        if is_published:
            layout.ledger.append(_completed(entry, record, is_empty=state.empty_fence is not None))
        elif record is None and not stage.is_complete():
            if is_gone:  # first: whoever is killed in between finds the run as it was, and does it again
                stage.clear()
            layout.ledger.append(_closed(entry, "its process ended before its stage was complete"))
        else:
            layout.ledger.append(_closed(entry, "its process ended before it published; its stage is kept"))
        if is_gone and is_published:
            stage.clear()
        return True
    finally:
        stage.leave()


def _is_published(state: SliceState, entry: Entry, record: StageRecord | None) -> bool:
    """Whether a run is published. No row tells of an empty one, so its stage must not tell of rows either."""
    has_rows = record is not None and record.rows_input > 0
    return state.is_of(entry.run_id, None if has_rows else entry.fence)


def _completed(entry: Entry, record: StageRecord | None, *, is_empty: bool) -> Entry:
    """The entry that the run would have written, had its process lived on."""
    audit = None if record is None else record.audit
    counts = audit.counts if audit is not None else Counts(0, 0, 0) if is_empty else None
    accepted = None if audit is None or audit.accepted is None else json.dumps(asdict(audit.accepted))
    return replace(
        entry,
        state="published",
        manifest=None,
        rows_input=None if counts is None else counts.input,
        rows_scored=None if counts is None else counts.scored,
        rows_quarantined=None if counts is None else counts.quarantined,
        verdict=None if audit is None else json.dumps(audit.verdict.as_json()),
        accepted=accepted,
        error="its process ended after it published; this entry was completed by a later run",
    )


def _closed(entry: Entry, error: str) -> Entry:
    return replace(entry, state="failed", manifest=None, error=error)
