"""The words everyone uses: values without I/O, on the standard library and msgspec only."""
