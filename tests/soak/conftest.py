"""The fixtures of tests that start processes of their own."""

from support.processes import counting, demo, empty

__all__ = ["counting", "demo", "empty"]
