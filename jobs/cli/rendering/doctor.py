"""How the doctor's findings look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from jobs.cli.terminal import say_styled

if TYPE_CHECKING:
    from pipelines.diagnostics.finding import Finding


def show_finding(finding: Finding) -> None:
    """A line of the doctor's; what to do below it."""
    color = {"ok": "green", "warning": "yellow", "problem": "bold red"}[finding.status]
    say_styled(f"[{color}]{finding.status:<8}[/] {escape(finding.what)}: {escape(finding.found)}")
    if finding.remedy:
        say_styled(f"         to do: {escape(finding.remedy)}")
