"""What can go wrong in the middle of a run, on purpose: at a named step, by an error, a kill, or another run."""
