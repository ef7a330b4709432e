"""Views over the tables for whoever asks in SQL."""

from __future__ import annotations

from pyspark.sql import SparkSession

from pipelines.config import Project, load_pipeline
from pipelines.runs.tables import require_tables

RESULTS = (
    "array<struct<check_id: string, kind: string, severity: string, success: boolean, observed: double,"
    " unexpected_count: bigint, expected: string, expectation: string, action: string, element_count: bigint,"
    " missing_count: bigint, found: string>>"
)

VIEWS = {
    "runs": "SELECT * FROM delta.`{runs}`",
    # The last word on each run; what an earlier row said of its manifest stays.
    "runs_latest": """
        SELECT * EXCEPT (place) FROM (
          SELECT
            * EXCEPT (manifest),
            max(manifest) OVER (PARTITION BY run_id) AS manifest,
            row_number() OVER (PARTITION BY run_id ORDER BY at DESC) AS place
          FROM delta.`{runs}`
        ) WHERE place = 1""",
    "predictions": "SELECT * FROM delta.`{predictions}`",
    # Refused rows count only where their run is the one whose rows are the slice.
    "quarantine_current": """
        SELECT q.* FROM delta.`{quarantine}` AS q
        LEFT SEMI JOIN (SELECT DISTINCT score_date, model_name, run_id FROM delta.`{predictions}`) AS p
        ON q.score_date = p.score_date AND q.model_name = p.model_name AND q.run_id = p.run_id""",
    # Every check of every run that was judged. The ledger's verdict is the one place where results are kept.
    "validation_results": """
        SELECT run_id, pipeline, score_date, result.*
        FROM (
          SELECT run_id, pipeline, score_date, explode(from_json(verdict, '{results}')) AS result
          FROM delta.`{runs}` WHERE verdict IS NOT NULL
        )""",
    # Those of the runs whose rows are the slices: what history is judged by, also after backfills and retractions.
    "validation_results_current": """
        SELECT r.* FROM validation_results AS r
        LEFT SEMI JOIN (SELECT DISTINCT run_id FROM delta.`{predictions}`) AS p ON r.run_id = p.run_id
        WHERE r.pipeline = '{pipeline}'""",
}


def create_views(spark: SparkSession, project: Project, pipeline_name: str) -> list[str]:
    """Make a pipeline's views in this session.

    These are: runs, runs_latest, predictions, quarantine_current, validation_results, validation_results_current.

    Returns:
        Their names.
    """
    layout = require_tables(spark, project, load_pipeline(project, pipeline_name))
    places = {
        "runs": layout.ledger.location,
        "predictions": layout.predictions,
        "quarantine": layout.quarantine,
        "results": RESULTS,
        "pipeline": pipeline_name,
    }
    for name, query in VIEWS.items():
        spark.sql(f"CREATE OR REPLACE TEMPORARY VIEW {name} AS {query.format(**places)}")
    return list(VIEWS)
