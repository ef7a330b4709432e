"""How a write that did not come to be is told."""

from __future__ import annotations

from pipelines.errors import ConflictError, TableError, root_cause


def overtaken(location: str, attempts: int, error: Exception) -> ConflictError:
    """Other writers came first each time."""
    return ConflictError(
        f"other writers of {location} came first {attempts} times",
        expected="a moment without other writers",
        found=root_cause(error),
        remedy="run again; the staged rows are kept and not scored twice",
    )


def unwritable(location: str, error: Exception) -> TableError:
    """The table takes no write at all."""
    return TableError(
        f"the table at {location} cannot be written",
        expected="a table of the right columns, in a place that this user may write to",
        found=root_cause(error),
        remedy="mend the table or the place; the staged rows are kept and not scored twice",
    )
