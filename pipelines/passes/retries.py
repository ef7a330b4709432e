"""Commits are tried again while they lose against other writers; and the errors of those that cannot be made."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from pipelines.errors import ConflictError, TableError, root_cause

MOST_ATTEMPTS = 8


def retried(attempt: Callable[[], None], location: str, is_conflict: Callable[[BaseException], bool]) -> None:
    """Call `attempt` again, with jittered pauses, for as long as it loses against other writers.

    Args:
        attempt: looks at the table, and commits.
        location: the table's.
        is_conflict: whether an error means that another writer came first.

    Raises:
        ConflictError: it lost each time.
    """
    retrying = Retrying(
        retry=retry_if_exception(is_conflict),
        stop=stop_after_attempt(MOST_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        reraise=True,
    )
    try:
        retrying(attempt)
    except Exception as error:
        if not is_conflict(error):
            raise
        raise ConflictError(
            f"other writers of {location} came first {MOST_ATTEMPTS} times",
            expected="a moment without other writers",
            found=root_cause(error),
            remedy="run again; the staged rows are kept and not scored twice",
        ) from error


def unwritable(location: str, error: Exception) -> TableError:
    """The error of a table that takes no write at all."""
    return TableError(
        f"the table at {location} cannot be written",
        expected="a table of the right columns, in a place that this user may write to",
        found=root_cause(error),
        remedy="mend the table or the place; the staged rows are kept and not scored twice",
    )
