"""The typed configuration: what a pipeline's YAML and an environment's YAML may say."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import (
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)

from pipelines.config.calendar import EVERY_DAY, Days, is_among
from pipelines.config.policy import HistoryGate, Limits, Policy
from pipelines.config.scheduling import Scheduling
from pipelines.config.text_format import OF_CSV, TextFormat
from pipelines.config.typed import Name, Typed

OUTPUT_TYPE = r"^(boolean|int|bigint|float|double|string|date|timestamp|array<.+>|map<.+>|struct<.+>)$"
OutputType = Annotated[str, StringConstraints(pattern=OUTPUT_TYPE)]
Format = Literal["delta", "parquet", "csv", "jsonl"]
TEXT_FORMATS = ("csv", "jsonl")
"""Formats that hold texts only: what a value is, the pipeline says."""
Reader = Literal["spark", "delta-rs", "polars", "duckdb"]
RESERVED_COLUMNS = frozenset(
    {"score_date", "model_name", "model_version", "run_id", "scored_at", "quarantined_at", "reasons", "row"}
)
"""The columns that the project's own tables and stages have besides the key and the outputs."""
RESERVED_PREFIXES = ("mask_", "absent_", "__")
DELTA_FORBIDS = frozenset(" ,;{}()=\t\n\r")
"""Characters that a Delta table without column mapping takes in no column's name."""


def is_reserved(name: str) -> bool:
    """Whether the project's own tables or stages have a column of this name; in any case of letters."""
    return name.lower() in RESERVED_COLUMNS or name.lower().startswith(RESERVED_PREFIXES)


class SliceFilter(Typed):
    """How the rows of one score date are found in a source."""

    column: str | None = None
    """A date column (best a partition column) that equals the score date; or a column of times, whose day in the
    pipeline's `timezone` does."""
    lookback_days: int = Field(default=0, ge=0)
    """With `column`: take this many days before the score date too."""
    where: str | None = None
    """Any SQL condition instead, with `:score_date` for the date; a time's day is UTC's there. Every commit then counts
    as touching the slice."""

    @model_validator(mode="after")
    def one_way(self) -> SliceFilter:
        if (self.column is None) == (self.where is None):
            raise ValueError("a slice is selected by either 'column' or 'where'")
        return self


class Source(Typed):
    """One input table: a path, or a name in the catalog."""

    path: str | None = None
    """A folder; one that is not absolute is below the environment's `inputs`."""
    table: str | None = None
    """A name in Spark's catalog, instead of a path."""
    format: Format = "delta"
    """Delta tables are pinned to a version; of the others paths, sizes and times are recorded. `jsonl`: JSON lines."""
    text: TextFormat = TextFormat()
    """How a CSV or JSON lines file spells its values."""
    slice: SliceFilter | None = None
    """How a score date's rows are found; without it the whole table is read. The first source needs one."""
    columns: dict[str, str] = {}
    """The contract: SQL types by column. A column that is missing or has another type stops a run before it reads.
    Columns of CSV and JSON lines are read as the types that it says; all others of them are text."""
    other_columns: Literal["allow", "refuse"] = "allow"
    """Whether the table may have columns that the contract does not name."""

    @model_validator(mode="after")
    def one_place(self) -> Source:
        if (self.path is None) == (self.table is None):
            raise ValueError("a source is either a 'path' or a 'table'")
        return self

    @model_validator(mode="after")
    def text_has_its_columns(self) -> Source:
        said = self.text.model_fields_set
        if not self.is_text and said:
            raise ValueError(f"'text' goes with the formats {' and '.join(TEXT_FORMATS)}, and only with them")
        if self.format == "jsonl":
            if said & OF_CSV:
                raise ValueError(f"JSON lines have no {', '.join(sorted(said & OF_CSV))}: leave that out of 'text'")
            if not self.columns:
                raise ValueError("JSON lines have no header: 'columns' names those to be read, with their types")
            if self.other_columns == "refuse":
                raise ValueError("JSON lines have no header that would tell of others: leave out 'other_columns'")
        if self.format == "csv" and not self.text.header and not self.columns:
            raise ValueError("without a header, 'columns' names all columns of the file in their order")
        return self

    @property
    def is_text(self) -> bool:
        """Whether it holds texts only, which are read as the types that the pipeline says."""
        return self.format in TEXT_FORMATS

    @property
    def column_types(self) -> dict[str, str]:
        """The SQL types that are said of columns: by the contract, and a date of the one that tells the slice."""
        by_slice = {} if self.slice is None or self.slice.column is None else {self.slice.column: "date"}
        return {**by_slice, **self.columns}


class Sources(Typed):
    """The input of a pipeline: one or several tables, and how they are joined."""

    tables: dict[Name, Source] = Field(min_length=1)
    """The tables by the name that the query uses. The first holds the rows to be scored."""
    query: str | None = None
    """An SQL file beside the pipeline's YAML, over the tables by their names; needed when there are several."""

    @model_validator(mode="after")
    def complete(self) -> Sources:
        first = next(iter(self.tables))
        if self.tables[first].slice is None:
            raise ValueError(f"the first table, '{first}', holds the rows to be scored: it needs a 'slice'")
        if len(self.tables) > 1 and self.query is None:
            raise ValueError("several tables need a 'query' that joins them")
        return self


class FeatureFunction(Typed):
    """Features from Python: a function that takes a DataFrame and returns it with the feature columns added."""

    function: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`package.module:function`."""


def _features_by(value: object) -> str:
    by_function = isinstance(value, FeatureFunction) or (isinstance(value, dict) and set(value) == {"function"})
    return "by function" if by_function else "by name"


Features = Annotated[
    Annotated[dict[str, str], Tag("by name")] | Annotated[FeatureFunction, Tag("by function")],
    Discriminator(_features_by),
]


class Model(Typed):
    """Which registered model scores: by alias, looked up once a run, or by version."""

    name: str
    """The name of the registered model."""
    alias: str | None = None
    """An alias such as `champion`."""
    version: int | None = Field(default=None, ge=1)
    """A fixed version, instead of an alias."""
    params: dict[str, bool | int | float | str | list[bool | int | float | str]] = {}
    """Parameters of the model's signature, for its predict."""
    environment: Literal["warn", "fail", "isolate"] = "warn"
    """Where the model's requirements are not what is installed: say so, or refuse the slice; `isolate` always scores
    in an environment of the model's own, in a process beside each Python worker."""
    batch_timeout_seconds: float = Field(default=300, gt=0)
    """With `isolate`: how long the model may take for one batch before its process is ended."""
    allow_pickle: bool = False
    """Whether a model stored as a pickle may be loaded: that runs whatever code its author put in."""
    allow_code: bool = False
    """Whether code that came with the model, or a loader that is not MLflow's, may run."""
    trusted_types: tuple[str, ...] = ()
    """Types that a model's skops file may hold beside those known to do no harm, by their full names."""

    @model_validator(mode="after")
    def one_way(self) -> Model:
        if (self.alias is None) == (self.version is None):
            raise ValueError("a model is named by either 'alias' or 'version'")
        return self

    def with_version(self, version: int) -> Model:
        """This model with a fixed version."""
        return self.model_copy(update={"alias": None, "version": version})


class Output(Typed):
    """One column of the predictions table, and the model result that fills it."""

    result: Literal["predict", "label", "probability", "probabilities"] = "predict"
    """`predict`: what the model's predict gives. `label`: the likeliest class. `probability`: that of one class.
    `probabilities`: those of all, as an array in the order of the model's classes, or as a map by class."""
    type: OutputType
    """The column's SQL type."""
    of: bool | int | str | None = None
    """With `probability`: the class that it is the probability of; by default the second of two, the positive one."""
    column: str | None = None
    """The column to take, where `predict` returns several: by name, or by number from 0. With the other results: the
    number of the output, of a model that has several."""
    nullable: bool = False
    """Whether a null (or NaN) prediction may be published."""
    minimum: float | None = None
    """The smallest value that may be published."""
    maximum: float | None = None
    """The largest value that may be published."""

    @model_validator(mode="after")
    def consistent(self) -> Output:
        if self.of is not None and self.result != "probability":
            raise ValueError("'of' names the class, with result 'probability' and only with it")
        if self.result == "probabilities" and not self.type.startswith(("array<", "map<string")):
            raise ValueError("'probabilities' are of type array<double> or map<string,double>")
        if self.column is not None and self.result != "predict" and not self.column.isdecimal():
            raise ValueError("'column' is the number of an output, 0 or more, where the result is not 'predict'")
        return self


class TableName(Typed):
    """Where an output table is: a path, or a name in the catalog."""

    path: str | None = None
    """A folder; one that is not absolute is below the environment's `warehouse`."""
    table: str | None = None
    """A name in Spark's catalog, instead of a path."""

    @model_validator(mode="after")
    def one_place(self) -> TableName:
        if (self.path is None) == (self.table is None):
            raise ValueError("an output table is either a 'path' or a 'table'")
        return self


class OutputTables(Typed):
    """The tables that a pipeline writes; by default folders named after it below the warehouse."""

    predictions: TableName | None = None
    quarantine: TableName | None = None


@cache
def _timezones() -> frozenset[str]:
    """The names of time zones: listed once, as that reads a folder."""
    return frozenset(available_timezones())


class Pipeline(Typed):
    """One scoring use case."""

    name: Name
    """The pipeline's name; the same as its file's."""
    description: str = ""
    """What it predicts, and for whom."""
    source: Sources
    key: tuple[str, ...] = Field(min_length=1)
    """The columns that identify a row within its slice."""
    key_from: dict[str, str] = {}
    """Columns of the key that the source calls otherwise, as where no Delta table can have its name, each with that
    name: `order_number: Order Number`. Features, rules and conditions may use either."""
    features: Features
    """An SQL expression for each feature by name, or a Python function. Those that no model takes are not computed."""
    expectations: str | None = None
    """A Great Expectations suite below `conf/expectations`; or `package.module:function`, which returns one."""
    model: Model
    outputs: dict[Name, Output] = Field(min_length=1)
    """The columns that the model's results become."""
    limits: Limits = Limits()
    policy: Policy = Policy()
    """What broken checks lead to."""
    empty: Literal["reject", "accept"] = "reject"
    """What becomes of a day of which the first source has no row: `reject`: its slice is rejected, and stays missing.
    `accept`: it is published as an empty slice, which readers can tell from a missing one."""
    history: dict[Name, HistoryGate] = {}
    """Gates that compare a slice with those published before, by a name of theirs."""
    personal: tuple[str, ...] = ()
    """Columns with personal data: masked wherever values are shown or kept as text."""
    timezone: str = "UTC"
    """The time zone in which score dates are meant: a slice that is selected by a time holds its day there, from
    midnight to midnight. Dates, and times without a zone, are compared as they stand."""
    days: Days = EVERY_DAY
    """Which days have a slice: `all`, `weekdays`, a list of weekdays and dates, or a cron expression of five fields, of
    which the last three count. No slice is missing or due on the others; a person may score one all the same."""
    output: OutputTables = OutputTables()
    replay_days: int = Field(default=7, ge=0)
    """For how many days a run can be scored again from its manifest: the inputs must keep their versions that long."""
    airflow: Scheduling = Scheduling()
    """When and how Airflow runs it."""

    @field_validator("timezone")
    @classmethod
    def known_timezone(cls, value: str) -> str:
        if value not in _timezones():
            raise ValueError("not a time zone of the IANA database, such as 'UTC' or 'America/New_York'")
        return value

    @field_validator("key")
    @classmethod
    def distinct_key(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len({name.lower() for name in value}) != len(value):
            raise ValueError("a key column is named twice")
        for name in value:
            if not DELTA_FORBIDS.isdisjoint(name) or not name:
                raise ValueError(
                    f"no column of a Delta table can have the name '{name}': it holds a blank, a line break or one of "
                    ",;{}()=; give it another one, and say by 'key_from' what the source calls it"
                )
        return value

    @field_validator("outputs")
    @classmethod
    def one_evaluation(cls, value: dict[str, Output]) -> dict[str, Output]:
        if len({output.result == "predict" for output in value.values()}) > 1:
            raise ValueError(
                "'predict' beside 'label' or 'probability' would evaluate the model twice: take one or the other"
            )
        return value

    @model_validator(mode="after")
    def no_column_twice(self) -> Pipeline:
        names = Counter(name.lower() for name in (*self.key, *self.outputs))  # Spark tells no case apart
        clashes = [name for name in (*self.key, *self.outputs) if names[name.lower()] > 1 or is_reserved(name)]
        if clashes:
            raise ValueError(f"these columns would stand twice in the tables: {', '.join(dict.fromkeys(clashes))}")
        return self

    @model_validator(mode="after")
    def key_from_fits(self) -> Pipeline:
        unknown = [name for name in self.key_from if name not in self.key]
        if unknown:
            raise ValueError(f"'key_from' names {', '.join(unknown)}, which 'key' does not: name it there too")
        unmasked = [
            name for name, source in self.key_from.items() if (source in self.personal) != (name in self.personal)
        ]
        if unmasked:
            raise ValueError(f"'personal' must hold both names of {', '.join(unmasked)}, or none")
        return self

    @property
    def accepts_empty(self) -> bool:
        """Whether a day of which the first source has no row is published as an empty slice."""
        return self.empty == "accept"

    @property
    def main_source(self) -> str:
        """The name of the source that holds the rows to be scored."""
        return next(iter(self.source.tables))

    def name_in_tables(self, column: str) -> str:
        """What the tables call a column of the source: another name only where the key has one for it."""
        return next((name for name, source in self.key_from.items() if source == column), column)

    def has_slice(self, day: dt.date) -> bool:
        """Whether a slice is due of a day."""
        return is_among(day, self.days)

    @property
    def reads_rows_to_plan(self) -> bool:
        """Whether the rows of a source tell whether a slice's own changed: text files, whose names tell no dates."""
        slices = [source.slice for source in self.source.tables.values() if source.is_text]
        return any(slice_ is not None and slice_.column is not None for slice_ in slices)

    @property
    def is_in_catalog(self) -> bool:
        """Whether any table of it, of its input or its own, has a name that only Spark's catalog knows."""
        own = [self.output.predictions, self.output.quarantine]
        names = [table.table for table in own if table is not None]
        return any(name is not None for name in [*names, *[table.table for table in self.source.tables.values()]])


class Environment(Typed):
    """Where a pipeline runs: roots, registry and Spark settings."""

    warehouse: str
    """The root of the tables that the project owns; a folder or an object-store address."""
    inputs: str
    """The root of the input tables that are given by a path."""
    tracking_uri: str
    """MLflow's tracking and registry address."""
    cache: str
    """A local folder for downloaded models."""
    largest_model_mb: int = Field(default=2048, gt=0)
    """The largest size of a model's files, in MiB; a larger one is not loaded."""
    workers_read_files: bool = True
    """Whether Spark's Python workers may read columns that only the model takes from a Delta table's files themselves,
    which is quicker; false where executors reach the files by Spark alone."""
    readers: tuple[Reader, ...] = ("spark", "delta-rs", "polars", "duckdb")
    """The engines that must be able to read the project's tables: no table gets a feature that one does not know."""
    spark: dict[str, str] = {}
    """Spark settings; `spark.master` among them where spark-submit does not set it. Unless they say otherwise, compiled
    code is kept for 1000 plans (`spark.sql.codegen.cache.maxEntries`); slices after the first run on it."""


class Project(Typed):
    """A checked set of configuration: one environment and the folder that its pipelines come from."""

    root: Path
    """The project's folder: relative roots and Python functions are found from it."""
    conf: Path
    """The folder of `pipelines`, `environments` and `expectations`."""
    environment_name: str
    environment: Environment
