"""The use cases: each a short story over validation, models and tables."""
