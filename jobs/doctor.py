"""`spark-submit jobs/doctor.py …`: the same as `lakescore doctor …`."""

from jobs.cli import main

if __name__ == "__main__":
    main("doctor")
