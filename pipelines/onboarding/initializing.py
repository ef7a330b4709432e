"""A pipeline for a table and a model of one's own: proposed with evidence, tried out, and only then written."""

from __future__ import annotations

import datetime as dt
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from pipelines.backfills.estimating import TriedRows, try_rows
from pipelines.backfills.planning import Plan, plan
from pipelines.config import Project, Source
from pipelines.config.models import Format, Model
from pipelines.config.typed import NAME
from pipelines.diagnostics.checking import Report, check_pipeline
from pipelines.errors import ModelError, TableError, UnguessedError, UsageError
from pipelines.inputs.pinning import PinnedSource, source_location
from pipelines.inputs.reading import read_now, read_source
from pipelines.inputs.spark_errors import meaning, translated
from pipelines.inputs.text_files import without_unread
from pipelines.models.predictors.proposed_outputs import proposed_outputs
from pipelines.models.registry import RegisteredModel
from pipelines.models.signature import model_inputs
from pipelines.onboarding.feature_proposal import FeatureProposal, propose_features
from pipelines.onboarding.personal_columns import personal_columns
from pipelines.onboarding.pipeline_file import pipeline_text
from pipelines.onboarding.prompt import Ask, asked, sentence
from pipelines.onboarding.source_proposal import (
    DateProposal,
    KeyProposal,
    propose_date,
    propose_key,
    whole_table,
)
from pipelines.onboarding.text_proposal import TextProposal, propose_text
from pipelines.quality.suggesting import suggest
from pipelines.resolution.definition import define
from pipelines.resolution.resolved_run import look_up
from pipelines.runs.tables import create_tables, require_columns
from pipelines.tables.fingerprints import Pinned
from pipelines.tables.locations import below, local_path

TRIED_ROWS = 1_000
"""Rows of the newest date that are scored to nothing, before a file is written."""
SNAPSHOT = "snapshot"
"""The answer to the question for a date column that takes the whole table instead."""
_SUFFIXES: Mapping[str, Format] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_PACKED = (".gz", ".bz2", ".zst")


def _tell_nothing(what: str) -> None:
    """Tell nothing."""


@dataclass(frozen=True)
class Wish:
    """What a person says of the pipeline to be made.

    Args:
        name: the pipeline's.
        source: a folder or file, or a table's name in the catalog.
        model: which model, and what of it may be loaded.
        key: the key columns; guessed where there are none.
        date_column: the column that tells the date; guessed where there is none.
        snapshot: whether each score date scores the whole table instead.
        features: SQL by input of the model, for those that no column is named like.
        format: of the source; found by its files where it is not given.
        text: options of the source's text format, which win over guesses.
        columns: SQL types of the source's columns, for a text format.
        force: whether a pipeline of that name may be replaced.
    """

    name: str
    source: str
    model: Model
    key: tuple[str, ...] = ()
    date_column: str | None = None
    snapshot: bool = False
    features: Mapping[str, str] = field(default_factory=dict)
    format: Format | None = None
    text: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    force: bool = False


@dataclass(frozen=True)
class Initialized:
    """What was made.

    Args:
        files: the pipeline's YAML and its suite.
        date: how a score date finds its rows.
        key: what identifies a row.
        features: the model's inputs.
        text: how a text source is read.
        expectations: how many the suggested suite has.
        report: what a check of it found.
        plan: what scoring the newest date would do.
        tried: what became of some of its rows that were scored to nothing.
    """

    files: tuple[Path, ...]
    date: DateProposal
    key: KeyProposal
    features: tuple[FeatureProposal, ...]
    text: TextProposal
    expectations: int
    report: Report
    plan: Plan
    tried: TriedRows

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the rows may not be as wished: no date, keys that are not unique, values that cannot be read."""
        of_features = [item.warning for item in self.features]
        of_rows = self.tried.warning(self.date.last)
        return tuple(filter(None, (*self.text.warnings, self.date.warning, self.key.warning, *of_features, of_rows)))


@translated(meaning)
def initialize(
    session: Callable[[], SparkSession],
    project: Project,
    wish: Wish,
    ask: Ask | None,
    today: dt.date,
    tell: Callable[[str], None] = _tell_nothing,
) -> Initialized:
    """Propose a pipeline, check it, profile its input, make its tables, and then write its files.

    The files come last: where something before them fails, no pipeline is there, and an older one stays as it was.

    Args:
        session: gives the Spark session, once the model may be loaded.
        project: where it is written.
        wish: what was said of it.
        ask: asks a person about what is only a guess; None where nobody is there.
        today: the date of a snapshot's plan.
        tell: takes what is being done, as it begins.

    Raises:
        UsageError: it is there already, or something cannot be guessed.
        PipelineError: source or model are wrong.
    """
    files = _files(project, wish)
    tell("looking at the model")
    model = look_up(project, wish.model)
    spark = session()
    source = _source(spark, project, wish)
    name, location = f"{wish.name}_input", source_location(spark, project, source)
    inputs = model_inputs(model.folder, model.label)
    tell("looking for a date and a key")
    text = propose_text(spark, name, location, source, inputs, wish.text, wish.columns, ask)

    def read(source: Source) -> DataFrame:
        return without_unread(read_source(spark, PinnedSource(name, location, source.format, _NEWEST), source))

    frame = read(text.source)
    date = _date(frame, wish, ask, today)
    key = _key(frame, date, wish, ask)
    source = text.without([column for column in key.columns if column not in wish.columns])
    frame = read(source)
    features = propose_features(frame, inputs, wish.features, ask, texts=source)
    personal = personal_columns(frame.columns)
    outputs = _apart_from(key, proposed_outputs(model.folder))
    pipeline = pipeline_text(
        wish.name, replace(text, source=source), date, key, features, wish.model, outputs, personal
    )
    with tempfile.TemporaryDirectory(prefix="lakescore-init-") as folder:
        aside = project.model_copy(update={"conf": Path(folder)})
        for name in ("pipelines", "expectations"):
            (Path(folder) / name).mkdir()
        (Path(folder) / "pipelines" / files[0].name).write_text(pipeline, encoding="utf-8")
        suite_file = Path(folder) / "expectations" / files[1].name
        suite_file.write_text(json.dumps({"name": wish.name, "expectations": []}), encoding="utf-8")
        tell("checking source, features and model against each other")
        check_pipeline(aside, wish.name, lambda: spark)
        tell("profiling the newest days for a suite")
        suite = suggest(spark, aside, wish.name, date.profiled_from, date.last)
        suite_text = json.dumps(suite, indent=2, default=str) + "\n"
        suite_file.write_text(suite_text, encoding="utf-8")
        report = check_pipeline(aside, wish.name, lambda: spark)
        tell("scoring some rows of the newest date to nothing")
        tried = _tried(spark, aside, wish.name, date.last, model)
        tell("creating the tables, and a plan")
        create_tables(spark, aside, wish.name)
        found = plan(lambda: spark, aside, wish.name, date.last, date.last)
        _require_own_shape(found, _fields(frame, key))
    _write(files, (pipeline, suite_text))
    return Initialized(files, date, key, tuple(features), text, len(suite["expectations"]), report, found, tried)


_NEWEST = Pinned(version=None, fingerprint="", rows=None)


def _files(project: Project, wish: Wish) -> tuple[Path, Path]:
    if not re.fullmatch(NAME, wish.name):
        raise UsageError(
            "a pipeline cannot have this name", expected="a letter, then letters, digits and _", found=wish.name
        )
    files = (
        project.conf / "pipelines" / f"{wish.name}.yaml",
        project.conf / "expectations" / f"{wish.name}.json",
    )
    there = [file for file in files if file.exists()]
    if there and not wish.force:
        raise UsageError(
            f"there already is a pipeline '{wish.name}'",
            expected="a name that is not taken",
            found=", ".join(map(str, there)),
            remedy="take another name, or --force to replace these files",
        )
    return files


def _source(spark: SparkSession, project: Project, wish: Wish) -> Source:
    """The source as the configuration will say it: a path below the environment's inputs is given from there."""
    inputs = project.environment.inputs
    here = Path(wish.source)
    if "://" in wish.source:
        return Source(path=wish.source, format=wish.format or "delta")
    found = here if here.exists() else local_path(below(inputs, wish.source))
    if found is None or not found.exists():
        if "/" not in wish.source and _is_in_catalog(spark, wish.source):
            return Source(table=wish.source, format=wish.format or "delta")
        raise UsageError(
            f"--source: there is no '{wish.source}'",
            expected=f"a folder or file, here or below {inputs}, or a table of the catalog",
        )
    root, place = local_path(inputs), found.resolve()
    is_below = root is not None and place.is_relative_to(root.resolve())
    path = str(place.relative_to(root.resolve())) if is_below and root is not None else str(place)
    # Not validated yet: the columns of JSON lines are found out later.
    return Source(path=path).model_copy(update={"format": wish.format or _format_of(place)})


def _is_in_catalog(spark: SparkSession, name: str) -> bool:
    try:
        return spark.catalog.tableExists(name)
    except AnalysisException:  # this can be no table's name, as `weather-2013.csv` is none
        return False


def _format_of(place: Path) -> Format:
    if (place / "_delta_log").is_dir():
        return "delta"
    files = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
    for file in files:
        suffix = Path(file.stem).suffix if file.suffix in _PACKED else file.suffix
        if suffix in _SUFFIXES or file.suffix == ".gz":
            return _SUFFIXES.get(suffix, "csv")
    raise UsageError(
        f"--source: {place} is no table of a known format",
        expected="a Delta table, or files that end with .parquet, .csv or .jsonl",
        found=", ".join(file.name for file in files[:5]) or "an empty folder",
        remedy="say what it is by --format",
    )


def _date(frame: DataFrame, wish: Wish, ask: Ask | None, today: dt.date) -> DateProposal:
    if wish.snapshot:
        return whole_table(frame, today)
    if ask is None or wish.date_column is not None:
        return propose_date(frame, wish.date_column)

    def proposed(answer: str) -> DateProposal:
        if answer == SNAPSHOT and SNAPSHOT not in frame.columns:
            return whole_table(frame, today)
        return propose_date(frame, answer)

    try:
        found = propose_date(frame, None)
    except UnguessedError as error:
        question = f"{sentence(error)}. The date is in (a column, or '{SNAPSHOT}' to score the whole table each day)"
        return asked(ask, question, "", proposed)
    return asked(
        ask,
        f"The date is in ({found.evidence})",
        str(found.column),
        lambda answer: found if answer == found.column else proposed(answer),
    )


def _key(frame: DataFrame, date: DateProposal, wish: Wish, ask: Ask | None) -> KeyProposal:
    if ask is None or wish.key:
        return propose_key(frame, date, wish.key)

    def proposed(answer: str) -> KeyProposal:
        return propose_key(frame, date, _columns(answer, frame))

    try:
        found = propose_key(frame, date, ())
    except UnguessedError as error:
        return asked(ask, f"{sentence(error)}. The key is (columns, separated by commas)", "", proposed)
    return asked(
        ask,
        f"The key is ({found.evidence})",
        ",".join(found.columns),
        lambda answer: found if answer == ",".join(found.columns) else proposed(answer),
    )


def _columns(answer: str, frame: DataFrame) -> tuple[str, ...]:
    """The columns that a person named; one whose name holds a comma, where they named that alone."""
    return (answer,) if answer in frame.columns else tuple(part.strip() for part in answer.split(","))


def _tried(spark: SparkSession, project: Project, name: str, day: dt.date, model: RegisteredModel) -> TriedRows:
    """Some rows of a date, scored to nothing.

    Raises:
        ModelError: the model raised on every row that reached it.
    """
    definition = define(project, name)
    rows = read_now(spark, project, definition.pipeline, definition.query, day).limit(TRIED_ROWS)
    tried = try_rows(rows, definition, model, project.environment.cache, TRIED_ROWS)
    if tried.raised and tried.raised == tried.rows - tried.refused:
        raise ModelError(
            f"{model.label} cannot score the rows of {day}",
            expected="a prediction for some of them",
            found=f"on {tried.raised} of {tried.rows} rows {tried.message}",
            remedy="give it other features by --feature INPUT=SQL, or log a model that takes these; nothing was made",
        )
    return tried


def _apart_from(key: KeyProposal, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs, with another name where a column of the key has theirs."""
    names = {name.lower() for name in key.names}
    return {f"predicted_{name}" if name.lower() in names else name: how for name, how in outputs.items()}


def _fields(frame: DataFrame, key: KeyProposal) -> list[T.StructField]:
    """The key's columns as the tables have them."""
    return [
        T.StructField(name, frame.schema[column].dataType) for name, column in zip(key.names, key.columns, strict=True)
    ]


def _require_own_shape(found: Plan, key: Sequence[T.StructField]) -> None:
    """Tables that were there already stayed as they were: those of a pipeline before this one may lack its columns."""
    try:
        require_columns(found.layout, key, found.pipeline)
    except TableError as error:
        places = ", ".join(found.layout.outputs().values())
        raise TableError(
            error.problem,
            expected=error.expected,
            found=error.found,
            remedy=f"take another name, or remove the tables of the pipeline that had this one: {places}",
        ) from error


def _write(files: Sequence[Path], texts: Sequence[str]) -> None:
    """All files, or none: what one replaced is put back where the next cannot be written."""
    before = {file: file.read_bytes() if file.exists() else None for file in files}
    try:
        for file, text in zip(files, texts, strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        for file, content in before.items():
            file.unlink(missing_ok=True) if content is None else file.write_bytes(content)
        raise UsageError("the configuration cannot be written", expected=str(files[0].parent), found=error) from error
