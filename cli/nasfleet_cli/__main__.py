"""`python -m nasfleet_cli`: the command `nasfleet`; light, so that Ctrl-C is answered in one line from the very start."""

import sys

from nasfleet_cli.interrupts import INTERRUPTED_EXIT_CODE


def main() -> None:
    """Load the command line and run it."""
    try:
        from nasfleet_cli.main import main as command

        command()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED_EXIT_CODE)


if __name__ == "__main__":
    main()
