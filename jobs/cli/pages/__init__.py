"""Reports as pages: one file of HTML each, with everything in it."""
