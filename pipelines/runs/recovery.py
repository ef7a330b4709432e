"""What earlier runs of a slice left behind: used where whole, cleared where not, and told by the ledger as it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pipelines.runs.auditing import Counts
from pipelines.runs.layout import Layout
from pipelines.runs.manifest import Manifest
from pipelines.tables.fingerprints import Known
from pipelines.tables.ledger import UNFINISHED, Entry
from pipelines.tables.slices import Slice, SliceState, look_at_slice
from pipelines.tables.stages import Stage, abandoned
from pipelines.tables.stages import at as stage_at


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

    def published(self) -> Entry | None:
        """The run whose rows are the slice, if the ledger knows it."""
        return next((entry for entry in self.runs if entry.run_id == self.state.published_run), None)

    def known_sources(self) -> dict[str, Known]:
        """What the published run found of its sources, so that their logs need not be read from the start."""
        entry = self.published()
        manifest = (entry.value("manifest") if entry is not None else None) or {}
        return {
            source["name"]: Known(source["version"], source["fingerprint"])
            for source in manifest.get("sources", [])
            if source["version"] is not None
        }


def look_back(layout: Layout, pipeline: str, slice_: Slice) -> Past:
    """The slice's past, by its table and the ledger."""
    runs = layout.ledger.latest(pipeline=pipeline, score_date=slice_.score_date)
    of_slice = tuple(entry for entry in runs if entry.model_name == slice_.model_name)
    return Past(look_at_slice(layout.predictions, slice_), of_slice)


def reusable_stage(layout: Layout, manifest: Manifest) -> Stage | None:
    """A complete stage of the same run key, code and packages that no process works on; its lock is held."""
    wanted = {"run_key": manifest.run_key, "code_version": manifest.code_version, "packages": manifest.packages}
    for stage in abandoned(layout.stages):
        marker = stage.marker()
        if marker is not None and all(marker.get(name) == value for name, value in wanted.items()):
            return stage
        stage.leave()
    return None


def settle(layout: Layout, past: Past) -> bool:
    """Make the ledger tell what became of the slice's runs whose process is gone, and clear their unfinished stages.

    Returns:
        Whether there was anything to tell.
    """
    told = False
    for entry in past.runs:
        if entry.state not in UNFINISHED:
            continue
        stage = stage_at(layout.stages, entry.run_id)
        if not stage.lock.acquire():
            continue  # it is alive, or on an object store, where nothing tells
        told = True
        marker = stage.marker()
        if entry.run_id == past.state.published_run:
            layout.ledger.append(_completed(entry, marker))
            stage.discard()
        elif marker is None:
            layout.ledger.append(
                _closed(entry, "its process ended before its stage was complete; nothing was published")
            )
            stage.discard()
        else:
            layout.ledger.append(
                _closed(entry, "its process ended before it published; its stage is complete and kept")
            )
            stage.leave()
    return told


def _completed(entry: Entry, marker: dict[str, Any] | None) -> Entry:
    """The entry that the run would have written, had its process lived on."""
    counts = Counts(**marker["counts"]) if marker and "counts" in marker else None
    return Entry(
        run_id=entry.run_id,
        pipeline=entry.pipeline,
        score_date=entry.score_date,
        model_name=entry.model_name,
        state="published",
        rows_input=counts.input if counts else None,
        rows_scored=counts.scored if counts else None,
        rows_quarantined=counts.quarantined if counts else None,
        verdict=json.dumps(marker["verdict"]) if marker and "verdict" in marker else None,
        error="its process ended after it published; this entry was completed by a later run",
    )


def _closed(entry: Entry, error: str) -> Entry:
    return Entry(
        run_id=entry.run_id,
        pipeline=entry.pipeline,
        score_date=entry.score_date,
        model_name=entry.model_name,
        state="failed",
        error=error,
    )
