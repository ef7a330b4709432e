"""The verbs of the command line: each parses, calls a use case, and shows what it came to."""
