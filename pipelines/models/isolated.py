"""A model in its own environment, as a predictor like any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.models.artifact import Artifact
from pipelines.models.building import environment_python
from pipelines.models.features import Features
from pipelines.models.isolation import Host
from pipelines.models.predictor import NoProbabilitiesError

MOST_RESTARTS = 3


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
        self._host = Host(python, folder, timeout=isolation.timeout, restarts=MOST_RESTARTS)
        self._parameters = dict(parameters or {}) or None

    def predict(self, features: Features) -> Any:
        """What the model's pyfunc gives in its own environment."""
        return self._host.predict(features.table(), "predict", self._parameters).restored()

    def predict_proba(self, features: Features) -> Any:
        """The probabilities, rows by classes."""
        return self._host.predict(features.table(), "predict_proba").restored()

    def classes(self) -> list[Any]:
        """The classes, as the host tells them.

        Raises:
            NoProbabilitiesError: the model names none.
        """
        classes = self._host.classes()
        if not classes:
            raise NoProbabilitiesError("the model names no classes: use result 'predict'")
        return classes

    def close(self) -> None:
        """End the host."""
        self._host.close()
