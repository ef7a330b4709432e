"""`spark-submit jobs/check.py …`: the same as `lakescore check …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("check")
