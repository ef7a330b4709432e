"""In a worker: the model, loaded once, proven on the first batch of each task, and applied to the clean rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Accumulator, SparkFiles

from pipelines.models.isolation.requirements import as_table, mismatches
from pipelines.models.predictors.features import Features
from pipelines.models.predictors.isolated import Isolated, Isolation
from pipelines.models.predictors.native import native_predictor
from pipelines.models.predictors.outputs import WantedOutput, outputs_of, struct_type
from pipelines.models.predictors.predictor import Predictor, Pyfunc, suits
from pipelines.models.registry import RegisteredModel, digest_of
from pipelines.models.workers.bisecting import score_batch
from pipelines.models.workers.proofs import PERMUTED_ROWS, prove_alignment, prove_native
from pipelines.models.workers.report import ProofReport, WorkerReport
from pipelines.transforms.staging import FAILURE

MOST_MODELS = 8
"""So many a worker process keeps; a session that scores with more loads some again."""


class TooManyFailuresError(ValueError):
    """The model raised on more rows than are allowed to a slice, in a pass over several: each is tried by itself."""


class ChangedModelError(ValueError):
    """The model's files in the worker are not those that were looked up."""


@dataclass(frozen=True)
class Scoring:
    """What a worker has to know, in plain values.

    Args:
        model: which one, and where its files were before they were shipped.
        outputs: the columns that are wanted of it.
        parameters: of the model's signature.
        uses_native: whether the predictor of the model's own library may be used.
        allowed_failures: on how many rows of a slice the model may raise.
        slices: over how many the pass is: where over several, no slice may go without a try for another's failures.
        tells_values: whether what it raises may be shown: it may quote the values of a row.
        isolation: where it has to run in an environment of its own.
    """

    model: RegisteredModel
    outputs: tuple[WantedOutput, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    uses_native: bool = True
    allowed_failures: int = 0
    slices: int = 1
    tells_values: bool = False
    isolation: Isolation | None = None


@dataclass(frozen=True)
class Workers:
    """What the workers report of a run. Spark may count a retried task twice.

    Args:
        job: the pass's own name.
        evaluated: rows that the model scored; those of the proofs' samples are not among them.
        loads: models loaded.
        reports: one of each worker: what predicted, and what the proofs found.
    """

    job: str
    evaluated: Accumulator[int]
    loads: Accumulator[int]
    reports: Accumulator[list[ProofReport]]

    def report(self) -> WorkerReport:
        """What they reported so far."""
        return WorkerReport.of(self.evaluated.value, self.loads.value, self.reports.value)


class _Models:
    """The models of this worker process: they outlive tasks and runs, as Spark reuses its workers."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[str, str], tuple[Predictor, Predictor | None]] = {}

    def get(self, shipped: str, scoring: Scoring, workers: Workers) -> tuple[Predictor, Predictor | None]:
        """The model as MLflow runs it and the predictor of its library, loaded once.

        Raises:
            ChangedModelError: the shipped files are not those that were looked up.
        """
        key = (scoring.model.digest, repr((sorted(scoring.parameters.items()), scoring.isolation)))
        if key not in self._loaded:
            folder = Path(SparkFiles.get(shipped))
            found = digest_of(folder)
            if found != scoring.model.digest:
                raise ChangedModelError(f"the digest is {found[:12]}…, not {scoring.model.digest[:12]}…")
            if len(self._loaded) >= MOST_MODELS:
                self._loaded.clear()
            self._loaded[key] = load_model(folder, scoring)
            workers.loads.add(1)
        return self._loaded[key]


def load_model(folder: Path, scoring: Scoring) -> tuple[Predictor, Predictor | None]:
    """The model as MLflow runs it, and the predictor of its own library where there is one that may be quicker."""
    if scoring.isolation is not None:
        return Isolated(folder, scoring.model.artifact, scoring.isolation, scoring.parameters), None
    pyfunc = Pyfunc(folder, scoring.parameters)
    return pyfunc, None if scoring.parameters else native_predictor(folder, scoring.model.artifact.flavors, pyfunc)


_MODELS = _Models()


def worker_of(shipped: str, scoring: Scoring, workers: Workers) -> Worker:
    """One for each task, so that one that is tried again proves again what it may.

    Not written into the UDF, which is pickled with what it names: it would bring models of its own each time.
    """
    return Worker(scoring, *_MODELS.get(shipped, scoring, workers), workers)


@lru_cache(maxsize=MOST_MODELS)
def _mismatches(requirements: tuple[str, ...], python_version: str | None) -> str:
    """Looked up once a process, not for each task: what is installed does not change under it."""
    return as_table(mismatches(requirements, python_version))


class Worker:
    """Scores the batches of one task; proves on the first of them that it may."""

    def __init__(self, scoring: Scoring, pyfunc: Predictor, native: Predictor | None, workers: Workers) -> None:
        self._scoring = scoring
        self._workers = workers
        self._pyfunc = pyfunc
        self._native = native if scoring.uses_native else None
        self._kind = struct_type(scoring.outputs)
        self._difference: float | None = None
        made_with = scoring.model.artifact
        self._mismatches = "" if scoring.isolation else _mismatches(made_with.requirements, made_with.python_version)
        self._proven_rows: Counter[str] = Counter()
        self._failures = 0

    def score(self, refused: pa.Array, features: Features) -> pa.StructArray:
        """The outputs of a batch and why the model raised, with nulls for the refused rows."""
        clean = pc.invert(refused)
        rows = pc.sum(clean).as_py() or 0
        if rows == 0:
            return _with_failures(pa.nulls(len(refused), self._kind), {})
        if rows == len(refused):
            return self._scored(features)
        place = pc.subtract(pc.cumulative_sum(clean.cast(pa.int64())), 1)  # of each clean row among the clean ones
        return self._scored(features.filter(clean)).take(pc.if_else(clean, place, pa.scalar(None, pa.int64())))

    def _scored(self, features: Features) -> pa.StructArray:
        predictor = self._chosen(features)
        scored = score_batch(
            partial(self._predict, predictor),
            features,
            self._kind,
            allowed=self._scoring.allowed_failures - self._failures,
            tells_values=self._scoring.tells_values,
        )
        self._failures += len(scored.failures)
        if self._scoring.slices > 1 and self._failures > self._scoring.allowed_failures:
            raise TooManyFailuresError(f"{self._failures} rows of {self._scoring.slices} slices")
        self._workers.evaluated.add(len(features) - len(scored.failures))
        if self._proven_rows[predictor.name] < PERMUTED_ROWS and len(scored.failures) < len(features):
            rows = [row for row in range(len(features)) if row not in scored.failures]
            self._prove(predictor, features, scored.results, rows)
        return _with_failures(scored.results, scored.failures)

    def _predict(self, predictor: Predictor, features: Features) -> pa.StructArray:
        return outputs_of(predictor, features, self._scoring.outputs)

    def _chosen(self, features: Features) -> Predictor:
        """The library's predictor where it gives what pyfunc gives; pyfunc for a batch where that raises throughout."""
        native = self._native
        if native is None or not suits(native, features):
            return self._pyfunc
        if self._proven_rows[native.name] >= PERMUTED_ROWS:
            return native
        found = prove_native(partial(self._predict, native), partial(self._predict, self._pyfunc), features, self._kind)
        if found is None:
            return self._pyfunc
        self._difference = max(found.largest, self._difference or 0.0)
        return native

    def _prove(self, predictor: Predictor, features: Features, results: pa.StructArray, rows: list[int]) -> None:
        if len(rows) < len(features):
            features, results = features.take(rows), results.take(pa.array(rows, pa.int64()))
        found = prove_alignment(partial(self._predict, predictor), features, results)
        self._proven_rows[predictor.name] += len(rows)
        report = ProofReport(predictor.name, self._mismatches, self._difference, found.largest)
        self._workers.reports.add([report])


def _with_failures(results: pa.StructArray, failures: Mapping[int, str]) -> pa.StructArray:
    messages: Sequence[str | None] = [failures.get(row) for row in range(len(results))] if failures else []
    why = pa.array(messages, pa.string()) if failures else pa.nulls(len(results), pa.string())
    names = [item.name for item in results.type]
    return pa.StructArray.from_arrays([*(results.field(name) for name in names), why], names=[*names, FAILURE])
