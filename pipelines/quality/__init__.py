"""Suites and quarantine: suggested, tried on the past, and replayed."""
