"""git: the one hardened door, what is asked through it, and the user's own git for commits."""
