"""Child networks: descriptions turned into torch modules."""
