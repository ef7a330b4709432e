"""`spark-submit jobs/quarantine.py …`: the same as `lakescore quarantine …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("quarantine")
