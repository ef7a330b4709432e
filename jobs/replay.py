"""`spark-submit jobs/replay.py …`: the same as `lakescore replay …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("replay")
