"""`python -m nasfleet_trainer`: a trainer process, until it is told to leave."""

import asyncio
import os
import signal
import sys

from nasfleet.errors import NasfleetError
from nasfleet.logs import configure_logs
from nasfleet_trainer.config import parse
from nasfleet_trainer.hosting import host


def main() -> int:
    """Return the exit code: 0 after a drain, 2 if something that was given is wrong."""
    # Until there is something to hand back; as the first process of a container it would not be ended otherwise.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    config = parse(sys.argv[1:], os.environ)
    configure_logs()
    code = 0
    try:
        asyncio.run(host(config))
    except* NasfleetError as errors:
        sys.stderr.write(f"nasfleet-trainer: {_first(errors)}\n")
        code = 2
    return code


def _first(errors: BaseExceptionGroup[NasfleetError]) -> BaseException:
    """Return one of several errors: what a controller refuses it refuses for all agents alike."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    sys.exit(main())
