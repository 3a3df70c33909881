"""`python -m nasfleet_trainer`: a trainer process, until it is told to leave."""

import asyncio
import logging
import os
import sys

import structlog

from nasfleet.errors import NasfleetError
from nasfleet_trainer.config import parse
from nasfleet_trainer.hosting import host


def configure_logging() -> None:
    """Log to standard error: in colours to a terminal, else one JSON object a line."""
    terminal = sys.stderr.isatty()
    render = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


def main() -> int:
    """Return the exit code: 0 after a drain, 2 if something that was given is wrong."""
    config = parse(sys.argv[1:], os.environ)
    configure_logging()
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
