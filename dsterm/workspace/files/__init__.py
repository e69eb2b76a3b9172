"""The user's files: paths that stay inside, reads and writes by descriptor, listings."""
