"""Whether configuration, machine and model are in order."""
