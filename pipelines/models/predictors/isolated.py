"""A model in its own environment, as a predictor like any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipelines.models.artifact import Artifact
from pipelines.models.isolation.environment import environment_python
from pipelines.models.isolation.host_process import Host, HostDied, HostTimedOut
from pipelines.models.predictors.features import Features
from pipelines.models.predictors.predictor import NoProbabilitiesError

RESTARTS_A_BATCH = 1
OUTPUT_MARK = " || "
"""Between what happened and the process's own words, which may quote rows."""


class IsolationError(RuntimeError):
    """The model's process gave no answer twice for one batch."""


@dataclass(frozen=True)
class Isolation:
    """What a worker has to know to run a model in its own environment, in plain values.

    Args:
        cache: a folder of the worker's machine, where environments are built once.
        timeout: seconds to wait for the predictions of one batch.
    """

    cache: str
    timeout: float


class Isolated:
    """A model host of this worker's own: batches go to it, and results come back, as Arrow data over pipes."""

    name = "isolated"
    takes_numbers_only = False

    def __init__(
        self, folder: Path, made_with: Artifact, isolation: Isolation, parameters: Mapping[str, Any] | None = None
    ) -> None:
        python = environment_python(made_with.requirements, made_with.python_version, Path(isolation.cache))
        self._host = Host(python, folder, timeout=isolation.timeout, restarts=RESTARTS_A_BATCH)
        self._parameters = dict(parameters or {}) or None

    def predict(self, features: Features) -> Any:
        """What the model's pyfunc gives in its own environment."""
        return self._asked(features, "predict", self._parameters)

    def predict_proba(self, features: Features) -> Any:
        """The probabilities, rows by classes."""
        return self._asked(features, "predict_proba", None)

    def classes(self) -> list[Any]:
        """The classes, as the host tells them.

        Raises:
            NoProbabilitiesError: the model names none.
        """
        classes = self._host.classes()
        if not classes:
            raise NoProbabilitiesError("the model names no classes: use result 'predict'")
        return classes

    def _asked(
        self, features: Features, method: Literal["predict", "predict_proba"], parameters: dict[str, Any] | None
    ) -> Any:
        """The host's answer; a host that dies or is silent is replaced once for the batch."""
        self._host.forget_failures()  # of batches before this one
        try:
            return self._host.predict(features.table(), method, parameters).restored()
        except (HostDied, HostTimedOut):
            pass  # it may not have been the batch's fault
        try:
            return self._host.predict(features.table(), method, parameters).restored()
        except (HostDied, HostTimedOut) as error:
            output = " ".join(error.output.split())
            raise IsolationError(f"{error.reason}{OUTPUT_MARK}{output}" if output else error.reason) from error

    def close(self) -> None:
        """End the host."""
        self._host.close()
