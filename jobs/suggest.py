"""`spark-submit jobs/suggest.py …`: the same as `lakescore suggest …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("suggest")
