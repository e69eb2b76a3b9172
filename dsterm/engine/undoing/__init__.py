"""What changed by turn, and the way back: undo, redo, rewind."""
