"""A new project, and a new pipeline: proposed from what a table and a model show."""
