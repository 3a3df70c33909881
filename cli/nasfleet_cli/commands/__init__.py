"""The commands of `nasfleet`, one module for each group of them."""
