"""How results look: tables and a spinner on a terminal, plain lines when piped."""

from __future__ import annotations

import copy
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from pipelines.runs.steps import by_step

if TYPE_CHECKING:
    from pipelines.runs.certifying import Certificate
    from pipelines.runs.checking import Report
    from pipelines.runs.findings import Finding
    from pipelines.runs.reproducing import Replay
    from pipelines.runs.results import Result
    from pipelines.runs.steps import Progress, Step
    from pipelines.runs.tables import TableChange
    from pipelines.tables.ledger import Entry

PIPED_WIDTH = 10_000
"""Characters of a line that is piped: nothing wraps, whoever reads it looks line by line."""
STEPS = {
    "resolve": "looking up versions",
    "read": "checking source, features and model against each other",
    "score": "validating and scoring",
    "audit": "auditing the stage",
    "quarantine": "writing the quarantine",
    "publish": "publishing the predictions",
    "record": "writing the ledger",
}
GAP = 2
"""Characters between two columns."""
NARROWEST = 12
"""Characters below which a column of texts that wrap is not read any more."""


class _Console(Console):
    """One that shows texts as they are, and ends well once whoever reads it has seen enough, as with `| head`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, emoji=False, **options)

    def on_broken_pipe(self) -> None:
        os._exit(0)


_OUT = _Console()
_LINES = _Console(width=PIPED_WIDTH, file=io.StringIO(), force_terminal=False)
ERRORS = _Console(stderr=True)
"""The error stream; one console, so that lines and a live bar do not overwrite each other."""


def say(text: str) -> None:
    """One line, as it is."""
    _OUT.print(escape(text), soft_wrap=True)


def show(table: Table) -> None:
    """A table; lines without rules when piped, and on a terminal that is too narrow for it."""
    if _OUT.is_terminal and _needs(table) <= _OUT.width:
        _OUT.print(table)
        return
    plain = copy.copy(table)
    plain.box, plain.padding = None, (0, GAP, 0, 0)
    with _LINES.capture() as lines:
        _LINES.print(plain)
    for line in lines.get().splitlines():
        say(line.rstrip())


def _needs(table: Table) -> int:
    """The characters that a table takes with all that may not wrap whole."""

    def width(column: Column) -> int:
        widest = max(Text.from_markup(str(cell)).cell_len for cell in [column.header, *column.cells])
        return widest if column.no_wrap or column.justify == "right" else min(widest, NARROWEST)

    return sum(width(column) + GAP for column in table.columns)


def show_error(text: str) -> None:
    """An error, on the error stream."""
    ERRORS.print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)


@contextmanager
def working(what: str) -> Iterator[None]:
    """A spinner on a terminal while something takes its time; nothing elsewhere.

    It is on the error stream, and so is all that is printed meanwhile: only `note`; answers come after it.
    """
    if ERRORS.is_terminal:
        with ERRORS.status(f"{escape(what)} …"):
            yield
    else:
        yield


@contextmanager
def progress(title: str, *, quiet: bool) -> Iterator[Progress]:
    """Tell each step as it begins: a spinner on a terminal, lines on the error stream otherwise."""
    if quiet:
        yield _silent
    elif ERRORS.is_terminal:
        with ERRORS.status(f"{title}: starting") as status:
            yield lambda step: status.update(f"{title}: {STEPS[step]} …")
    else:
        yield lambda step: ERRORS.print(f"{title}: {STEPS[step]}", soft_wrap=True)


def _silent(step: Step) -> None:
    """Tell nothing."""


def show_result(result: Result) -> None:
    """The summary of a run."""
    model, counts = result.model, result.counts
    alias = f" ({model['alias']})" if model["alias"] else ""
    outcome = {
        "published": "published",
        "already_done": "nothing to do: the published run has the same input, model and configuration",
        "superseded": "superseded: a newer attempt published this slice",
    }[result.outcome]
    say(f"{result.pipeline} {result.score_date}: {outcome}")
    say(f"  run      {result.run_id}")
    say(f"  model    {model['name']} version {model['version']}{alias}, digest {model['digest'][:12]}")
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


def show_finding(finding: Finding) -> None:
    """A line of the doctor's; what to do below it."""
    color = {"ok": "green", "warning": "yellow", "problem": "bold red"}[finding.status]
    _OUT.print(f"[{color}]{finding.status:<8}[/] {escape(finding.what)}: {escape(finding.found)}", soft_wrap=True)
    if finding.remedy:
        _OUT.print(f"         to do: {escape(finding.remedy)}", soft_wrap=True)


def show_reports(reports: Sequence[Report]) -> None:
    """What a check found in order."""
    for report in reports:
        model = f", model {report.model}" if report.model else ""
        say(f"{report.pipeline}: ok; {report.rules} rules and {report.gates} gates in one pass{model}")
        if report.on_stage:
            say(f"  judged on the stage, as they speak of the slice as a whole: {', '.join(report.on_stage)}")
        for check_id, why in report.by_engine.items():
            say(f"  {check_id}: computed by Great Expectations' engine, which reads the slice again: {why}")
        for feature, casts in report.unjudged.items():
            say(f"  feature {feature}: no rule can tell whether {', '.join(casts)} changes a value")


def show_tables(changes: Sequence[TableChange]) -> None:
    """What became of tables."""
    for change in changes:
        added = f"; added {', '.join(change.columns_added)}" if change.columns_added else ""
        say(f"{change.table:<12}{change.location}{added}")


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
    results = latest.value("verdict") or []
    _show_checks([result for result in results if not result["success"]])
    manifest = latest.value("manifest") or {}
    for name, value in manifest.items():
        if name != "configuration":
            say(f"  {name:<22}{value if isinstance(value, str | int) else json.dumps(value)}")
    counts = f"input {latest.rows_input}, scored {latest.rows_scored}, quarantined {latest.rows_quarantined}"
    say(f"  rows                  {counts}")
    if latest.accepted:
        say(f"  accepted              {latest.accepted}")
    say(f"  timings               {latest.timings}")
    _show_checks([result for result in results if result["success"]])


def _show_checks(results: Sequence[dict[str, Any]]) -> None:
    for result in results:
        mark = "ok" if result["success"] else "FAILED" if result["kind"] == "gate" else "broken"
        count = f", {result['unexpected_count']} rows" if result["unexpected_count"] else ""
        say(
            f"  {mark:<7}{result['kind']:<5}{result['severity']:<9}{result['check_id']}: "
            f"{result['found'] or _number(result['observed'])}{count}; expected {result['expected']}"
        )


def as_plain(entry: Entry) -> dict[str, Any]:
    """A ledger row with its JSON columns opened."""
    plain = asdict(entry)
    opened = {name: entry.value(name) for name in ("manifest", "verdict", "timings", "accepted")}
    return {**plain, **opened}


def _source(source: dict[str, Any]) -> str:
    version = "files" if source["version"] is None else f"version {source['version']}"
    return f"{source['name']} {version}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.15g}"


def note(text: str, *, quiet: bool = False) -> None:
    """One line on the error stream, of what is being done."""
    if not quiet:
        ERRORS.print(escape(text), soft_wrap=True)


def show_question(question: str) -> None:
    """A question on the error stream, with the cursor behind it."""
    ERRORS.print(f"{escape(question)}: ", end="", soft_wrap=True)


def new_table(texts: Sequence[str], numbers: Sequence[str], more: Sequence[str] = ()) -> Table:
    """A table with columns of texts, of numbers, and of texts that may wrap. Cells are Rich's markup: escape texts."""
    table = Table(box=SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False)  # the box itself leaves one
    for name in texts:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right")
    for name in more:
        table.add_column(name)
    return table


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


def show_certificate(certificate: Certificate) -> None:
    """How far apart the results of each way of scoring are."""
    model = certificate.model
    say(f"{certificate.pipeline} {certificate.score_date}: {model['name']} version {model['version']}")
    say(f"  {certificate.sample} rows, held against {certificate.reference}")
    table = new_table(("way",), ("rows", "largest difference", "differing rows"), ("example",))
    for way in certificate.ways:
        largest = "-" if way.largest_difference is None else f"{way.largest_difference:.3g}"
        table.add_row(way.name, str(way.rows), largest, str(way.differing_rows), escape(way.example))
    show(table)
    tolerance = f"{certificate.absolute:g} + {certificate.relative:g} x the value, and the same labels"
    say(f"{'within' if certificate.holds else 'NOT within'} the tolerance: {tolerance}")
