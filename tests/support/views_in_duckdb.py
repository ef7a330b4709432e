"""The file of views for DuckDB, run over a project's tables."""

from __future__ import annotations

import duckdb
from deltalake import DeltaTable

from pipelines.reports.view_queries import DUCKDB
from pipelines.reports.views import views_script
from pipelines.resolution.layout import Layout
from pipelines.tables.reading import read_rows
from support.small_project import SmallProject


def views_in_duckdb(small: SmallProject, layout: Layout) -> duckdb.DuckDBPyConnection:
    """A connection that has the views; Arrow stands in for the extension that the file installs."""
    script = views_script(DUCKDB, small.pipeline, layout)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    places = {"runs": layout.ledger.location, "predictions": layout.predictions, "quarantine": layout.quarantine}
    for name, place in places.items():
        assert f"delta_scan('{place}')" in script
        connection.register(f"table_{name}", read_rows(DeltaTable(place)))
        script = script.replace(f"delta_scan('{place}')", f"table_{name}")
    assert DUCKDB.preamble in script
    connection.execute(script.replace(DUCKDB.preamble, ""))
    return connection
