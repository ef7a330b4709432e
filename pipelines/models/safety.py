"""What must hold before a model is loaded: loading one can run code, and who may log a model need not be trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.errors import ModelError, did_you_mean
from pipelines.models.artifact import CODE_PATH, LOADERS, PYTHON, Artifact, code_in, is_skops, pickles_in, shown
from pipelines.models.skops_files import unpacked_size, untrusted_types
from pipelines.models.skops_trees import TREE, trees_are_harmless

TRUSTED_TYPES = frozenset(
    {
        "collections.OrderedDict",
        "numpy.dtype",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRanker",
        "lightgbm.sklearn.LGBMRegressor",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRFClassifier",
        "xgboost.sklearn.XGBRFRegressor",
        "xgboost.sklearn.XGBRanker",
        "xgboost.sklearn.XGBRegressor",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.gaussian_process.kernels.Sum",
        "sklearn.gaussian_process.kernels.WhiteKernel",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    }
)
"""What a skops file may hold beside what skops itself trusts.

Names, not prefixes: skops calls what a file names with arguments from the file, and `numpy` or `sklearn` have functions
that read files, write them, or unpickle. Not here, as in skops: sklearn.tree._tree.Tree and the like, whose indices
scikit-learn follows unchecked; those of HistGradientBoosting are looked at instead, in `skops_trees`.
"""
ALLOW_CODE = "set 'model: allow_code: true' in the pipeline's configuration"
ALLOW_PICKLE = "set 'model: allow_pickle: true' in the pipeline's configuration"
TRUST = "set in the pipeline's configuration 'model: trusted_types: "
"""What remedies say, for those who ask where there is no configuration yet."""
_DATA_KEYS = ("data", "model_path", "pickled_model")
_ONE_FILE = frozenset(f"mlflow.{name}" for name in ("sklearn", "lightgbm", "xgboost", "catboost", "onnx", "prophet"))
_NO_PATHS = frozenset(
    {"uri", "config", CODE_PATH}
)  # where a file came from; the model's own; only its last part is used
_MOST_NAMES = 30
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)


def require_safe(
    artifact: Artifact,
    label: str,
    *,
    allow_pickle: bool,
    allow_code: bool,
    trusted_types: Collection[str],
    most_bytes: int,
    findings: Path | None = None,
) -> None:
    """Refuse a model that would do more, when it is loaded, than the configuration allows.

    Args:
        artifact: as `read_artifact` gives it.
        label: the model's name and version, for the message.
        allow_pickle: whether its content may be unpickled.
        allow_code: whether code that came with it, or a loader that is not MLflow's, may run.
        trusted_types: the types that a skops file may hold beside `TRUSTED_TYPES`.
        most_bytes: the largest size of its files, and of a skops file once unpacked.
        findings: a folder for these very files, in which what was found in them is kept for the next time.

    Raises:
        ModelError: with what is not allowed, and which setting would allow it.
    """
    _require_size(artifact.size, label, most_bytes)
    _require_inside(artifact, label)
    if not allow_code:
        _require_no_code(artifact, label)
    if not allow_pickle:
        _require_no_pickle(artifact, label)
    if artifact.loader_module in _ONE_FILE:
        files = _files_named(artifact, label)
        if is_skops(artifact.loader_module, artifact.flavors):
            _require_trusted(artifact, files, label, trusted_types, most_bytes, findings)


def _require_size(size: int, label: str, most_bytes: int) -> None:
    if size > most_bytes:
        raise ModelError(
            f"{label} is too large",
            expected=f"at most {most_bytes} bytes",
            found=f"{size} bytes",
            remedy="log a smaller model, or raise 'largest_model_mb' in the environment's configuration",
        )


def _require_inside(artifact: Artifact, label: str) -> None:
    leads_out = [
        f"{shown(name)}: {shown(value)}"
        for name, settings in artifact.flavors.items()
        for value in _texts(settings)
        if _is_outside(value)
    ]
    leads_out += [shown(link) for link in _links_outside(artifact.folder, label)]
    if leads_out:
        raise ModelError(
            f"{label} names files outside of its own folder",
            expected="paths below the model's folder",
            found="; ".join(leads_out[:5]),
            remedy="log the model again, with its files copied into it",
        )


def _texts(settings: Mapping[str, Any]) -> Iterator[str]:
    """Every text in a flavor's settings that MLflow might take for a path; an aliased container is entered once."""
    waiting: list[Any] = [settings]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping | list | tuple | set) and id(value) not in seen:
            seen.add(id(value))
            held = [value[key] for key in value if key not in _NO_PATHS] if isinstance(value, Mapping) else value
            waiting.extend(held)


def _is_outside(text: str) -> bool:
    """Whether a text, taken for a path, leaves the folder that it is relative to."""
    path = PurePosixPath(text.replace("\\", "/"))
    depth = 0
    for part in path.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return path.is_absolute() or text.startswith(("~", "file:")) or "\0" in text


def _links_outside(folder: Path, label: str) -> Iterator[str]:
    root = folder.resolve()
    for path in folder.rglob("*"):
        try:
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                yield path.relative_to(folder).as_posix()
        except (OSError, RuntimeError) as error:  # links in a circle
            raise ModelError(f"{label} holds a link that leads nowhere", found=error, remedy="log it again") from error


def _require_no_code(artifact: Artifact, label: str) -> None:
    unknown = [name for name in artifact.flavors if name != PYTHON and name not in LOADERS.values()]
    found = code_in(artifact.loader_module, artifact.flavors)
    found += [f"flavor {shown(name)}; {did_you_mean(name[:100], LOADERS.values())}" for name in unknown[:5]]
    if artifact.runs_code or found:
        raise ModelError(
            f"{label} brings code of its own, or is loaded by code that is not MLflow's: it would run with all the "
            "rights of this pipeline, on every worker",
            expected="a model that MLflow's own flavors load from data",
            found="; ".join(found),
            remedy="log it without code_paths, loader_module and models-from-code; or, if you trust everyone who may "
            f"log this model, {ALLOW_CODE}",
        )


def _require_no_pickle(artifact: Artifact, label: str) -> None:
    if artifact.pickled:
        files = {path.relative_to(artifact.folder).as_posix(): 0 for path in artifact.folder.rglob("*")}
        raise ModelError(
            f"{label} is stored as a pickle: loading one runs whatever code its author put in, with all the rights of "
            "this pipeline, on every worker",
            expected="a format that holds data only: skops, or the own one of LightGBM, XGBoost, CatBoost or ONNX",
            found="; ".join(pickles_in(artifact.loader_module, artifact.flavors, files)),
            remedy="log it with serialization_format='skops' where its flavor has that; or, if you trust everyone who "
            f"may log this model, {ALLOW_PICKLE}",
        )


def _files_named(artifact: Artifact, label: str) -> list[Path]:
    """The files that the settings name: in the top folder, since MLflow reads the MLmodel file beside what it loads."""
    own = artifact.flavors[LOADERS[artifact.loader_module]]
    named = [settings[key] for settings in (artifact.flavors[PYTHON], own) for key in _DATA_KEYS if key in settings]
    for name in named:
        if not _is_top_file(artifact.folder, name):
            raise _without_file(label, f"{shown(name)}, which is no such file")
    if not named:
        raise _without_file(label, "no name of any file")
    return sorted({artifact.folder / name for name in named})


def _is_top_file(folder: Path, name: object) -> bool:
    try:
        return isinstance(name, str) and name == PurePosixPath(name).name and (folder / name).is_file()
    except (OSError, ValueError):  # too long for the file system, or with a null character
        return False


def _without_file(label: str, found: str) -> ModelError:
    return ModelError(
        f"{label} does not say which of its files is the model",
        expected=f"the name of a file beside MLmodel in {' or '.join(_DATA_KEYS)}",
        found=found,
        remedy="log the model again",
    )


def _require_trusted(
    artifact: Artifact,
    files: Iterable[Path],
    label: str,
    trusted_types: Collection[str],
    most_bytes: int,
    findings: Path | None,
) -> None:
    trusted = TRUSTED_TYPES | set(trusted_types)
    names = set(_listed(artifact, label))
    files = list(files)
    for file in files:
        # First, as skops reads all of it.
        _require_size(unpacked_size(file, label), f"{label}: {shown(file.name)}, once unpacked,", most_bytes)
        names.update(untrusted_types(file, label, findings))
    if TREE in names - trusted and all(map(trees_are_harmless, files)):
        names.remove(TREE)
    unknown = sorted(names - trusted)
    if not unknown:
        return
    listed = [shown(name) for name in unknown[:_MOST_NAMES]]
    if len(unknown) > _MOST_NAMES:
        listed.append(f"… and {len(unknown) - _MOST_NAMES} more")
    usable = [name for name in unknown[:_MOST_NAMES] if _NAME.fullmatch(name) and len(name) < 200]  # noqa: PLR2004
    line = json.dumps(sorted({*trusted_types, *usable}))
    raise ModelError(
        f"{label} holds or asks for types that are not trusted:\n    " + "\n    ".join(listed),
        expected="only types whose loading is known to do no harm; the list in the MLmodel file does not count",
        found=f"{len(unknown)} others",
        remedy="log it without them; or, if you know that none of them does harm whatever the file holds, "
        f"{TRUST}{line}'",
    )


def _listed(artifact: Artifact, label: str) -> list[str]:
    listed = artifact.flavors[LOADERS[artifact.loader_module]].get("skops_trusted_types")
    if listed is None:
        return []
    if not (isinstance(listed, list) and all(isinstance(name, str) for name in listed)):
        raise ModelError(
            f"{label} has no proper list of trusted types",
            expected="skops_trusted_types as a list of names",
            found=shown(listed) if not isinstance(listed, list) else "a list of other things",
            remedy="log the model again",
        )
    return listed
