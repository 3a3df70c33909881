"""`python -m nasfleet_operator`: the operator program."""

import asyncio
import os
import sys

from nasfleet.errors import NasfleetError
from nasfleet.logs import configure_logs
from nasfleet_operator.config import OperatorConfig
from nasfleet_operator.library_logs import capture_library_logs
from nasfleet_operator.program import serve

USER_ERROR = 2


def main() -> int:
    """Run the operator; return 0 after an orderly stop, 2 if what it was told is wrong or what it needs is not there."""
    configure_logs()
    capture_library_logs()
    try:
        asyncio.run(serve(OperatorConfig.read(sys.argv[1:], os.environ)))
    except NasfleetError as error:
        print(f"nasfleet operator: {error}", file=sys.stderr)  # noqa: T201 - a message for whoever typed the command
        return USER_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
