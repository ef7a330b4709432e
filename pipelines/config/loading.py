"""From YAML files to typed configuration; errors name the file, the key, what was expected and what was found."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipelines.config.models import Environment, Pipeline, Project
from pipelines.config.typed import Typed
from pipelines.errors import ConfigurationError, UsageError, did_you_mean

Configured = TypeVar("Configured", bound=Typed)
VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*)(?=\}|:-)")


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML's own loader silently keeps the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", key.start_mark)
            if key.value in seen and key.value != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_project(conf: Path | None = None, environment: str | None = None) -> Project:
    """The environment's settings and where the pipelines are.

    Args:
        conf: the configuration folder; by default `LAKESCORE_CONF`, else `conf` in the current folder.
        environment: the name of a file in `environments`; by default `LAKESCORE_ENVIRONMENT`, else `local`.

    Raises:
        ConfigurationError: a file is missing or wrong.
    """
    folder = (conf or Path(os.environ.get("LAKESCORE_CONF", "conf"))).resolve()
    name = environment or os.environ.get("LAKESCORE_ENVIRONMENT", "local")
    if not folder.is_dir():
        raise ConfigurationError(
            "there is no configuration folder here",
            expected=f"a folder {folder}",
            remedy="go to the project's folder, or name it by --conf or LAKESCORE_CONF",
        )
    file = _existing(folder / "environments", name, "environment")
    root = folder.parent
    variables = {"LAKESCORE_ROOT": str(root), **os.environ}
    return Project(
        root=root,
        conf=folder,
        environment_name=name,
        environment=_read(file, Environment, variables),
    )


def load_pipeline(project: Project, name: str) -> Pipeline:
    """One pipeline's checked configuration.

    Raises:
        UsageError: there is no pipeline of that name.
        ConfigurationError: its file is wrong.
    """
    file = _existing(project.conf / "pipelines", name, "pipeline")
    pipeline = _read(file, Pipeline, dict(os.environ))
    if pipeline.name != name:
        raise ConfigurationError(
            f"{file}: a pipeline is named as its file is", expected=f"name: {name}", found=f"name: {pipeline.name}"
        )
    return pipeline


def pipeline_names(project: Project) -> list[str]:
    """The names of all pipelines that have a file, in alphabetical order."""
    return _names(project.conf / "pipelines")


def sql_text(project: Project, pipeline: Pipeline) -> str | None:
    """The text of the pipeline's query, or None where it has none."""
    if pipeline.source.query is None:
        return None
    return _text(project.conf / "pipelines" / pipeline.source.query, f"pipeline '{pipeline.name}', source.query")


def suite_path(project: Project, pipeline: Pipeline) -> Path | None:
    """The file of the pipeline's expectation suite, or None where it has none or a function makes it."""
    if pipeline.expectations is None or ":" in pipeline.expectations:
        return None
    path = project.conf / "expectations" / pipeline.expectations
    if not path.is_file():
        raise ConfigurationError(
            f"pipeline '{pipeline.name}', expectations: no such file",
            expected=f"a Great Expectations suite at {path}",
            remedy=did_you_mean(path.name, [file.name for file in path.parent.glob("*.json")]),
        )
    return path


def _names(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.yaml"))


def _existing(folder: Path, name: str, what: str) -> Path:
    file = folder / f"{name}.yaml"
    if Path(name).name != name or not file.is_file():
        raise UsageError(
            f"there is no {what} '{name}'", expected=f"a file {file}", remedy=did_you_mean(name, _names(folder))
        )
    return file


def _text(file: Path, where: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{where}: cannot be read", expected=f"a text file {file}", found=error) from error


def _read(file: Path, kind: type[Configured], variables: Mapping[str, str]) -> Configured:
    try:
        raw = yaml.load(_text(file, str(file)), Loader=_StrictLoader)  # noqa: S506 - a SafeLoader, made stricter
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file}: not well-formed YAML", found=error) from error
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{file}: expected keys and values", found=type(raw).__name__)
    try:
        return kind.model_validate(_filled(raw, variables, file, ""))
    except ValidationError as error:
        raise ConfigurationError(_explained(file, kind, error)) from error


def _filled(value: Any, variables: Mapping[str, str], file: Path, path: str) -> Any:
    """The value with every `${VAR}` and `${VAR:-default}` in its strings replaced."""
    if isinstance(value, dict):
        return {key: _filled(item, variables, file, f"{path}.{key}".lstrip(".")) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, variables, file, f"{path}.{number}") for number, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    return _substituted(value, variables, f"{file}: {path}")


def _substituted(text: str, variables: Mapping[str, str], where: str) -> str:
    """The text with its variables' values; defaults may hold variables, values are taken as they are."""
    parts, rest = [], text
    while (match := VARIABLE.search(rest)) is not None:
        default, end = _default(rest, match.end())
        value = variables.get(match["name"]) or None
        if value is None and default is None:
            raise ConfigurationError(
                f"{where}: the environment variable {match['name']} is not set",
                expected=f"a value for {match['name']}",
                found=text,
                remedy=f"export {match['name']}=…, or give a default: ${{{match['name']}:-…}}",
            )
        parts += [rest[: match.start()], value if value is not None else _substituted(str(default), variables, where)]
        rest = rest[end:]
    return "".join([*parts, rest])


def _default(text: str, start: int) -> tuple[str | None, int]:
    """What follows a variable's name: its default, up to the brace that closes it, and where the text goes on."""
    if text[start] == "}":
        return None, start + 1
    depth, end = 1, start + 2
    while end < len(text) and (depth := depth + (text[end] == "{") - (text[end] == "}")):
        end += 1
    return text[start + 2 : end], end + 1


def _explained(file: Path, kind: type[BaseModel], error: ValidationError) -> str:
    lines = [_explanation(kind, detail) for detail in error.errors()]
    return "\n".join(f"{file}: {line}" for line in dict.fromkeys(lines))


def _explanation(kind: type[BaseModel], detail: ErrorDetails) -> str:
    path = ".".join(str(part) for part in detail["loc"] if part not in ("by function", "by name")) or "(top)"
    if detail["type"] == "extra_forbidden":
        known = _keys_at(kind, detail["loc"][:-1])
        return f"{path}: unknown key; {did_you_mean(str(detail['loc'][-1]), known)}"
    if detail["type"] == "missing":
        return f"{path}: this key is required and missing"
    message = detail["msg"].removeprefix("Value error, ")
    found = "" if isinstance(detail["input"], dict) else f"; found: {detail['input']!r}"
    return f"{path}: {message[:1].lower()}{message[1:]}{found}"


def _keys_at(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that are known at a place in the configuration, found by walking the types."""
    models, named = [kind], False
    for part in location:
        if named:  # a name that the user gave, below a field that holds named things
            named = False
            continue
        fields = [model.model_fields[str(part)] for model in models if str(part) in model.model_fields]
        if fields:
            models = [model for field in fields for model in _models_in(field.annotation)]
            named = any(get_origin(field.annotation) is dict for field in fields)
    return [field for model in models for field in model.model_fields]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
