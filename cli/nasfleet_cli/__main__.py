"""`python -m nasfleet_cli`: the command `nasfleet`."""

from nasfleet_cli.main import main

if __name__ == "__main__":
    main()
