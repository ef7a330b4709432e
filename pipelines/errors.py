"""Every error that a user can meet. Each says what is wrong, what was expected, what was found and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, Literal

LONGEST_VALUE = 500
NO_SPACE = "No space left on device"
"""As the operating system says it, whoever passes it on."""
CAUSED_BY = "Caused by: "
_INNER = "↳"
"""Before each inner cause of delta-rs' errors."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


Outcome = Literal["failed", "rejected", "conflict", "abandoned"]


class PipelineError(Exception):
    """The root of all errors that the project raises on purpose.

    Args:
        problem: what is wrong, in one sentence.
        expected: what would have been right.
        found: what was there instead; cut to a readable length.
        remedy: what to do about it.
    """

    exit_code = 1
    outcome: Outcome = "failed"
    """What becomes of the slice that it ends."""

    def __init__(
        self,
        problem: str,
        *,
        expected: str | None = None,
        found: object | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.expected = expected
        self.found = None if found is None else shortened(str(found))
        self.remedy = remedy
        parts = [problem]
        if expected is not None:
            parts.append(f"expected: {expected}")
        if self.found is not None:
            parts.append(f"found: {self.found}")
        if remedy is not None:
            parts.append(f"to do: {remedy}")
        super().__init__("\n  ".join(parts))

    @property
    def brief(self) -> str:
        """What is wrong and what was found, in one line of a list."""
        return self.problem if self.found is None else f"{self.problem}; found: {self.found}"


class ConfigurationError(PipelineError):
    """A configuration file, an environment variable or an expectation suite is wrong."""

    exit_code = 2


class UsageError(PipelineError):
    """A command was given something that it cannot take."""

    exit_code = 2


class UnguessedError(UsageError):
    """Nothing was found that could be proposed: a person has to say it."""


class SetupError(PipelineError):
    """The machine lacks something that a run needs, such as Java."""

    exit_code = 2


class SourceError(PipelineError):
    """An input table is missing, unreadable, or lacks what the pipeline reads from it."""


class ModelError(PipelineError):
    """The model cannot be found, loaded, or does not fit the pipeline's features."""


class UnknownModelError(ModelError):
    """The registry has no such model, alias or version."""


class ComputationError(PipelineError):
    """Spark ended a job, and its error condition names neither the data nor the model as the cause."""


class TableError(PipelineError):
    """A table that the project owns is missing, cannot be written, or has another shape."""


class ConflictError(PipelineError):
    """Other writers kept a slice from being published until the retries were used up."""

    outcome = "conflict"


class RejectedError(PipelineError):
    """A gate failed: the slice was not published.

    Args:
        problem: as for every error.
        details: `expected`, `found` and `remedy`, as for every error.
        run_id: the run that was rejected; empty where nothing ran.
        checks: the ids of the checks that failed.
    """

    exit_code = 3
    outcome = "rejected"

    def __init__(self, problem: str, *, run_id: str = "", checks: tuple[str, ...] = (), **details: Any) -> None:
        self.run_id, self.checks = run_id, checks
        super().__init__(problem, **details)


class AbandonedError(PipelineError):
    """A run was ended from outside before its slice was published."""

    outcome = "abandoned"


def outcome_of(error: BaseException) -> Outcome:
    """What becomes of the slice that an error ends."""
    return error.outcome if isinstance(error, PipelineError) else "failed"


def shortened(text: str, longest: int = LONGEST_VALUE) -> str:
    """The text, cut with an ellipsis where it is longer than `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What to do about an unknown name: the nearest known one, or the list of them.

    >>> did_you_mean("flight_delay", ["flight_delays", "churn"])
    "did you mean 'flight_delays'?"
    >>> did_you_mean("x", ["flight_delays", "churn"])
    'known: churn, flight_delays'
    """
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {shortened(', '.join(names))}" if names else "none is known here"


def root_cause(error: BaseException) -> str:
    r"""What an error comes from, in one line: of Java's and delta-rs' the innermost cause.

    >>> root_cause(ValueError("calling o1.save: failed\n\tat a.B\nCaused by: java.io.IOException: No space left"))
    'java.io.IOException: No space left'
    >>> root_cause(ValueError("calling o1.save.\n: java.io.IOException: broken\n\tat a.B"))
    'java.io.IOException: broken'
    >>> root_cause(OSError("no copy\n \x1b[31m↳\x1b[0m unable to\n \x1b[31m↳\x1b[0m No space left on device"))
    'No space left on device'
    >>> root_cause(ValueError("no table\nat all"))
    'no table'
    """
    lines = _COLOURS.sub("", str(error)).strip().splitlines() or [type(error).__name__]
    inner = [line.partition(_INNER)[2].strip() for line in lines if _INNER in line]
    if inner:
        return inner[-1]
    causes = [line for line in lines if line.startswith(CAUSED_BY)]
    if causes:
        return causes[-1].removeprefix(CAUSED_BY)
    return next((line.removeprefix(": ") for line in lines if line.startswith(": ")), lines[0])
