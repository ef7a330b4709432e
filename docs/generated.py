"""Writes the pages of the reference that follow from the code: of commands, and of the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
import typer.main
from typer.core import TyperGroup

from jobs.cli.app import app
from pipelines.config import Environment, Pipeline


def write_reference(folder: Path) -> None:
    """Write `commands.md` and `configuration.md`."""
    command = typer.main.get_command(app)
    commands = ["# Commands", *_command(command, typer.Context(command, info_name="lakescore"), 1)]
    (folder / "commands.md").write_text("\n\n".join(commands) + "\n", encoding="utf-8")
    pages = ["# Configuration"]
    for title, model in (("A pipeline", Pipeline), ("An environment", Environment)):
        pages += _configuration(title, model.model_json_schema())
    (folder / "configuration.md").write_text("\n\n".join(pages) + "\n", encoding="utf-8")


def _command(command: Any, context: typer.Context, depth: int) -> Iterator[str]:
    if depth > 1:
        yield f"{'#' * depth} {context.command_path}"
    if command.help:
        yield command.help
    rows = [_parameter(item) for item in command.params if item.name != "help"]
    if rows:
        yield "| argument or option | |\n|---|---|\n" + "\n".join(rows)
    if isinstance(command, TyperGroup):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _command(inner, typer.Context(inner, info_name=name, parent=context), depth + 1)


def _parameter(item: Any) -> str:
    name = item.metavar or item.name.upper() if item.param_type_name == "argument" else ", ".join(item.opts)
    text = (getattr(item, "help", None) or "").replace("|", "\\|")
    return f"| `{name}`{' (needed)' if item.required else ''} | {text} |"


def _configuration(title: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {title}"
    yield _keys(schema)
    for name, inner in schema.get("$defs", {}).items():
        if "properties" in inner:
            yield f"### {name}"
            yield inner.get("description", "")
            yield _keys(inner)


def _keys(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        f"| `{name}` | {_kind(item)} | {_default(item, is_required=name in required)} "
        f"| {_line(item.get('description', ''))} |"
        for name, item in schema["properties"].items()
    ]
    return "| key | type | default | |\n|---|---|---|---|\n" + "\n".join(rows)


def _kind(item: Mapping[str, Any]) -> str:
    if "$ref" in item:
        return item["$ref"].rpartition("/")[2]
    for several in ("anyOf", "oneOf"):
        if several in item:
            return " or ".join(_kind(one) for one in item[several] if one.get("type") != "null")
    if "enum" in item:
        return ", ".join(f"`{value}`" for value in item["enum"])
    if item.get("type") == "array":
        return f"list of {_kind(item.get('items', {}))}" if item.get("items") else "list"
    if item.get("type") == "object" and isinstance(item.get("additionalProperties"), dict):
        return f"by name: {_kind(item['additionalProperties'])}"
    return str(item.get("type", item.get("const", "any")))


def _default(item: Mapping[str, Any], *, is_required: bool) -> str:
    if is_required:
        return "needed"
    value = item.get("default")
    return "" if value in (None, "", {}, []) or isinstance(value, dict) else f"`{value}`"


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
