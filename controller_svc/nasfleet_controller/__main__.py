"""`python -m nasfleet_controller`: the controller program."""

import asyncio
import os
import sys

from nasfleet.errors import NasfleetError
from nasfleet.logs import configure_logs
from nasfleet_controller.config import ControllerConfig
from nasfleet_controller.server import serve

USER_ERROR = 2


def main() -> int:
    """Run the controller; return 0 after an orderly stop, 2 if what it was told is wrong."""
    configure_logs()
    try:
        asyncio.run(serve(ControllerConfig.read(sys.argv[1:], os.environ)))
    except NasfleetError as error:
        print(f"nasfleet controller: {error}", file=sys.stderr)  # noqa: T201 - a message for whoever typed the command
        return USER_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
