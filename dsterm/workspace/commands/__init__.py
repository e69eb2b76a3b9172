"""Commands of a shell as jobs: started, streamed, kept and ended."""
