"""Talk to models: the wire to deltas, deltas to messages, and the catalog of what can be asked."""
