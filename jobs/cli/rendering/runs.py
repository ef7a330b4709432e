"""How runs look: what came of one, the list of them, and what one gave when it was scored again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.cli.terminal import new_table, say, show
from pipelines.runs.progress import by_step

if TYPE_CHECKING:
    from pipelines.provenance.reproducing import Replay
    from pipelines.resolution.manifest import ManifestSource
    from pipelines.runs.results import Result
    from pipelines.tables.ledger import Entry
    from pipelines.validation.verdict import CheckResult


def show_result(result: Result) -> None:
    """The summary of a run."""
    model, counts = result.model, result.counts
    alias = f" ({model.alias})" if model.alias else ""
    outcome = {
        "published": "published",
        "already_done": "nothing to do: the published run has the same input, model and configuration",
        "superseded": "superseded: a newer attempt published this slice",
    }[result.outcome]
    say(f"{result.pipeline} {result.score_date}: {outcome}")
    say(f"  run      {result.run_id}")
    say(f"  model    {model.label}{alias}, digest {model.digest[:12]}")
    say(f"  input    {', '.join(_source(source) for source in result.sources)}")
    say(f"  rows     {counts.input} = {counts.scored} scored + {counts.quarantined} quarantined")
    show_reasons(result)
    if result.outcome != "already_done":
        timings = by_step(result.timings)
        seconds = ", ".join(f"{step} {took:.2f}" for step, took in timings.items())
        say(f"  seconds  {sum(timings.values()):.1f}: {seconds}")
    for kind, place in result.tables.items():
        say(f"  {kind:<12}{place}")


def show_reasons(result: Result) -> None:
    """The rules that rows broke, and the gates that warn."""
    broken = result.verdict.broken_rules()
    for check in broken:
        effect = "quarantined" if check.action != "warn" else check.severity
        say(f"    {check.unexpected_count:>6} {effect:<12}{check.check_id} ({check.expected})")
    for check in result.verdict.results:
        if check.kind == "gate" and not check.success:
            found = f"{check.found or _number(check.observed)}, expected {check.expected}"
            say(f"    {'gate':>6} {check.severity:<12}{check.check_id}: {found}")


def show_runs(entries: Sequence[Entry]) -> None:
    """The ledger's last word on runs."""
    if not entries:
        say("no runs yet")
        return
    table = new_table(("run", "pipeline", "date", "model", "state"), ("input", "scored", "quarantined"), ("at (UTC)",))
    for entry in entries:
        counts = [entry.rows_input, entry.rows_scored, entry.rows_quarantined]
        table.add_row(
            entry.run_id,
            entry.pipeline,
            entry.score_date.isoformat(),
            f"{entry.model_name} {entry.model_version or ''}",
            entry.state,
            *["" if count is None else str(count) for count in counts],
            "" if entry.at is None else f"{entry.at:%Y-%m-%d %H:%M:%S}",
        )
    show(table)


def show_run(history: Sequence[Entry], latest: Entry) -> None:
    """One run whole: its states, what fixed it, and every check."""
    for entry in history:
        error = f"  {entry.error}" if entry.error else ""
        say(f"{entry.at:%Y-%m-%d %H:%M:%S} {entry.state}{error}")
    from pipelines.validation.verdict import Verdict

    results = Verdict.from_json(latest.verdict).results
    _show_checks([result for result in results if not result.success])
    manifest = latest.value("manifest") or {}
    for name, value in manifest.items():
        if name != "configuration":
            say(f"  {name:<22}{value if isinstance(value, str | int) else json.dumps(value)}")
    counts = f"input {latest.rows_input}, scored {latest.rows_scored}, quarantined {latest.rows_quarantined}"
    say(f"  rows                  {counts}")
    if latest.accepted:
        say(f"  accepted              {latest.accepted}")
    say(f"  timings               {latest.timings}")
    _show_checks([result for result in results if result.success])


def _show_checks(results: Sequence[CheckResult]) -> None:
    for result in results:
        mark = "ok" if result.success else "FAILED" if result.kind == "gate" else "broken"
        count = f", {result.unexpected_count} rows" if result.unexpected_count else ""
        say(
            f"  {mark:<7}{result.kind:<5}{result.severity:<9}{result.check_id}: "
            f"{result.found or _number(result.observed)}{count}; expected {result.expected}"
        )


def _source(source: ManifestSource) -> str:
    return f"{source.name} {'files' if source.version is None else f'version {source.version}'}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.15g}"


def show_replay(replay: Replay) -> None:
    """What a run gave when it was scored again."""
    name = f"{replay.pipeline} {replay.score_date}, run {replay.run_id}"
    if replay.unavailable:
        say(f"{name}: cannot be replayed, as this can no longer be had:")
        for line in replay.unavailable:
            say(f"  {line}")
    elif replay.is_equal:
        say(f"{name}: {replay.compared} rows scored again, each equal to the last bit")
    else:
        say(f"{name}: NOT the same")
        counts = f"{replay.differing} differ, {replay.lost} are refused or missing now, {replay.gained} are new"
        say(f"  rows      {replay.compared} compared; {counts}")
        for output, largest in (replay.largest or {}).items():
            say(f"  largest   {output}: {largest:.6g}")
        if replay.example:
            say(f"  example   {', '.join(f'{key}={value}' for key, value in replay.example.items())}")
    for line in replay.environment:
        say(f"  changed   {line}")
