"""`spark-submit jobs/report.py …`: the same as `lakescore report …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("report")
