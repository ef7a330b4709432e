"""From nothing to a project of one's own."""
