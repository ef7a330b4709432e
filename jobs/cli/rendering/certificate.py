"""How a certificate looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from jobs.cli.terminal import new_table, say, show

if TYPE_CHECKING:
    from pipelines.diagnostics.certifying import Certificate


def show_certificate(certificate: Certificate) -> None:
    """How far apart the results of each way of scoring are."""
    model = certificate.model
    say(f"{certificate.pipeline} {certificate.score_date}: {model.name} version {model.version}")
    say(f"  {certificate.sample} rows, held against {certificate.reference}")
    table = new_table(("way",), ("rows", "largest difference", "differing rows"), ("example",))
    for way in certificate.ways:
        largest = "-" if way.largest_difference is None else f"{way.largest_difference:.3g}"
        table.add_row(way.name, str(way.rows), largest, str(way.differing_rows), escape(way.example))
    show(table)
    tolerance = f"{certificate.absolute:g} + {certificate.relative:g} x the value, and the same labels"
    say(f"{'within' if certificate.holds else 'NOT within'} the tolerance: {tolerance}")
