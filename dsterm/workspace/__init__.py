"""The user's folder: the only room that touches it."""
