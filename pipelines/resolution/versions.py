"""Which code and packages run here, as manifests record them."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

PACKAGES = (
    "pyspark",
    "delta-spark",
    "deltalake",
    "mlflow",
    "great-expectations",
    "numpy",
    "pandas",
    "pyarrow",
    "lightgbm",
    "scikit-learn",
)
"""The packages whose versions may change a prediction or how it is stored."""


@lru_cache(maxsize=1)
def code_version() -> str:
    """The distribution's version, and a digest of the library's source as it runs."""
    digest = hashlib.sha256()
    for name, content in sorted(_sources(resources.files("pipelines"))):
        digest.update(name.encode() + b"\0" + content)
    return f"{installed('lakescore') or 'none'}+{digest.hexdigest()[:12]}"


def _sources(folder: Traversable, below: str = "") -> Iterator[tuple[str, bytes]]:
    """The files of Python below a folder, which may be one of a zip that spark-submit was given."""
    for item in folder.iterdir():
        if item.is_dir():
            yield from _sources(item, f"{below}{item.name}/")
        elif item.name.endswith(".py"):
            yield f"{below}{item.name}", item.read_bytes()


@lru_cache(maxsize=1)
def package_versions() -> dict[str, str]:
    """The installed versions of the packages that may change a prediction."""
    return {name: version for name in PACKAGES if (version := installed(name)) is not None}


def installed(name: str) -> str | None:
    """The version of a distribution that is installed here, if it is."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
