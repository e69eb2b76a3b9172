"""The sandbox around commands, what it hides, and the guard over what git obeys."""
