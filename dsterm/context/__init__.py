"""Choose what goes into the context window."""
