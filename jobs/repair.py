"""`spark-submit jobs/repair.py …`: the same as `lakescore repair …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("repair")
