"""Make the conversation shorter: when it is asked for, when it pays, when it must be."""
