"""The command `nasfleet`: the only part that people type; it starts the programs and talks to them as any client does."""
