"""What the workers of a pass report of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

OPTIONAL = ("columns_read", "slices", "native_refused", "files_refused")
"""What stands in a stage's marker only where there is something to tell."""


@dataclass(frozen=True)
class ProofReport:
    """What one worker found when it held results against each other.

    Args:
        predictor: what predicted.
        mismatches: the packages that are not those of the model, as text; empty where all are.
        native_difference: how far results of the model's own library were from those of pyfunc; None where not used.
        alignment_difference: how far results of a row alone, in another order or another batch were from its own.
    """

    predictor: str
    mismatches: str
    native_difference: float | None
    alignment_difference: float


@dataclass(frozen=True)
class WorkerReport:
    """What all workers of a pass report. Spark may count a retried task twice.

    Args:
        evaluated: rows that the model scored; those of the proofs' samples are not among them.
        loads: models loaded.
        predictor: what predicted; None where no row was scored.
        mismatches: the packages that are not those of the model, as text.
        native_difference: the largest that a worker found.
        alignment_difference: the largest that a worker found.
        columns_read: how many columns the workers read by themselves; None of a pass over several slices.
        slices: how many the pass was over; None of one.
        native_refused: why the model's own library was not used after all.
        files_refused: why the workers did not read columns by themselves after all.
    """

    evaluated: int
    loads: int
    predictor: str | None = None
    mismatches: str = ""
    native_difference: float | None = None
    alignment_difference: float | None = None
    columns_read: int | None = None
    slices: int | None = None
    native_refused: str | None = None
    files_refused: str | None = None

    @classmethod
    def of(cls, evaluated: int, loads: int, proofs: Sequence[ProofReport]) -> Self:
        """The report of workers that found this."""
        native = [proof.native_difference for proof in proofs if proof.native_difference is not None]
        return cls(
            evaluated=evaluated,
            loads=loads,
            predictor=", ".join(sorted({proof.predictor for proof in proofs})) or None,
            mismatches=max((proof.mismatches for proof in proofs), default=""),
            native_difference=max(native, default=None),
            alignment_difference=max((proof.alignment_difference for proof in proofs), default=None),
        )

    def as_json(self) -> dict[str, object]:
        """The report as plain values."""
        return {name: value for name, value in vars(self).items() if value is not None or name not in OPTIONAL}

    @classmethod
    def of_plain(cls, said: Mapping[str, Any]) -> Self:
        """The report of such plain values as `as_json` gives.

        Raises:
            TypeError: another release wrote them.
        """
        return cls(**said)
