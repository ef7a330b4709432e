"""How the answer of `lakescore why` looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from jobs.cli.settings import command
from jobs.cli.terminal import new_table, say, show

if TYPE_CHECKING:
    from pipelines.models.explanations.contributions import Contributions
    from pipelines.provenance.explaining import Answer, Run

MOST_SHOWN = 10
WIDEST_BAR = 24
STATUS = {
    "scored": "scored",
    "quarantined": "quarantined: not scored, as a rule refused it",
    "waiting": "in the input, but no published run has judged it",
    "absent": "never in the input, and in none of the tables",
}


def show_answer(answer: Answer) -> None:
    """Why a row has its prediction, or none."""
    key = ", ".join(f"{name}={value}" for name, value in answer.key.items())
    stale = "; stale: input, model or configuration changed since" if answer.slice_state == "stale" else ""
    say(f"{answer.pipeline} {key}: {STATUS[answer.status]}{stale}")
    for name, value in answer.outputs.items():
        say(f"  {name:<12}{_short(value)}")
    for reason in answer.reasons:
        say(f"  reason      {reason.rule}: {reason.message}")
    if answer.score_date is not None:
        _show_slice(answer)
    if answer.run is not None:
        _show_run(answer.run)
    if answer.row:
        say(f"  row         {_listed(answer.row)}")
    if answer.features is not None:
        _show_features(answer.features, answer.contributions)
    for note in answer.notes:
        say(f"  note        {note}")
    if answer.run is not None:
        say(f"  further     {command('runs', 'show', answer.run.run_id)}")


def _show_slice(answer: Answer) -> None:
    others = f"; also in {', '.join(map(str, answer.other_dates[:5]))}" if answer.other_dates else ""
    state = f", {answer.slice_state}" if answer.slice_state else ""
    say(f"  slice       {answer.score_date}{state}{others}")
    for line in answer.slice_reasons:
        say(f"              {line}")


def _show_run(run: Run) -> None:
    at = f", {run.at:%Y-%m-%d %H:%M:%S} UTC" if run.at is not None else ""
    say(f"  run         {run.run_id}, {run.state}{at}")
    if run.model is not None:
        alias = f" ({run.model.alias})" if run.model.alias else ""
        say(f"  model       {run.model.label}{alias}")
    if run.metrics:
        say(f"  metrics     {', '.join(f'{name} {value:.4g}' for name, value in sorted(run.metrics.items()))}")
    for source in run.sources:
        version = "files" if source.version is None else f"version {source.version}"
        say(f"  input       {source.name} {version} of {source.location}")
    for line in run.broken:
        say(f"  check       {line}")
    if run.accepted:
        say(f"  accepted    {run.accepted}")


def _show_features(features: Mapping[str, Any], found: Contributions | None) -> None:
    """The features as the model saw them; with what each added, where the model tells."""
    say(f"  features    {_listed(features)}")
    if found is None:
        return
    largest = found.largest(MOST_SHOWN)
    longest = max((abs(value) for _, value in largest), default=1.0)
    say(f"  {found.of} {found.total:+.4f} = {found.base:+.4f} at the base, and")
    table = new_table(["input", "value"], ["added"], [""])
    for name, value in largest:
        bar = "█" * max(1, round(abs(value) / longest * WIDEST_BAR))
        color = "red" if value < 0 else "green"
        shown = escape(_short(features.get(name, "")))
        table.add_row(escape(name), shown, f"{value:+.4f}", f"[{color}]{bar}[/]")
    others = sum(1 for value in found.by_input.values() if value) - len(largest)
    if others:
        rest = found.total - found.base - sum(value for _, value in largest)
        table.add_row(f"{others} others", "", f"{rest:+.4f}", "")
    show(table)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in values.items())


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
