"""One request and its answer: planned, sent, received, mended where that can be done, and booked."""
