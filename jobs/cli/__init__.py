"""The command line: `lakescore VERB`."""

from __future__ import annotations


def main(verb: str | None = None) -> None:
    """Run the command line; with `verb`, as that verb; see `jobs.cli.app.main`."""
    from jobs.cli.app import main as run

    run(verb)
