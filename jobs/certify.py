"""`spark-submit jobs/certify.py …`: the same as `lakescore certify …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("certify")
