"""From a run's rows to what is published: files in the table's own folder, checked by their footers, and one commit."""
