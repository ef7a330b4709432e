"""What fixes a run: definition, versions and types, settled before a row is read."""
