"""From events to styled lines, for every screen and for export."""
