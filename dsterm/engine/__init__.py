"""Run the conversation: one turn loop that announces typed events."""
