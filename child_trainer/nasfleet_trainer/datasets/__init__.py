"""Images with labels: read from their published layouts, split once per search; no code here opens a test split."""
