"""The provider that is no model: the wire over a real socket, played by rules."""
