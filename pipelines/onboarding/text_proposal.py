"""How a text source may be read: guesses from how its files begin, counted over all of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import types as T

from pipelines.config import Source, TextFormat
from pipelines.errors import UnguessedError, UsageError, did_you_mean
from pipelines.expressions.rules import RECORD
from pipelines.inputs.files import list_files
from pipelines.inputs.header import Beginning, beginnings, csv_columns
from pipelines.inputs.text_files import read_text
from pipelines.models.signature import ModelInput
from pipelines.onboarding.feature_proposal import column_of
from pipelines.onboarding.guessing import Guess, guess_csv
from pipelines.onboarding.json_columns import json_columns
from pipelines.onboarding.prompt import Ask, asked, sentence
from pipelines.onboarding.readable_counts import DATE_FORMATS, count_unread, find_date_format
from pipelines.onboarding.text_options import parse_options

LOOKED_AT = 1 << 18
"""Bytes of each file that are looked at."""
MOST_FILES = 5


@dataclass(frozen=True)
class TextProposal:
    """How a source is read, and what was seen of it.

    Args:
        source: with the options of its text format, and the types of its columns.
        format_evidence: what tells of the options, in a line; empty where all are the usual ones.
        column_evidence: what tells of the types, in a line.
        warnings: what a person should look at.
    """

    source: Source
    format_evidence: str = ""
    column_evidence: str = ""
    warnings: tuple[str, ...] = ()

    def without(self, key: Sequence[str]) -> Source:
        """The source as it is configured: keys stay text, whatever they look like."""
        if self.source.format == "jsonl" or not self.source.text.header:  # `columns` names all columns
            columns = {name: "string" if name in key else kind for name, kind in self.source.columns.items()}
        else:
            columns = {name: kind for name, kind in self.source.columns.items() if name not in key}
        return self.source.model_copy(update={"columns": columns})


def propose_text(
    spark: SparkSession,
    name: str,
    location: str,
    source: Source,
    inputs: Sequence[ModelInput],
    said: Mapping[str, Any],
    types: Mapping[str, str],
    ask: Ask | None,
) -> TextProposal:
    """How a text source is read; one of another format stays as it is.

    Args:
        spark: the session.
        name: the source's.
        location: where it is.
        source: its place and format.
        inputs: what the model takes: their types win over what columns look like.
        said: options of the text format that a person gave.
        types: SQL types of columns that a person gave.
        ask: asks a person where a guess is none; None where nobody is there.

    Raises:
        UsageError: a column that the model takes holds nothing that can be read so, or an option is none.
        SourceError: the files cannot be read.
    """
    if not source.is_text:
        if said or types:
            raise UsageError("--text and --column go with the formats csv and jsonl", found=source.format)
        return TextProposal(source)
    listed = list_files(location)
    files = list(islice(beginnings(listed, LOOKED_AT), MOST_FILES))
    guess = _guess(name, source, files, said, types, ask)
    proposed = source.model_copy(update={"text": guess.spelling})
    if source.format == "csv":
        columns = list(csv_columns(name, listed, proposed.model_copy(update={"columns": dict(types)})))
    else:
        columns = list({**guess.types, **types})
    _require_known(types, columns)
    by_model = {
        found: item.type.simpleString()
        for item in inputs
        if isinstance(item.type, T.AtomicType) and (found := column_of(item.name, columns)) is not None
    }
    wanted = {**guess.types, **by_model, **types}
    kept = wanted if source.format == "jsonl" or not guess.spelling.header else _typed_only(wanted, types)
    proposed = proposed.model_copy(update={"columns": {item: kept[item] for item in columns if item in kept}})
    proposed, seen = _with_dates(spark, name, location, proposed, said, ask)
    guess = replace(guess, evidence=tuple(filter(None, (*guess.evidence, seen))))
    return _counted(spark, name, location, proposed, guess, {*by_model, *types})


def _guess(
    name: str,
    source: Source,
    files: Sequence[Beginning],
    said: Mapping[str, Any],
    types: Mapping[str, str],
    ask: Ask | None,
) -> Guess:
    if source.format == "jsonl":
        spelling = TextFormat(**said)
        return Guess(spelling, {**json_columns(name, files, spelling.encoding), **types}, (), ())
    try:
        return guess_csv(name, files, said)
    except UnguessedError as error:
        if ask is None:
            raise
        question = f"{sentence(error)} ({error.expected}). Say OPTION=VALUE, such as decimal=,"
    return asked(ask, question, "", lambda answer: guess_csv(name, files, {**said, **parse_options(_option(answer))}))


def _option(answer: str) -> dict[str, str]:
    option, _, value = answer.partition("=")
    return {option.strip(): value}


def _require_known(types: Mapping[str, str], columns: Sequence[str]) -> None:
    for item in types:
        if item not in columns:
            raise UsageError(f"--column: the source has no column '{item}'", remedy=did_you_mean(item, columns))


def _typed_only(wanted: Mapping[str, str], types: Mapping[str, str]) -> dict[str, str]:
    """Without those that are texts anyway, unless a person says so."""
    return {item: kind for item, kind in wanted.items() if kind != "string" or item in types}


def _with_dates(
    spark: SparkSession, name: str, location: str, source: Source, said: Mapping[str, Any], ask: Ask | None
) -> tuple[Source, str]:
    """The source with the format of its dates, where it has columns of such; and what was seen."""
    dates = [item for item, kind in source.columns.items() if kind == "date"]
    if not dates or "date_format" in said:
        return source, ""
    try:
        pattern, seen = find_date_format(spark, name, location, source, dates)
    except UnguessedError as error:
        if ask is None:
            raise
        pattern = asked(ask, f"{sentence(error)} ({error.expected}). They are written as", "", _date_format)
        seen = f"dates as {pattern}, as said"
    if pattern == source.text.date_format:
        return source, ""
    return source.model_copy(update={"text": source.text.model_copy(update={"date_format": pattern})}), seen


def _date_format(answer: str) -> str:
    if answer not in DATE_FORMATS:
        raise UsageError(f"'{answer}' is none of {', '.join(DATE_FORMATS)}", remedy="any other by --text date_format=")
    return answer


def _counted(
    spark: SparkSession, name: str, location: str, source: Source, guess: Guess, needed: set[str]
) -> TextProposal:
    counts = count_unread(read_text(spark, name, location, source), name)
    rows, no_records = counts.pop(RECORD)
    columns = dict(source.columns)
    warnings = [*guess.unsure]
    if no_records:
        warnings.append(f"{no_records} of {rows} records cannot be read as the header says: such rows are refused")
    for item, (given, bad) in counts.items():
        kind = columns[item]
        if item in needed and given and bad == given:
            raise UsageError(
                f"column '{item}' cannot be read as {kind}: 0 of {given} texts are readable",
                expected=_signs(source.text),
                remedy="say how they are written, such as --text decimal=, (or thousands, nulls, date_format), or "
                f"what the column is, by --column {item}=string and --feature INPUT=SQL",
            )
        if bad and item not in needed:  # it only looked so at the beginning of the files
            columns[item] = "string"
        elif bad:
            warnings.append(f"column {item}: {given - bad} of {given} readable as {kind}; the others' rows are refused")
    if source.format == "csv" and source.text.header:
        columns = {item: kind for item, kind in columns.items() if kind != "string" or item in needed}
    typed = [item for item in counts if columns.get(item, "string") != "string"]
    readable = ", ".join(f"{item} {counts[item][0] - counts[item][1]} of {counts[item][0]}" for item in typed)
    full = all(bad == 0 for item, (_, bad) in counts.items() if item in typed)
    seen = f"all of {rows} rows readable so" if full and typed else f"readable so: {readable}" if typed else ""
    evidence = f"{seen}; other columns are text" if seen else "every column is text"
    return TextProposal(
        source.model_copy(update={"columns": columns}), "; ".join(guess.evidence), evidence, tuple(warnings)
    )


def _signs(spelling: TextFormat) -> str:
    groups = f", '{spelling.thousands}' between thousands" if spelling.thousands else ""
    return f"numbers with the decimal sign '{spelling.decimal}'{groups}, dates as {spelling.date_format}"
