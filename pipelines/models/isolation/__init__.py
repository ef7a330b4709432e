"""A model in an environment of its own."""
