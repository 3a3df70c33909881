"""One search under several strategies and seeds: run, compared, and drawn."""
