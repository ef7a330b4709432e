"""`spark-submit jobs/score.py …`: the same as `lakescore score …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("score")
