"""The disk of dsterm's own: settings, sessions, the index over them, packs, prompt history, keys."""
