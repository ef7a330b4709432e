"""How results look on the console."""
