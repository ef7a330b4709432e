"""Thin entry points: the command line, and one script a verb for spark-submit."""
