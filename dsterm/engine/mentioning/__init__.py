"""What the user names with `@`: read once, weighed ahead of sending, put beside the prompt as data."""
