"""Types commands of the documentation, one after another in one process: they share its Spark session."""

from __future__ import annotations

import json
import sys

from jobs.cli import app


def main() -> None:
    """Run the command lines that a JSON list on the input holds; end with the first that fails."""
    for words in json.load(sys.stdin):
        code = app(args=words[1:], prog_name="lakescore", standalone_mode=False)
        if code:
            sys.exit(f"{' '.join(words)}: ended with {code}")


if __name__ == "__main__":
    main()
