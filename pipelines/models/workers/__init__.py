"""Scoring in the Python workers of Spark."""
