"""One pass over the input: every row tagged, scored and staged, and put in place."""
