"""Settings of every test."""

from hypothesis import settings

settings.register_profile("nasfleet", deadline=None)  # on busy cores it measures the neighbours
settings.load_profile("nasfleet")

pytest_plugins = ["nasfleet_testing.postgresql"]
