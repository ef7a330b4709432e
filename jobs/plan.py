"""`spark-submit jobs/plan.py …`: the same as `lakescore plan …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("plan")
