"""The verbs of the command line: each file is named by those that it holds."""
