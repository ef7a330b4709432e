"""Where a prediction came from, and whether it comes out the same again."""
