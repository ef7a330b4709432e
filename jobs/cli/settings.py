"""What the options before the verb say."""

from __future__ import annotations

import shlex
from pathlib import Path


class Settings:
    """The options before the verb, and where its result goes."""

    conf: Path | None = None
    environment: str | None = None
    result_file: Path | None = None

    @classmethod
    def as_options(cls) -> str:
        """The options before the verb, for a command that does the same again."""
        given = {"conf": cls.conf, "env": cls.environment}
        return "".join(f" --{name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None)


def command(*words: str) -> str:
    """A command for the same project, as it is typed."""
    return f"lakescore{Settings.as_options()} {shlex.join(words)}"
