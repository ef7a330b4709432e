"""Types commands in one process, so that they share its Spark session.

They come as JSON on the input, each a list of words; of each, exit code and answer go to the output as JSON.
"""

from __future__ import annotations

import json
import sys

from support.typed_pages import answer_of

if __name__ == "__main__":
    json.dump([answer_of(words) for words in json.load(sys.stdin)], sys.stdout)
