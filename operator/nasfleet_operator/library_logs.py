"""What kopf and other libraries log, as events with fields like our own."""

import logging

import structlog


class _Events(logging.Handler):
    """Turns records into events of structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record as an event."""
        structlog.get_logger().log(
            record.levelno, "library", logger=record.name, said=record.getMessage(), exc_info=record.exc_info
        )


def capture_library_logs() -> None:
    """Log what libraries warn of; less would be a line for each pod that moves."""
    logging.basicConfig(level=logging.WARNING, handlers=[_Events()], force=True)
