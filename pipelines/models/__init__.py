"""Registered models: found once, checked, shipped to the workers, applied as a Spark UDF."""
