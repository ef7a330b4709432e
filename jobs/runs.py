"""`spark-submit jobs/runs.py …`: the same as `lakescore runs …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("runs")
