"""The trainer: takes architectures from a controller, trains them and sends back what it measured."""
