"""Tables and slices set right: repaired, maintained, taken back."""
