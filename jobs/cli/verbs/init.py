"""`lakescore init`."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli import terminal
from jobs.cli.prompt import ask, can_ask
from jobs.cli.result_file import print_json
from jobs.cli.settings import command
from jobs.cli.verbs.options import AsJson, project_of, session_of
from pipelines.errors import ModelError, UsageError

if TYPE_CHECKING:
    from pipelines.config.models import Model
    from pipelines.onboarding.initializing import Initialized


class Format(StrEnum):
    """What a source may be stored as."""

    DELTA = "delta"
    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The pipeline's name.")],
    source: Annotated[
        str,
        typer.Option(
            "--source", metavar="PATH_OR_TABLE", help="Delta, Parquet, CSV or JSON lines; or a table of the catalog."
        ),
    ],
    model: Annotated[
        str, typer.Option("--model", metavar="NAME@ALIAS", help="A registered model; NAME/VERSION for a fixed version.")
    ],
    key: Annotated[
        str | None, typer.Option(metavar="COLUMNS", help="The key, separated by commas; else guessed.")
    ] = None,
    date_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column that tells a row's date; else guessed.")
    ] = None,
    snapshot: Annotated[bool, typer.Option("--snapshot", help="Each score date scores the whole table.")] = False,
    feature: Annotated[
        list[str] | None, typer.Option(metavar="INPUT=SQL", help="An input that no column is named like.")
    ] = None,
    stored_as: Annotated[
        Format | None, typer.Option("--format", help="Of the source; else found by its files.")
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OPTION=VALUE", help="Of a CSV: separator=;, decimal=, thousands, encoding, …; else guessed."
        ),
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="NAME=TYPE", help="The SQL type that a text column is read as.")
    ] = None,
    allow_pickle: Annotated[bool, typer.Option("--allow-pickle", help="The model may be a pickle.")] = False,
    allow_code: Annotated[bool, typer.Option("--allow-code", help="The model may bring code of its own.")] = False,
    trusted_type: Annotated[
        list[str] | None, typer.Option(metavar="TYPE", help="A type that the model's skops file may hold.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a pipeline of that name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a pipeline of your own table and model: its YAML, a suggested suite, its tables; checked and planned.

    Example: `lakescore init rain --source weather.csv --model rain@champion`
    """
    from pipelines.onboarding.initializing import Wish, initialize
    from pipelines.onboarding.text_options import parse_options

    if snapshot and date_column is not None:
        raise UsageError("--snapshot reads the whole table, --date-column a date's rows", remedy="give one of them")
    wish = Wish(
        name=name,
        source=source,
        model=read_model(model, allow_pickle, allow_code, trusted_type or []),
        key=tuple(part.strip() for part in key.split(",")) if key else (),
        date_column=date_column,
        snapshot=snapshot,
        features=_features(feature),
        text=parse_options(_pairs("--text", text, "OPTION=VALUE", "value is given for an option")),
        columns=_pairs("--column", column, "NAME=TYPE", "type is given for a column"),
        format=stored_as.value if stored_as is not None else None,
        force=force,
    )
    project = project_of(None)
    today = dt.datetime.now(dt.UTC).date()

    def tell(what: str) -> None:
        terminal.note(f"{name}: {what}", quiet=as_json)

    asker = ask if can_ask() and not as_json else None
    with _own_flags():
        made = initialize(partial(session_of, project), project, wish, asker, today, tell)
    print_json(_as_plain(made)) if as_json else _show(name, made)


@contextmanager
def _own_flags() -> Iterator[None]:
    """Tell what to set in a pipeline's configuration, which is not there yet, as flags of `init`."""
    try:
        yield
    except ModelError as error:
        raise type(error)(
            error.problem, expected=error.expected, found=error.found, remedy=as_flags(error.remedy or "")
        ) from error


def as_flags(remedy: str) -> str:
    r"""A remedy of the models' room, with the flags of `init` in place of the settings.

    >>> as_flags("log it again; or set in the pipeline's configuration 'model: trusted_types: [\"a.B\", \"c.D\"]'")
    'log it again; or add --trusted-type a.B --trusted-type c.D'
    """
    from pipelines.models.safety import ALLOW_CODE, ALLOW_PICKLE, TRUST

    text = remedy.replace(ALLOW_CODE, "add --allow-code").replace(ALLOW_PICKLE, "add --allow-pickle")
    before, is_there, types = text.partition(TRUST)
    if not is_there:
        return text
    return f"{before}add " + " ".join(f"--trusted-type {name}" for name in json.loads(types.rstrip("'")))


def read_model(text: str, allow_pickle: bool, allow_code: bool, trusted_types: list[str]) -> Model:
    """The model that `--model` names.

    Raises:
        UsageError: it names neither an alias nor a version.
    """
    from pipelines.config.models import Model

    found = re.fullmatch(r"(?P<name>[^@]+)@(?P<alias>.+)|(?P<numbered>.+)/0*(?P<version>[1-9][0-9]*)", text)
    if found is None:
        raise UsageError("--model: no alias or version is named", expected="NAME@ALIAS or NAME/VERSION", found=text)
    return Model(
        name=found["name"] or found["numbered"],
        alias=found["alias"],
        version=None if found["version"] is None else int(found["version"]),
        allow_pickle=allow_pickle,
        allow_code=allow_code,
        trusted_types=tuple(trusted_types),
    )


def _features(given: list[str] | None) -> dict[str, str]:
    lacks = "column or SQL is given for an input"
    features = _pairs("--feature", given, "INPUT=COLUMN_OR_SQL", lacks)
    for name, sql in features.items():
        if not sql.strip():
            raise UsageError(f"--feature: no {lacks}", expected="INPUT=COLUMN_OR_SQL", found=f"{name}=")
    return {name: sql.strip() for name, sql in features.items()}


def _pairs(option: str, given: list[str] | None, shape: str, lacks: str) -> dict[str, str]:
    """What an option gives by names, which may be given several times."""
    pairs = {}
    for text in given or []:
        name, is_given, value = text.partition("=")
        if not is_given:
            raise UsageError(f"{option}: no {lacks}", expected=shape, found=text)
        pairs[name.strip()] = value
    return pairs


def _as_plain(made: Initialized) -> dict[str, object]:
    return {
        "files": list(map(str, made.files)),
        "date": vars(made.date),
        "key": vars(made.key),
        "features": [vars(item) for item in made.features],
        "source": made.text.source.model_dump(mode="json", exclude_defaults=True),
        "warnings": list(made.warnings),
        "tried": vars(made.tried),
        "expectations": made.expectations,
        "plan": made.plan.as_json(),
    }


def _show(name: str, made: Initialized) -> None:
    terminal.say(f"{name}: made, checked and planned; {_rows(made.tried.rows)} scored to nothing")
    terminal.say(f"  date      {made.date.column or 'none'} ({made.date.evidence})")
    terminal.say(f"  key       {', '.join(made.key.names)} ({made.key.evidence})")
    for in_tables, column in made.key.key_from.items():
        terminal.say(f"            {in_tables} is the tables' name for '{column}', which Delta or SQL would not take")
    changed = [f"{item.name} = {item.sql}" for item in made.features if item.sql != item.name]
    terminal.say(f"  features  {len(made.features)}" + (f"; {'; '.join(changed)}" if changed else ", by name"))
    if made.text.format_evidence:
        terminal.say(f"  text      {made.text.format_evidence}")
    terminal.say(f"  suite     {made.expectations} expectations, suggested from the newest days")
    for warning in made.warnings:
        terminal.say(f"  warning   {warning}")
    for file in made.files:
        terminal.say(f"  wrote     {file}")
    (slice_,) = made.plan.slices
    rows = made.date.rows if slice_.rows is None else slice_.rows
    terminal.say(f"  plan      {slice_.score_date}: {slice_.state}, {_rows(rows)}, {made.report.model}")
    terminal.say(f"Score it:   {command('score', name, '--date', str(slice_.score_date))}")


def _rows(number: int) -> str:
    return f"{number} {'row' if number == 1 else 'rows'}"
