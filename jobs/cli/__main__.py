"""`python -m jobs.cli VERB …`: the same as `lakescore VERB …`."""

from jobs.cli import main

if __name__ == "__main__":
    main()
