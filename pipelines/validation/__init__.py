"""From a Great Expectations suite to rules and gates, and from what was observed to a verdict."""
