"""`spark-submit jobs/results.py …`: the same as `lakescore results …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("results")
