"""`lakescore new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli import terminal
from jobs.cli.result_file import print_json
from jobs.cli.verbs.options import AsJson


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder: not there yet, or empty.")],
    as_json: AsJson = False,
) -> None:
    """Make a project of your own: configuration, a test and a README. Pipelines come by `lakescore init`.

    Example: `lakescore new rain`
    """
    from pipelines.onboarding.new_project import make_project

    files = make_project(folder)
    if as_json:
        print_json({"folder": str(folder.resolve()), "files": list(map(str, files))})
        return
    terminal.say(f"{folder}: made")
    for file in files:
        if file.name != ".gitkeep":
            terminal.say(f"  wrote     {folder / file}")
    terminal.say(f"Go on:      cd {folder}, read README.md, then lakescore init NAME --source PATH --model MODEL@ALIAS")
