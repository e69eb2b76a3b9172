"""What a send will likely cost, told before it is sent, and how well that was told so far."""
