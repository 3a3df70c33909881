"""nasfleet's contract: what its programs say to each other, and the values that they share; no torch here."""

from importlib.metadata import version

__version__ = version("nasfleet")
PROTOCOL_VERSION = 1
