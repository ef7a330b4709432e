"""What earlier runs of a slice left behind: used where whole, cleared where not, and told by the ledger as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pipelines.runs.auditing import Counts
from pipelines.runs.layout import Layout
from pipelines.runs.manifest import Manifest
from pipelines.tables.fingerprints import Known
from pipelines.tables.ledger import UNFINISHED, Entry
from pipelines.tables.stages import Stage, abandoned
from pipelines.tables.stages import at as stage_at


def known_sources(earlier: Sequence[Entry], published_run: str | None) -> dict[str, Known]:
    """What the slice's published run found of its sources, so that their logs need not be read from the start.

    Args:
        earlier: the ledger's last word on each run of the slice.
        published_run: the id of the published one.
    """
    manifest = next((entry.value("manifest") for entry in earlier if entry.run_id == published_run), None) or {}
    return {
        source["name"]: Known(source["version"], source["fingerprint"])
        for source in manifest.get("sources", [])
        if source["version"] is not None
    }


def reusable_stage(layout: Layout, manifest: Manifest) -> Stage | None:
    """A complete stage of the same run key, code and packages that no process works on; its lock is held."""
    wanted = {"run_key": manifest.run_key, "code_version": manifest.code_version, "packages": manifest.packages}
    for stage in abandoned(layout.stages):
        marker = stage.marker()
        if marker is not None and all(marker.get(name) == value for name, value in wanted.items()):
            return stage
        stage.leave()
    return None


def settle(layout: Layout, earlier: Sequence[Entry], published_run: str | None) -> None:
    """Make the ledger tell what became of the slice's runs whose process is gone, and clear their unfinished stages.

    Args:
        layout: where ledger and stages are.
        earlier: the ledger's last word on each run of the slice.
        published_run: the id of the one whose rows are the slice.
    """
    for entry in earlier:
        if entry.state not in UNFINISHED:
            continue
        stage = stage_at(layout.stages, entry.run_id)
        if not stage.lock.acquire():
            continue  # it is alive, or on an object store, where nothing tells
        marker = stage.marker()
        if entry.run_id == published_run:
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
