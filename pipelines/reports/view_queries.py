"""The views' SQL, in the dialects that analysts speak. Each query stands by itself: it needs no other view.

Where the dialects agree, one text serves both; where they do not, `Dialect` holds the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NUMBERS = ("int", "bigint", "float", "double")
RESULT = {
    "check_id": "string",
    "kind": "string",
    "severity": "string",
    "success": "boolean",
    "observed": "double",
    "unexpected_count": "bigint",
    "expected": "string",
    "expectation": "string",
    "action": "string",
    "element_count": "bigint",
    "missing_count": "bigint",
    "found": "string",
}
"""The fields of a check's result, as the ledger's verdicts hold them."""


@dataclass(frozen=True)
class Dialect:
    """How an engine says what SQL's standard does not.

    Args:
        name: the engine's.
        table: the relation of a Delta table, with `{place}` for its location.
        quote: what stands around a name.
        without: `SELECT *` but some columns.
        rows_of: the function that makes a row of each element of an array.
        text_at: the text at a path of a JSON document, with `{column}` and `{path}`.
        results: an array of check results from the JSON of a verdict.
        begin: what makes a view, with `{name}`.
        preamble: what a file of views begins with.
    """

    name: str
    table: str
    quote: str
    without: str
    rows_of: str
    text_at: str
    results: str
    begin: str
    preamble: str = ""

    def named(self, name: str) -> str:
        """A name as it may stand in a query."""
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"


_SPARK_RESULT = ", ".join(f"{name}: {kind}" for name, kind in RESULT.items())
_DUCKDB_TYPES = {"string": "VARCHAR", "boolean": "BOOLEAN", "double": "DOUBLE", "bigint": "BIGINT"}
_DUCKDB_RESULT = ", ".join(f'"{name}": "{_DUCKDB_TYPES[kind]}"' for name, kind in RESULT.items())
SPARK = Dialect(
    name="spark",
    table="delta.`{place}`",
    quote="`",
    without="EXCEPT",
    rows_of="explode",
    text_at="get_json_object({column}, '{path}')",
    results=f"from_json(verdict, 'array<struct<{_SPARK_RESULT}>>')",
    begin="CREATE OR REPLACE TEMPORARY VIEW {name} AS",
)
DUCKDB = Dialect(
    name="duckdb",
    table="delta_scan('{place}')",
    quote='"',
    without="EXCLUDE",
    rows_of="unnest",
    text_at="json_extract_string({column}, '{path}')",
    results=f"from_json(verdict, '[{{{_DUCKDB_RESULT}}}]')",
    begin="CREATE OR REPLACE VIEW {name} AS",
    preamble="INSTALL delta;\nLOAD delta;\n",
)
DIALECTS = {dialect.name: dialect for dialect in (SPARK, DUCKDB)}


@dataclass(frozen=True)
class Subject:
    """Whose tables the views are over.

    Args:
        pipeline: its name.
        runs: the ledger's location.
        predictions: the location of the predictions.
        quarantine: that of the quarantine.
        identity: the columns that name what is predicted, whatever the day.
        outputs: the SQL type of each output.
    """

    pipeline: str
    runs: str
    predictions: str
    quarantine: str
    identity: Sequence[str]
    outputs: Mapping[str, str]


TABLES = ("runs", "predictions", "quarantine")
"""The views that are a table and nothing more."""

_NEEDS = {
    "runs_latest": ("runs",),
    "quarantine_current": ("predictions", "quarantine"),
    "validation_results": ("runs",),
    "validation_results_current": ("runs", "runs_latest", "predictions", "empty_slices", "validation_results"),
    "latest_predictions": ("predictions",),
    "predictions_explained": ("runs", "runs_latest", "predictions"),
    "quarantine_by_reason": ("predictions", "quarantine", "quarantine_current"),
    "empty_slices": ("runs", "runs_latest", "predictions"),
    "daily_summary": ("runs", "runs_latest", "predictions", "empty_slices"),
}
VIEWS = (*TABLES, *_NEEDS)


def view_queries(dialect: Dialect, subject: Subject) -> dict[str, str]:
    """The query of each view, by its name.

    Args:
        dialect: the engine's.
        subject: whose tables.
    """
    bodies = _bodies(dialect, subject)
    queries = {name: bodies[name] for name in TABLES}
    for name, needs in _NEEDS.items():
        before = ",\n".join(f"{need} AS (\n{bodies[need]}\n)" for need in needs)
        queries[name] = f"WITH {before}\n{bodies[name]}"
    return queries


def as_script(dialect: Dialect, subject: Subject) -> str:
    """A file of SQL that makes all of the views."""
    views = [f"{dialect.begin.format(name=name)}\n{query};\n" for name, query in view_queries(dialect, subject).items()]
    head = f"-- The views of the pipeline {subject.pipeline}, for {dialect.name}.\n{dialect.preamble}\n"
    return head + "\n".join(views)


def _bodies(dialect: Dialect, subject: Subject) -> dict[str, str]:
    identity = ", ".join(dialect.named(name) for name in (*subject.identity, "model_name"))
    pipeline = subject.pipeline.replace("'", "''")
    nothing = ["NULL"] * len(_summaries(dialect, subject.outputs))
    return {
        **{name: f"SELECT * FROM {dialect.table.format(place=getattr(subject, name))}" for name in TABLES},
        # The last word on each run; what an earlier row said of its manifest stays.
        "runs_latest": f"""\
SELECT * {dialect.without} (place) FROM (
  SELECT
    * {dialect.without} (manifest),
    max(manifest) OVER (PARTITION BY run_id) AS manifest,
    row_number() OVER (PARTITION BY run_id ORDER BY {dialect.named("at")} DESC) AS place
  FROM runs
) AS states WHERE place = 1""",
        # Refused rows count only where their run is the one whose rows are the slice.
        "quarantine_current": """\
SELECT * FROM quarantine AS q
WHERE EXISTS (
  SELECT 1 FROM predictions AS p
  WHERE p.score_date = q.score_date AND p.model_name = q.model_name AND p.run_id = q.run_id
)""",
        # Every check of every run that was judged. The ledger's verdict is the one place where results are kept.
        "validation_results": f"""\
SELECT run_id, pipeline, score_date, result.*
FROM (
  SELECT run_id, pipeline, score_date, {dialect.rows_of}({dialect.results}) AS result
  FROM runs WHERE verdict IS NOT NULL
) AS checks""",
        # Those of the runs whose rows are the slices: what history is judged by, also after backfills and retractions.
        "validation_results_current": f"""\
SELECT * FROM validation_results
WHERE pipeline = '{pipeline}'
  AND run_id IN (SELECT run_id FROM predictions UNION ALL SELECT run_id FROM empty_slices)""",
        # The newest prediction of each thing that was ever scored.
        "latest_predictions": f"""\
SELECT * {dialect.without} (place) FROM (
  SELECT *, row_number() OVER (PARTITION BY {identity} ORDER BY score_date DESC, scored_at DESC) AS place
  FROM predictions
) AS placed WHERE place = 1""",
        # Each prediction with what made it.
        "predictions_explained": f"""\
SELECT
  p.*,
  {dialect.text_at.format(column="r.manifest", path="$.model.digest")} AS model_digest,
  {dialect.text_at.format(column="r.manifest", path="$.sources")} AS sources,
  {dialect.text_at.format(column="r.manifest", path="$.code_version")} AS code_version,
  {dialect.text_at.format(column="r.manifest", path="$.configuration_digest")} AS configuration_digest,
  r.run_key,
  r.accepted
FROM predictions AS p LEFT JOIN runs_latest AS r ON r.run_id = p.run_id""",
        # How many rows each rule refused; a row with two reasons counts for both.
        "quarantine_by_reason": f"""\
SELECT
  score_date, model_name, reason.rule AS rule, reason.{dialect.named("column")} AS {dialect.named("column")},
  count(*) AS {dialect.named("rows")}, min(reason.message) AS example
FROM (
  SELECT score_date, model_name, {dialect.rows_of}(reasons) AS reason FROM quarantine_current
) AS refused
GROUP BY score_date, model_name, reason.rule, reason.{dialect.named("column")}""",
        # The slices that are published without a row, which no row of the predictions tells from missing ones.
        "empty_slices": f"""\
SELECT pipeline, score_date, model_name, model_version, run_id, {dialect.named("at")}
FROM runs_latest AS r
WHERE pipeline = '{pipeline}' AND state = 'published' AND rows_scored = 0 AND NOT EXISTS (
  SELECT 1 FROM runs_latest AS later
  WHERE later.pipeline = r.pipeline AND later.score_date = r.score_date AND later.model_name = r.model_name
    AND later.state IN ('published', 'retracted')
    AND (later.fence > r.fence OR (later.fence = r.fence AND later.run_id > r.run_id))
) AND NOT EXISTS (
  SELECT 1 FROM predictions AS p WHERE p.score_date = r.score_date AND p.model_name = r.model_name
)""",
        # Of an empty slice, what is computed of predictions is null.
        "daily_summary": f"""\
SELECT
  s.*, r.rows_input, r.rows_scored, r.rows_quarantined, r.accepted
FROM (
  SELECT {", ".join(["score_date", "model_name", "model_version", "run_id", *_summaries(dialect, subject.outputs)])}
  FROM predictions
  GROUP BY score_date, model_name, model_version, run_id
  UNION ALL
  SELECT {", ".join(["score_date", "model_name", "model_version", "run_id", *nothing])}
  FROM empty_slices
) AS s LEFT JOIN runs_latest AS r ON r.run_id = s.run_id""",
    }


def _summaries(dialect: Dialect, outputs: Mapping[str, str]) -> list[str]:
    """What a day's predictions come to: the mean and the bounds of numbers, the share of what is true."""
    found = []
    for name, kind in outputs.items():
        column = dialect.named(name)
        if kind in NUMBERS:
            for function, label in (("avg", "mean"), ("min", "least"), ("max", "greatest")):
                found.append(f"{function}({column}) AS {dialect.named(f'{label}_{name}')}")
        elif kind == "boolean":
            found.append(f"avg(CASE WHEN {column} THEN 1.0 ELSE 0.0 END) AS {dialect.named(f'share_{name}')}")
    return found
