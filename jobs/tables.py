"""`spark-submit jobs/tables.py …`: the same as `lakescore tables …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("tables")
