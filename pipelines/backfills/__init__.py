"""Many slices: what is to be scored, how long it will take, and scoring it."""
