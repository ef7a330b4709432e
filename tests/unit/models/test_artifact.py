"""What loading a model would do is told from its files alone, and refused unless the configuration allows it."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.errors import ModelError
from pipelines.models.artifact import Artifact, read_artifact
from pipelines.models.safety import require_safe
from pipelines.models.skops_trees import TREE
from unit.samples import change_yaml, classifier, training_rows

LABEL = "model 'm' version 3"
CODE = textwrap.dedent("""
    from mlflow.models import set_model
    from mlflow.pyfunc import PythonModel

    class Model(PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["age"]

    set_model(Model())
""")
EVERYTHING = {"allow_pickle": True, "allow_code": True}
HOSTILE_LENGTH = 5000


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models as MLflow writes them, by what is special about each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making the models is not what is tested
        return saved_models(tmp_path_factory.mktemp("artifacts"))


def saved_models(root: Path) -> dict[str, Path]:
    import lightgbm
    import mlflow
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    frame, label = training_rows()
    linear = classifier()
    trees = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(frame, label)
    ranker = lightgbm.LGBMRanker(n_estimators=2, verbose=-1).fit(frame, label.astype(int), group=[len(frame)])
    forest = RandomForestClassifier(n_estimators=2).fit(frame, label)
    boosted = HistGradientBoostingClassifier(max_iter=2).fit(frame, label)
    imputed = make_pipeline(SimpleImputer(), classifier()).fit(frame, label)
    code = root / "code_of_mine.py"
    code.write_text(CODE, encoding="utf-8")
    tree = ["sklearn.tree._tree.Tree"]
    packages: dict[str, Any] = {"pip_requirements": ["scikit-learn", "pandas"]}
    saves: dict[str, Callable[[str], None]] = {
        "sklearn": lambda path: mlflow.sklearn.save_model(linear, path, **packages),
        "imputed": lambda path: mlflow.sklearn.save_model(
            imputed, path, skops_trusted_types=["numpy.dtype"], **packages
        ),
        "forest": lambda path: mlflow.sklearn.save_model(forest, path, skops_trusted_types=tree, **packages),
        "boosted": lambda path: mlflow.sklearn.save_model(boosted, path, skops_trusted_types=[TREE], **packages),
        "sklearn pickle": lambda path: mlflow.sklearn.save_model(
            linear, path, serialization_format="pickle", **packages
        ),
        "lightgbm": lambda path: mlflow.lightgbm.save_model(trees, path, **packages),
        "ranker": lambda path: mlflow.lightgbm.save_model(
            ranker, path, skops_trusted_types=["lightgbm.sklearn.LGBMRanker"], **packages
        ),
        "booster": lambda path: mlflow.lightgbm.save_model(trees.booster_, path, **packages),
        "lightgbm pickle": lambda path: mlflow.lightgbm.save_model(
            trees, path, serialization_format="cloudpickle", **packages
        ),
        "python": lambda path: mlflow.pyfunc.save_model(path, python_model=lambda model_input: [1], **packages),
        "from code": lambda path: mlflow.pyfunc.save_model(path, python_model=str(code), **packages),
        "code paths": lambda path: mlflow.sklearn.save_model(linear, path, code_paths=[str(code)], **packages),
        "loader": lambda path: mlflow.pyfunc.save_model(
            path, loader_module="code_of_mine", data_path=str(code), code_paths=[str(code)], **packages
        ),
    }
    for name, save in saves.items():
        save(str(root / name))
    return {name: root / name for name in saves}


@pytest.fixture
def copied(saved: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a saved model that a test may change."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(saved[name], tmp_path / "model"))

    return copy


def written(folder: Path, flavors: object, **others: object) -> Path:
    """A hand-made MLmodel file, in a folder with one file of data."""
    folder.mkdir(exist_ok=True)
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors, **others}), encoding="utf-8")
    (folder / "model.bin").write_bytes(b"data")
    return folder


def python_function(loader: object, **settings: object) -> dict[str, object]:
    return {"loader_module": loader, "data": "model.bin", **settings}


def require(artifact: Artifact, **changes: Any) -> None:
    settings: dict[str, Any] = {"allow_pickle": False, "allow_code": False, "trusted_types": (), "most_bytes": 10**7}
    require_safe(artifact, LABEL, **{**settings, **changes})


def refused(folder: Path, **changes: Any) -> str:
    with pytest.raises(ModelError) as caught:
        require(read_artifact(folder, LABEL), **changes)
    message = str(caught.value)
    assert message.startswith(LABEL)
    assert len(message) < HOSTILE_LENGTH
    return message


@pytest.mark.parametrize(
    ("name", "loader", "runs_code", "pickled"),
    [
        ("sklearn", "mlflow.sklearn", False, False),
        ("imputed", "mlflow.sklearn", False, False),
        ("sklearn pickle", "mlflow.sklearn", False, True),
        ("lightgbm", "mlflow.lightgbm", False, False),
        ("booster", "mlflow.lightgbm", False, False),
        ("lightgbm pickle", "mlflow.lightgbm", False, True),
        ("python", "mlflow.pyfunc.model", False, True),
        ("from code", "mlflow.pyfunc.loaders.code_model", True, False),
        ("code paths", "mlflow.sklearn", True, False),
        ("loader", "code_of_mine", True, False),
    ],
)
def test_what_loading_would_do_is_told(
    saved: dict[str, Path], name: str, loader: str, runs_code: bool, pickled: bool
) -> None:
    observed = read_artifact(saved[name], LABEL)
    assert (observed.loader_module, observed.runs_code, observed.pickled) == (loader, runs_code, pickled)


def test_an_artifact_says_what_the_files_say(copied: Callable[[str], Path]) -> None:
    folder = copied("sklearn")
    (folder / "requirements.txt").write_text("# ours\nscikit-learn==1.9.1  # exactly\n\nx @ git+https://x#egg=x\n")
    (folder / "python_env.yaml").write_text("python: 3.11.4\n")
    observed = read_artifact(folder, LABEL)
    assert observed.requirements == ("scikit-learn==1.9.1", "x @ git+https://x#egg=x")
    assert observed.python_version == "3.11.4"
    assert observed.size == sum(path.stat().st_size for path in folder.rglob("*"))
    assert observed.flavors == yaml.safe_load((folder / "MLmodel").read_text())["flavors"]


@pytest.mark.parametrize(("env", "expected"), [(None, "3.11.9"), ("python: 3.10\n", "3.11.9"), ("{}", "3.11.9")])
def test_the_python_version_is_else_that_of_the_mlmodel_file(
    copied: Callable[[str], Path], env: str | None, expected: str
) -> None:
    folder = copied("sklearn")
    (folder / "python_env.yaml").unlink()
    if env is not None:
        (folder / "python_env.yaml").write_text(env)
    change_yaml(
        folder / "MLmodel", lambda content: content["flavors"]["python_function"].update(python_version=expected)
    )
    assert read_artifact(folder, LABEL).python_version == expected


@pytest.mark.parametrize("name", ["sklearn", "imputed", "lightgbm", "ranker", "booster"])
def test_models_of_data_only_are_safe(saved: dict[str, Path], name: str) -> None:
    require(read_artifact(saved[name], LABEL))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("sklearn pickle", {"allow_pickle": True}),
        ("lightgbm pickle", {"allow_pickle": True}),
        ("python", {"allow_pickle": True}),
        ("from code", {"allow_code": True}),
        ("code paths", {"allow_code": True}),
        ("loader", {"allow_code": True}),
    ],
)
def test_code_and_pickles_need_their_setting(saved: dict[str, Path], name: str, settings: dict[str, bool]) -> None:
    others = {key: key not in settings for key in EVERYTHING}
    message = refused(saved[name], **others)
    assert f"'model: {next(iter(settings))}: true'" in message
    assert "with all the rights of this pipeline" in message
    require(read_artifact(saved[name], LABEL), **settings)


@pytest.mark.parametrize(
    ("loader", "own", "expected"),
    [
        ("mlflow.statsmodels", {}, "allow_pickle"),
        ("mlflow.pmdarima", {}, "allow_pickle"),
        ("mlflow.pytorch", {}, "allow_pickle"),
        ("mlflow.paddle", {}, "allow_pickle"),
        ("mlflow.sklearn", {}, "allow_pickle"),
        ("mlflow.sklearn", {"serialization_format": ["skops"]}, "allow_pickle"),
        ("mlflow.lightgbm", {"model_class": "lightgbm.sklearn.LGBMModel"}, "allow_pickle"),
        ("mlflow.lightgbm", {"model_class": ["lightgbm.basic.Booster"]}, "allow_pickle"),
        ("mlflow.tensorflow", {}, "allow_code"),
        ("mlflow.keras", {}, "allow_code"),
        ("mlflow.xgboost", {"model_class": "os.system"}, "allow_code"),
        ("mlflow.xgboost", {"model_class": {"a": 1}}, "allow_code"),
        ("mlflow.onnx", {"providers": [["TensorrtExecutionProvider", {"lib": "evil.so"}]]}, "allow_code"),
        ("mlflow.onnx", {"onnx_session_options": {"extra_session_config": {"x": "y"}}}, "allow_code"),
        ("mlflow.onnx", {"onnx_session_options": 3}, "allow_code"),
        ("mlflow.catboost", {"code": "code"}, "allow_code"),
        ("mlflow.spark", {}, "allow_code"),
        ("os", {}, "allow_code"),
    ],
)
def test_flavors_that_can_run_code_are_known(tmp_path: Path, loader: str, own: dict[str, Any], expected: str) -> None:
    flavor = loader.removeprefix("mlflow.")
    folder = written(tmp_path / "m", {"python_function": python_function(loader), flavor: own})
    assert f"'model: {expected}: true'" in refused(folder, **{key: key != expected for key in EVERYTHING})


@pytest.mark.parametrize(
    ("loader", "own"),
    [
        ("mlflow.lightgbm", {}),
        ("mlflow.xgboost", {"model_class": "xgboost.sklearn.XGBClassifier"}),
        ("mlflow.xgboost", {}),
        ("mlflow.catboost", {"model_type": "CatBoostClassifier", "save_format": "cbm"}),
        ("mlflow.onnx", {"providers": ["CPUExecutionProvider"], "onnx_session_options": None}),
        ("mlflow.prophet", {}),
    ],
)
def test_formats_of_data_are_safe_even_beside_a_pickle(tmp_path: Path, loader: str, own: dict[str, Any]) -> None:
    flavor = loader.removeprefix("mlflow.")
    folder = written(tmp_path / "m", {"python_function": python_function(loader), flavor: {"data": "model.bin", **own}})
    (folder / "notes.pkl").write_bytes(b"not opened")
    require(read_artifact(folder, LABEL))


def test_keras_custom_objects_are_a_pickle(tmp_path: Path) -> None:
    folder = written(tmp_path / "m", {"python_function": python_function("mlflow.keras"), "keras": {}})
    assert not read_artifact(folder, LABEL).pickled
    (folder / "data").mkdir()
    (folder / "data" / "global_custom_objects.cloudpickle").write_bytes(b"x")
    assert read_artifact(folder, LABEL).pickled
    assert "global_custom_objects.cloudpickle" in refused(folder, allow_code=True)


def test_an_unknown_flavor_is_refused(copied: Callable[[str], Path]) -> None:
    folder = copied("sklearn")
    change_yaml(folder / "MLmodel", lambda content: content["flavors"].update(sklern={}))
    assert "did you mean 'sklearn'?" in refused(folder)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b", "~/x", "file:///x", "..\\x"])
@pytest.mark.parametrize("nested", [False, True])
def test_paths_outside_of_the_folder_are_refused(copied: Callable[[str], Path], name: str, nested: bool) -> None:
    folder = copied("python")
    value: Any = {"one": {"path": name, "uri": "/where/it/came/from"}} if nested else name
    key = "artifacts" if nested else "python_model"
    change_yaml(folder / "MLmodel", lambda content: content["flavors"]["python_function"].update({key: value}))
    message = refused(folder, **EVERYTHING)
    assert "names files outside of its own folder" in message
    assert json.dumps(name) in message


def test_paths_that_only_tell_where_a_file_came_from_are_no_harm(copied: Callable[[str], Path]) -> None:
    folder = copied("python")
    artifacts = {"one": {"path": "artifacts/x/../one", "uri": "/home/me/one"}}
    change_yaml(
        folder / "MLmodel",
        lambda content: content["flavors"]["python_function"].update(artifacts=artifacts, config={"url": "/api"}),
    )
    require(read_artifact(folder, LABEL), allow_pickle=True)


@pytest.mark.parametrize("target", ["/etc", "/etc/passwd", "../elsewhere"])
def test_links_that_lead_outside_are_refused(copied: Callable[[str], Path], target: str) -> None:
    folder = copied("sklearn")
    (folder / "link").symlink_to(target)
    assert "link" in refused(folder, **EVERYTHING)


def test_links_within_the_folder_are_no_harm(copied: Callable[[str], Path]) -> None:
    folder = copied("sklearn")
    (folder / "link").symlink_to("model.skops")
    require(read_artifact(folder, LABEL))


def test_links_in_a_circle_are_refused(copied: Callable[[str], Path]) -> None:
    folder = copied("sklearn")
    (folder / "link").symlink_to("link")
    assert "leads nowhere" in refused(folder)


@pytest.mark.parametrize("name", ["MLmodel", "requirements.txt", "python_env.yaml"])
@pytest.mark.parametrize("target", ["/dev/zero", "/etc/passwd", "nowhere"])
def test_a_link_is_not_read_through_to_a_file_outside(copied: Callable[[str], Path], name: str, target: str) -> None:
    folder = copied("sklearn")
    (folder / name).unlink()
    (folder / name).symlink_to(target)
    with pytest.raises(ModelError, match=f"{name} is no file of the model's folder"):
        read_artifact(folder, LABEL)


def test_a_pipe_is_refused_not_read(copied: Callable[[str], Path]) -> None:
    folder = copied("sklearn")
    os.mkfifo(folder / "pipe")
    with pytest.raises(ModelError, match="neither a file nor a folder"):
        read_artifact(folder, LABEL)


def test_a_model_that_is_too_large_is_refused(saved: dict[str, Path]) -> None:
    artifact = read_artifact(saved["booster"], LABEL)
    require(artifact, most_bytes=artifact.size)
    with pytest.raises(ModelError, match="too large"):
        require(artifact, most_bytes=artifact.size - 1)


def test_a_skops_file_may_not_grow_beyond_the_limit(copied: Callable[[str], Path]) -> None:
    folder = copied("sklearn")
    with zipfile.ZipFile(folder / "model.skops", "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("zeros", b"\0" * 20_000_000)
    assert (folder / "model.skops").stat().st_size < 100_000
    assert "once unpacked" in refused(folder)


def test_types_that_are_not_trusted_are_named_with_the_line_to_add(saved: dict[str, Path]) -> None:
    message = refused(saved["forest"], trusted_types=("my.Own",))
    assert '\n    "sklearn.tree._tree.Tree"\n' in message
    assert '\'model: trusted_types: ["my.Own", "sklearn.tree._tree.Tree"]\'' in message
    require(read_artifact(saved["forest"], LABEL), trusted_types=("sklearn.tree._tree.Tree",))


def test_boosters_are_trusted_for_as_long_as_their_trees_are_within_bounds(
    copied: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied("boosted")
    require(read_artifact(folder, LABEL))
    monkeypatch.setattr("pipelines.models.safety.trees_are_harmless", lambda file: file.name != "model.skops")
    assert f'trusted_types: ["{TREE}"]' in refused(folder)


@pytest.mark.parametrize("listed", [None, ["sklearn.tree._tree.Tree"]])
def test_the_files_own_list_of_trusted_types_does_not_count(
    copied: Callable[[str], Path], listed: list[str] | None
) -> None:
    folder = copied("forest")
    change_yaml(folder / "MLmodel", lambda content: content["flavors"]["sklearn"].update(skops_trusted_types=listed))
    assert "sklearn.tree._tree.Tree" in refused(folder)


def test_types_that_the_list_asks_for_must_be_trusted_too(copied: Callable[[str], Path]) -> None:
    folder = copied("sklearn")
    listed = ["builtins.eval", "numpy.dtype", "a\x1b[2J\n" * 99]
    change_yaml(folder / "MLmodel", lambda content: content["flavors"]["sklearn"].update(skops_trusted_types=listed))
    message = refused(folder)
    assert "builtins.eval" in message
    assert "\x1b" not in message
    assert 'trusted_types: ["builtins.eval"]' in message


def test_types_hidden_in_the_file_are_found(copied: Callable[[str], Path]) -> None:
    folder = copied("sklearn")
    hidden = {"__class__": "system", "__module__": "os", "__loader__": "TypeNode", "protocol": 2}
    with zipfile.ZipFile(folder / "model.skops", "w") as opened:
        opened.writestr("schema.json", json.dumps(hidden))
    assert "os.system" in refused(folder)


def test_many_types_make_a_bounded_message(copied: Callable[[str], Path]) -> None:
    folder = copied("sklearn")
    listed = [f"some_package.module_{number}.Type" for number in range(500)]
    change_yaml(folder / "MLmodel", lambda content: content["flavors"]["sklearn"].update(skops_trusted_types=listed))
    assert "… and 470 more" in refused(folder)


@pytest.mark.parametrize("listed", [True, "numpy.dtype", {"numpy.dtype": 1}, [1], [["numpy.dtype"]]])
def test_a_list_of_trusted_types_that_is_none_is_refused(copied: Callable[[str], Path], listed: object) -> None:
    folder = copied("sklearn")
    change_yaml(folder / "MLmodel", lambda content: content["flavors"]["sklearn"].update(skops_trusted_types=listed))
    assert "no proper list of trusted types" in refused(folder)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"no archive", id="no archive"),
        pytest.param(None, id="no schema"),
        pytest.param(b"{}", id="empty schema"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"protocol": 2, "__loader__": "Nothing"}', id="unknown"),
    ],
)
def test_a_broken_skops_file_is_refused(copied: Callable[[str], Path], content: bytes | None) -> None:
    folder = copied("sklearn")
    if content == b"no archive":
        (folder / "model.skops").write_bytes(content)
    else:
        with zipfile.ZipFile(folder / "model.skops", "w") as opened:
            if content is not None:
                opened.writestr("schema.json", content)
    assert "cannot be checked for the types that it holds" in refused(folder)


@pytest.mark.parametrize("name", ["sub/model.skops", "absent", "", ".", None, ["model.skops"], "a\0", "x" * 10_000])
@pytest.mark.parametrize("key", ["data", "model_path"])
def test_the_file_must_be_beside_the_mlmodel_file_that_was_checked(
    copied: Callable[[str], Path], key: str, name: object
) -> None:
    """MLflow reads the settings beside the file, and where there are none takes it for a pickle."""
    folder = copied("sklearn")
    (folder / "sub").mkdir()
    shutil.copy(folder / "model.skops", folder / "sub" / "model.skops")
    change_yaml(folder / "MLmodel", lambda content: content["flavors"]["python_function"].update({key: name}))
    message = refused(folder)
    assert "which of its files is the model" in message or "outside of its own folder" in message


def test_a_flavor_must_name_its_file(tmp_path: Path) -> None:
    folder = written(tmp_path / "m", {"python_function": {"loader_module": "mlflow.prophet"}, "prophet": {}})
    assert "no name of any file" in refused(folder)


@pytest.mark.parametrize(
    "flavors",
    [
        pytest.param(None, id="none"),
        pytest.param("text", id="text"),
        pytest.param([1], id="list"),
        pytest.param({}, id="empty"),
        pytest.param({1: {}}, id="number for a name"),
        pytest.param({"python_function": None}, id="no settings"),
        pytest.param({"python_function": {2: 3}}, id="number for a key"),
        pytest.param({"python_function": {}}, id="no loader"),
        pytest.param({"sklearn": {}}, id="no python_function"),
        pytest.param({"python_function": {"loader_module": 7}}, id="number for a loader"),
        pytest.param({"python_function": {"loader_module": ["mlflow.sklearn"]}}, id="list for a loader"),
        pytest.param({"python_function": {"loader_module": "a b"}}, id="no module's name"),
        pytest.param({"python_function": {"loader_module": "x" * 100_000}}, id="endless loader"),
        pytest.param({"python_function": {"loader_module": "mlflow.sklearn"}}, id="loader without its flavor"),
        pytest.param({"x" * 100_000: {}}, id="endless flavor"),
    ],
)
def test_hostile_flavors_are_refused(tmp_path: Path, flavors: object) -> None:
    with pytest.raises(ModelError) as caught:
        read_artifact(written(tmp_path / "m", flavors), LABEL)
    assert len(str(caught.value)) < HOSTILE_LENGTH


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("!!python/object/apply:os.system ['touch /tmp/never']", id="python tag"),
        pytest.param("flavors: !!int ''", id="empty number"),
        pytest.param("flavors: !!timestamp x", id="no time"),
        pytest.param("flavors: 2001-99-99", id="no day"),
        pytest.param("flavors: !!bool x", id="no boolean"),
        pytest.param("flavors: *nothing", id="no anchor"),
        pytest.param("flavors: " + "[" * 10_000, id="deep"),
        pytest.param("flavors: " + "1" + ":1" * 100_000, id="endless number"),
        pytest.param("a: &a {b: c}\nflavors: {<<: [*a, *a]}", id="merged keys"),
        pytest.param("flavors: {? [a] : b}", id="list for a key"),
        pytest.param("a: b: c", id="no YAML"),
        pytest.param("", id="empty"),
        pytest.param("[]", id="list"),
        pytest.param("\x01", id="control character"),
        pytest.param("# " + "x" * 5_000_000, id="endless"),
    ],
)
@pytest.mark.parametrize("name", ["MLmodel", "python_env.yaml"])
def test_hostile_yaml_is_refused(copied: Callable[[str], Path], name: str, text: str) -> None:
    folder = copied("sklearn")
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        read_artifact(folder, LABEL)
    assert len(str(caught.value)) < HOSTILE_LENGTH


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("x: " + "[" * 51 + "]" * 51, "more than 50 levels", id="deep"),
        pytest.param("x: 1" + ":1" * 100, "a number of 201 characters", id="endless number"),
        pytest.param("x: {<<: {a: b}}", "merged keys", id="merged keys"),
        pytest.param("# " + "x" * 4 * 1024**2, "too large", id="endless"),
    ],
)
@pytest.mark.parametrize("name", ["MLmodel", "python_env.yaml"])
def test_text_that_would_take_hours_or_all_memory_is_not_parsed(
    copied: Callable[[str], Path], name: str, text: str, reason: str
) -> None:
    folder = copied("sklearn")
    with (folder / name).open("a", encoding="utf-8") as opened:
        opened.write(text)
    with pytest.raises(ModelError, match=reason):
        read_artifact(folder, LABEL)


def test_a_pickle_is_one_whatever_its_files_name(copied: Callable[[str], Path]) -> None:
    folder = copied("python")
    (folder / "python_model.pkl").rename(folder / "weights.bin")
    change_yaml(
        folder / "MLmodel", lambda content: content["flavors"]["python_function"].update(python_model="weights.bin")
    )
    assert "weights.bin" in refused(folder, allow_code=True)


def test_aliases_that_would_grow_without_end_are_entered_once(tmp_path: Path) -> None:
    layers = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30))
    folder = written(tmp_path / "m", {})
    (folder / "MLmodel").write_text(
        f"l0: &l0 [x]\n{layers}\n"
        "flavors:\n  python_function: {loader_module: mlflow.pyfunc.model, python_model: *l29, code: *l29}\n"
    )
    assert "a list" in refused(folder)
    require(read_artifact(folder, LABEL), **EVERYTHING)


def test_settings_that_hold_themselves_are_entered_once(tmp_path: Path) -> None:
    folder = written(tmp_path / "m", {})
    (folder / "MLmodel").write_text(
        "flavors:\n  python_function: &a {loader_module: mlflow.prophet, data: model.bin, x: *a}\n  prophet: *a\n"
    )
    require(read_artifact(folder, LABEL))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x80abc"])
def test_text_that_is_none_is_refused(copied: Callable[[str], Path], content: bytes) -> None:
    folder = copied("sklearn")
    (folder / "requirements.txt").write_bytes(content)
    with pytest.raises(ModelError, match=r"requirements\.txt cannot be read"):
        read_artifact(folder, LABEL)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no readable MLflow model"):
        read_artifact(tmp_path, LABEL)
    with pytest.raises(ModelError, match="cannot be read"):
        read_artifact(tmp_path / "absent", LABEL)
