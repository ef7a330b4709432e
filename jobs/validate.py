"""`spark-submit jobs/validate.py …`: the same as `lakescore validate …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("validate")
