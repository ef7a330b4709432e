"""Reading of input tables, and what Spark's errors over their rows mean."""
