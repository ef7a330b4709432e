"""`spark-submit jobs/init.py …`: the same as `lakescore init …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("init")
