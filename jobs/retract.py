"""`spark-submit jobs/retract.py …`: the same as `lakescore retract …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("retract")
