"""Judges whether a run would change a slice: by what is published of it, by its last runs, and by what is there now."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pipelines.errors import shortened
from pipelines.inputs.pinning import PinnedSource
from pipelines.resolution.layout import Layout
from pipelines.resolution.manifest import Manifest, manifest_of
from pipelines.resolution.manifest_diff import Changes, changes, is_rejected_by_history, judging_of
from pipelines.runs.recovery import Past, is_alive
from pipelines.tables.ledger import UNFINISHED, Entry

State = Literal["missing", "stale", "current", "pinned", "rejected", "retracted", "empty", "off", "running"]
Cause = Literal["model", "code", "packages"]
CAUSES: tuple[Cause, ...] = ("model", "code", "packages")
"""What makes published slices stale only when asked for: else each release would rewrite all history."""
JUDGED = ("published", "superseded", "rejected", "retracted")
"""How runs end that came to a verdict."""
LONGEST_REASON = 200


def judge(
    layout: Layout,
    past: Past,
    published: Entry | None,
    now: Manifest,
    main: PinnedSource,
    stale_because: Collection[Cause],
    *,
    is_off: bool,
    accepts_empty: bool = False,
) -> tuple[State, tuple[str, ...], tuple[str, ...]]:
    """Hold a slice against what a run of it now would read and use.

    Args:
        layout: where the tables are.
        past: the slice, and the runs at it.
        published: the run that is published, where exactly one is and the ledger knows it.
        now: what a run would be fixed to.
        main: the first source, whose rows are scored.
        stale_because: what else makes a published slice stale.
        is_off: whether the pipeline has no slice of that day.
        accepts_empty: whether a day without rows is published as an empty slice.

    Returns:
        Its state, the reasons, and what differs without being one.
    """
    running = [entry.run_id for entry in past.runs if _is_running(layout, past, entry)]
    if running:
        return "running", tuple(f"run {run_id} is running" for run_id in running), ()
    state, reasons, also = _by_table(past, published, now, main.name, stale_because)
    if is_off and state == "missing":
        return "off", (), also
    if state in ("missing", "stale") and len(past.state.runs) <= 1 and past.runs:
        retracted = past.retracted(now.run_key)
        if retracted is not None:
            return "retracted", (_ending(retracted),), also
        judged = [entry for entry in past.runs if entry.state in JUDGED]
        if judged and judged[-1].state == "rejected":
            since = _since(judged[-1], now, main.name)
            if not since:
                return "rejected", (_ending(judged[-1]),), also
            reasons = (*reasons, f"run {judged[-1].run_id} was rejected; since then: {', '.join(since)}")
        if past.runs[-1].state not in JUDGED:
            reasons = (*reasons, _ending(past.runs[-1]))
    if state == "missing" and main.pinned.rows == 0:
        no_row = f"{main.name} has no row of it"
        return ("missing", (*reasons, no_row), also) if accepts_empty else ("empty", (no_row,), also)
    return state, reasons, also


def _is_running(layout: Layout, past: Past, entry: Entry) -> bool:
    """Whether a process may be running the slice: a run that a newer one overtook changes nothing any more."""
    is_over = entry.fence is not None and entry.fence <= past.state.last_fence
    return entry.state in UNFINISHED and not is_over and is_alive(layout, entry)


def _by_table(
    past: Past, published: Entry | None, now: Manifest, main: str, stale_because: Collection[Cause]
) -> tuple[State, tuple[str, ...], tuple[str, ...]]:
    if not past.state.is_published:
        return "missing", (), ()
    if published is None:
        runs = ", ".join(sorted(past.state.runs))
        unknown = f"the ledger does not know run {runs}: see `lakescore repair`"
        if past.state.empty_fence is not None:
            unknown = "it is published as empty, by a run that the ledger does not know"
        return "stale", ("rows of several runs stand in it" if len(past.state.runs) > 1 else unknown,), ()
    manifest = manifest_of(published)
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
    manifest = manifest_of(ended)
    if manifest is None:
        return ("its manifest is unknown",)
    changed = changes(manifest, now)
    named = _inputs(changed, main) + judging_of(ended, changed)
    if changed.model:
        named += (f"model {changed.model}",)
    if is_rejected_by_history(ended):
        named += ("the slices before it may have changed",)
    return named


def _ending(ended: Entry) -> str:
    words = {"started": "ended without saying how"}.get(ended.state, ended.state)
    error = shortened((ended.error or "").splitlines()[0] if ended.error else "", LONGEST_REASON)
    return f"run {ended.run_id} {words}{f': {error}' if error else ''}"


def pinned_version(published: Entry | None) -> int | None:
    """The version by which a slice was published, if a person asked for it where an alias is configured."""
    manifest = manifest_of(published) if published is not None else None
    if manifest is None or manifest.model.alias is not None:
        return None
    by_alias = manifest.configuration.pipeline["model"].get("alias") is not None
    return manifest.model.version if by_alias else None
