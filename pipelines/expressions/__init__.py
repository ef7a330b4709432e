"""Column -> Column, pure; the types of rules live here."""
