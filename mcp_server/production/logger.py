"""Structured logging for those who write servers: the guide's ``production_logger``."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from mcp_server.production import log_setup
from mcp_server.production.log_errors import WITH_TEXT
from mcp_server.production.log_file import BACKUPS, MAX_BYTES
from mcp_server.production.log_setup import RESERVED


class ProductionLogger:
    """Writes JSON lines under one name. Made by :meth:`ProductionLogging.get_logger`.

    Fields of a line are yours: they are written as they are, masked when their name looks like a secret's and cut when
    they are long. The text of an exception that is passed as ``error`` is written too.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self._lines = structlog.wrap_logger(
            self._logger, processors=log_setup.PROCESSORS, wrapper_class=structlog.stdlib.BoundLogger
        )

    def set_context(self, **fields: Any) -> None:
        """Add fields to every line of this process from here on, whichever logger writes it."""
        log_setup.set_context(_own(fields))

    def clear_context(self, *names: str) -> None:
        """Take fields of :meth:`set_context` away again: these, or all of them."""
        log_setup.clear_context(*names)

    @contextmanager
    def request_context(self, **fields: Any) -> Iterator[None]:
        """Add fields to every line that is written within, in this task and in those that it starts."""
        with structlog.contextvars.bound_contextvars(**_own(fields)):
            yield

    def debug(self, message: str, /, **fields: Any) -> None:
        """Write a line that helps to find a mistake."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, /, **fields: Any) -> None:
        """Write a line about what went as it should."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, /, **fields: Any) -> None:
        """Write a line about what somebody should look at some time."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, /, *, error: BaseException | str | None = None, **fields: Any) -> None:
        """Write a line about what failed; ``error`` is told with type, place, causes and text."""
        self._write(logging.ERROR, message, fields, error)

    def critical(self, message: str, /, *, error: BaseException | str | None = None, **fields: Any) -> None:
        """Write a line about what somebody must look at now; ``error`` as in :meth:`error`."""
        self._write(logging.CRITICAL, message, fields, error)

    def _write(
        self, level: int, message: str, fields: dict[str, Any], error: BaseException | str | None = None
    ) -> None:
        log_setup.ensure_configured()
        if not self._logger.isEnabledFor(level):
            return
        given = _own(fields)
        error = given.pop("error", None) if error is None else error
        if error is not None:
            given |= {"error": error, WITH_TEXT: True}
        self._lines.log(level, message, **given)


class ProductionLogging:
    """Hands out loggers."""

    def __init__(self) -> None:
        self._loggers: dict[str, ProductionLogger] = {}

    def get_logger(self, name: str) -> ProductionLogger:
        """The logger of that name; always the same one."""
        if name not in self._loggers:
            self._loggers[name] = ProductionLogger(name)
        return self._loggers[name]

    def configure(
        self, level: str = "INFO", file: str = "", *, max_bytes: int = MAX_BYTES, backups: int = BACKUPS
    ) -> None:
        """Say where lines go; without it ``LOG_LEVEL`` and ``LOG_FILE`` do.

        Arguments and errors as those of :func:`mcp_server.logs.configure`.
        """
        log_setup.configure(level, file, max_bytes=max_bytes, backups=backups)

    @property
    def lost(self) -> int:
        """Lines that could not be written."""
        return log_setup.lost()


def _own(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields, under names that a line does not have anyway."""
    if RESERVED.isdisjoint(fields):
        return dict(fields)
    return {f"{name}_" if name in RESERVED else name: value for name, value in fields.items()}


production_logger = ProductionLogging()
