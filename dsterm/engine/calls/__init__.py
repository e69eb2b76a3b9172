"""The tool calls of a message: planned, decided, asked about, run, and answered."""
