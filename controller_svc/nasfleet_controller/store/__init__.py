"""What happened in every search, durably: one writer, any number of readers."""
