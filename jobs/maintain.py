"""`spark-submit jobs/maintain.py …`: the same as `lakescore maintain …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("maintain")
