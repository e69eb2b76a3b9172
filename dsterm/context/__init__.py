"""Choose what goes into the context window, and say beforehand what it will cost."""
