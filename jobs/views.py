"""`spark-submit jobs/views.py …`: the same as `lakescore views …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("views")
