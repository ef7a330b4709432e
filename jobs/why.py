"""`spark-submit jobs/why.py …`: the same as `lakescore why …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("why")
