"""The demo: real flights out of New York in 2013, landed, learned from and scored."""
