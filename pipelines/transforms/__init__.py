"""DataFrame -> DataFrame, pure, without an action."""
