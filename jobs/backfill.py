"""`spark-submit jobs/backfill.py …`: the same as `lakescore backfill …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("backfill")
