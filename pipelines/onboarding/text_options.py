"""Options of a text format as a person types them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from pipelines.config import TextFormat
from pipelines.errors import UsageError, did_you_mean


def parse_options(given: Mapping[str, str]) -> dict[str, Any]:
    r"""The options by name, each as the configuration types it: `separator=;`, `header=false`, `nulls=,NA,-`.

    >>> parse_options({"separator": r"\t", "header": "false", "nulls": ",NA"})
    {'separator': '\t', 'header': False, 'nulls': ('', 'NA')}

    Raises:
        UsageError: there is no such option, or it cannot have that value.
    """
    fields = TextFormat.model_fields
    options: dict[str, Any] = {}
    for option, text in given.items():
        if option not in fields:
            raise UsageError(f"--text: there is no option '{option}'", remedy=did_you_mean(option, fields))
        if fields[option].annotation is bool:
            options[option] = {"true": True, "false": False}.get(text.lower(), text)
        elif option == "nulls":
            options[option] = tuple(text.split(","))
        else:
            options[option] = text.replace("\\t", "\t")
    try:
        TextFormat(**options)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])) or 'options'}: {item['msg']}" for item in error.errors()]
        raise UsageError("--text: an option cannot have that value", found="; ".join(problems)) from error
    return options
