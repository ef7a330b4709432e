"""An MLflow model's files as data: what loading them would do, found without running any of it."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from pipelines.errors import ModelError, shortened

PYTHON = "python_function"
LOADERS: Mapping[str, str] = MappingProxyType(
    {
        "mlflow.sklearn": "sklearn",
        "mlflow.lightgbm": "lightgbm",
        "mlflow.xgboost": "xgboost",
        "mlflow.catboost": "catboost",
        "mlflow.onnx": "onnx",
        "mlflow.prophet": "prophet",
        "mlflow.statsmodels": "statsmodels",
        "mlflow.pmdarima": "pmdarima",
        "mlflow.pytorch": "pytorch",
        "mlflow.paddle": "paddle",
        "mlflow.tensorflow": "tensorflow",
        "mlflow.keras": "keras",
        "mlflow.pyfunc.model": PYTHON,
        "mlflow.pyfunc.loaders.code_model": PYTHON,
    }
)
"""The loader modules of MLflow 3.17 for models that score rows, and the flavor whose settings each reads.

Not here: loaders of language models, and Spark's and H2O's, which need a JVM of their own in each worker.
"""
CODE_PATH = "model_code_path"
_ALWAYS_PICKLED = frozenset({"mlflow.statsmodels", "mlflow.pmdarima", "mlflow.pytorch", "mlflow.paddle"})
_GRAPHS = frozenset({"mlflow.tensorflow", "mlflow.keras"})
_PICKLE_SUFFIXES = frozenset({".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill", ".pt", ".pth"})
_XGBOOST_CLASSES = frozenset(
    {"xgboost.core.Booster"}
    | {f"xgboost.sklearn.XGB{kind}" for kind in ("Classifier", "Regressor", "Ranker", "RFClassifier", "RFRegressor")}
)
_MODULE = re.compile(r"[A-Za-z_]\w{0,99}(\.[A-Za-z_]\w{0,99}){0,9}", re.ASCII)
_NUMBER = re.compile(r"[-+0-9._:]+")
_MOST_TEXT = 4 * 1024**2  # the signature of 10,000 columns takes less than one
_MOST_DEPTH = 50
_LONGEST_NUMBER = 100
_LONGEST_NAME = 150


@dataclass(frozen=True)
class Artifact:
    """The files of one MLflow model, and what would happen if they were loaded.

    Args:
        folder: where the files are.
        flavors: the settings of each flavor, as the MLmodel file has them.
        loader_module: the module that MLflow would import to load it.
        requirements: the lines of requirements.txt without comments.
        python_version: that of python_env.yaml, else of the MLmodel file.
        size: of all files, in bytes.
        runs_code: whether loading runs code that came with the model, or a loader that is not MLflow's.
        pickled: whether loading unpickles something.
    """

    folder: Path
    flavors: Mapping[str, Mapping[str, Any]]
    loader_module: str
    requirements: tuple[str, ...]
    python_version: str | None
    size: int
    runs_code: bool
    pickled: bool


def read_artifact(folder: Path, label: str) -> Artifact:
    """What a model's folder says of itself; nothing is imported, unpickled or run.

    Args:
        folder: of an MLflow model.
        label: the model's name and version, for the message.

    Raises:
        ModelError: the folder holds no MLflow model that a pipeline can load, or files that cannot be read.
    """
    files = _files(folder, label)
    flavors = _flavors(_yaml(folder, "MLmodel", label), label)
    loader = _loader(flavors, label)
    return Artifact(
        folder=folder,
        flavors=flavors,
        loader_module=loader,
        requirements=_requirements(folder, label),
        python_version=_python_version(folder, flavors, label),
        size=sum(files.values()),
        runs_code=bool(code_in(loader, flavors)),
        pickled=bool(pickles_in(loader, flavors, files)),
    )


def code_in(loader: str, flavors: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What of a model would run code that its author chose, in words; empty where nothing would."""
    found = []
    own = flavors.get(LOADERS.get(loader, PYTHON), {})
    if loader not in LOADERS:
        found.append(f"the loader module {shown(loader)}, which is not one of MLflow's that are known here")
    if loader in _GRAPHS:
        found.append("a TensorFlow or Keras graph, which is a program: it may read and write files")
    for name, settings in flavors.items():
        if settings.get("code"):
            found.append(f"'code' of flavor {shown(name)}: {shown(settings['code'])}, put first on Python's path")
        if CODE_PATH in settings:
            found.append(f"'{CODE_PATH}' of flavor {shown(name)}: {shown(settings[CODE_PATH])}")
    if loader == "mlflow.xgboost" and not _is_one_of(own.get("model_class", "xgboost.core.Booster"), _XGBOOST_CLASSES):
        found.append(f"'model_class', which would be imported and called: {shown(own['model_class'])}")
    if loader == "mlflow.onnx" and _has_native_options(own):
        found.append("options of ONNX Runtime, which can name libraries to be loaded")
    return found


def pickles_in(loader: str, flavors: Mapping[str, Mapping[str, Any]], files: Mapping[str, int]) -> list[str]:
    """What of a model would be unpickled, in words; empty where nothing would.

    Args:
        loader: the module that loads it.
        flavors: the settings of each flavor.
        files: the paths of its files, relative to its folder.
    """
    own = flavors.get(LOADERS.get(loader, PYTHON), {})
    if loader in _ALWAYS_PICKLED:
        return [f"what {loader} loads is a pickle, or may hold one"]
    if loader == "mlflow.sklearn" and not is_skops(loader, flavors):
        return [f"serialization_format {shown(own.get('serialization_format', 'pickle'))}"]
    if loader == "mlflow.lightgbm" and not (is_skops(loader, flavors) or _is_booster(own)):
        return [f"serialization_format {shown(own.get('serialization_format', 'cloudpickle'))}"]
    if loader.startswith("mlflow.pyfunc.") and loader in LOADERS and CODE_PATH not in own:
        return [f"'python_model': {shown(own.get('python_model'))}"]
    if loader in LOADERS and loader not in _GRAPHS and LOADERS[loader] != PYTHON:
        return []  # a format of data only; a pickle beside it is not opened
    return [shown(path) for path in sorted(files) if Path(path).suffix.lower() in _PICKLE_SUFFIXES][:3]


def is_skops(loader: str, flavors: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether MLflow would load the model's file by skops."""
    own = flavors.get(LOADERS.get(loader, PYTHON), {})
    by_sklearn = loader == "mlflow.sklearn" or (loader == "mlflow.lightgbm" and not _is_booster(own))
    return by_sklearn and own.get("serialization_format") == "skops"


def shown(value: object) -> str:
    """A value out of a model's files as it may stand in a message: one short line without control characters."""
    if isinstance(value, Mapping | list | tuple | set):  # aliases can make its text grow without end
        return f"a {type(value).__name__}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return type(value).__name__
    return json.dumps(shortened(value, _LONGEST_NAME) if isinstance(value, str) else str(value))


def _is_one_of(value: object, known: frozenset[str]) -> bool:
    return isinstance(value, str) and value in known


def _is_booster(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("model_class", "lightgbm.basic.Booster") == "lightgbm.basic.Booster")


def _has_native_options(settings: Mapping[str, Any]) -> bool:
    options, providers = settings.get("onnx_session_options") or {}, settings.get("providers") or []
    names = [providers] if isinstance(providers, str) else providers
    simple = isinstance(options, dict) and isinstance(names, list) and all(isinstance(name, str) for name in names)
    return not simple or bool(options.get("extra_session_config"))


def _files(folder: Path, label: str) -> dict[str, int]:
    """The size of each file by its path below the folder."""
    try:
        return dict(_walked(folder, label))
    except OSError as error:
        raise _unreadable(label, error) from error


def _walked(folder: Path, label: str) -> Iterator[tuple[str, int]]:
    def refuse(error: OSError) -> None:
        raise error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        for name in (*folders, *names):
            path = Path(parent, name)
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                yield path.relative_to(folder).as_posix(), status.st_size
            elif not stat.S_ISDIR(status.st_mode):  # reading a pipe would wait forever
                raise ModelError(
                    f"{label} holds something that is neither a file nor a folder",
                    expected="files and folders only",
                    found=shown(name),
                    remedy="log the model again",
                )


def _text(folder: Path, name: str, label: str) -> str | None:
    """A small text file's content; None where it is not there."""
    file = folder / name
    try:
        if not (file.exists() or file.is_symlink()):
            return None
        if not (file.is_file() and file.resolve().is_relative_to(folder.resolve())):
            raise ModelError(f"{label}: {name} is no file of the model's folder", remedy="log the model again")
        with file.open("rb") as opened:
            content = opened.read(_MOST_TEXT + 1)
        if len(content) > _MOST_TEXT:
            raise ModelError(
                f"{label}: {name} is too large to be read",
                expected=f"at most {_MOST_TEXT} bytes",
                remedy="log the model again with a shorter signature or less metadata",
            )
        return content.decode("utf-8")
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        raise _unreadable(f"{label}: {name}", error) from error


def _yaml(folder: Path, name: str, label: str) -> dict[str, Any]:
    text = _text(folder, name, label)
    if text is None:
        raise _malformed(label, f"no file {name}")
    try:
        _require_plain(text)
        content = yaml.safe_load(text)
    except Exception as error:  # a hostile scalar or tag makes the parser raise any kind: KeyError, IndexError, …
        raise _malformed(label, f"{name} that is no plain YAML: {shortened(str(error), 200)}") from error
    if not isinstance(content, dict):
        raise _malformed(label, f"{name} that holds no mapping")
    return content


def _require_plain(text: str) -> None:
    """Refuse what lets a small text take hours or all memory: merged keys, depth, numbers of many digits."""
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_DEPTH:
            raise ValueError(f"more than {_MOST_DEPTH} levels")
        if isinstance(event, yaml.ScalarEvent):
            if event.value == "<<" or event.tag == "tag:yaml.org,2002:merge":
                raise ValueError("merged keys")
            if len(event.value) > _LONGEST_NUMBER and _NUMBER.fullmatch(event.value):
                raise ValueError(f"a number of {len(event.value)} characters")


def _flavors(content: Mapping[str, Any], label: str) -> dict[str, dict[str, Any]]:
    flavors = content.get("flavors")
    if not isinstance(flavors, dict):
        raise _malformed(label, "an MLmodel file without a mapping 'flavors'")
    for name, settings in flavors.items():
        if not isinstance(name, str):
            raise _malformed(label, f"a flavor whose name is {shown(name)}")
        if not (isinstance(settings, dict) and all(isinstance(key, str) for key in settings)):
            raise _malformed(label, f"flavor {shown(name)} without a mapping of settings by name")
    return flavors


def _loader(flavors: Mapping[str, Mapping[str, Any]], label: str) -> str:
    if PYTHON not in flavors:
        raise ModelError(
            f"{label} cannot be loaded as a Python function",
            expected=f"an MLmodel file with the flavor '{PYTHON}'",
            found=", ".join(shown(name) for name in list(flavors)[:10]) or "no flavor",
            remedy="log a model that has a predict method",
        )
    loader = flavors[PYTHON].get("loader_module")
    if not (isinstance(loader, str) and _MODULE.fullmatch(loader)):
        raise _malformed(label, f"an MLmodel file whose loader_module is {shown(loader)}")
    needed = LOADERS.get(loader, PYTHON)
    if needed not in flavors:
        raise _malformed(label, f"an MLmodel file that loads by {loader} without the flavor '{needed}'")
    return loader


def _requirements(folder: Path, label: str) -> tuple[str, ...]:
    lines = (
        re.split(r"(?:^|\s)#", line)[0].strip()
        for line in (_text(folder, "requirements.txt", label) or "").splitlines()
    )
    return tuple(line for line in lines if line)


def _python_version(folder: Path, flavors: Mapping[str, Mapping[str, Any]], label: str) -> str | None:
    exists = _text(folder, "python_env.yaml", label) is not None
    recorded = _yaml(folder, "python_env.yaml", label).get("python") if exists else None
    for version in (recorded, flavors[PYTHON].get("python_version")):
        if isinstance(version, str):  # YAML takes 3.10 for the number 3.1
            return shortened(version, 50)
    return None


def _malformed(label: str, found: str) -> ModelError:
    return ModelError(
        f"{label} is no readable MLflow model",
        expected="a folder with an MLmodel file as MLflow writes it",
        found=found,
        remedy="log the model again with mlflow.<flavor>.log_model",
    )


def _unreadable(what: str, error: Exception) -> ModelError:
    return ModelError(
        f"{what} cannot be read",
        expected="a readable folder with an MLmodel file",
        found=error,
        remedy="see that the model's folder is there and may be read",
    )
