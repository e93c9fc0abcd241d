"""How the log lines of this process are made, and where they go."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from events.traces import trace_of
from mcp_server.calls import UNDER_WAY
from mcp_server.production.log_errors import errors
from mcp_server.production.log_file import BACKUPS, MAX_BYTES, LogFile, LogStream, complain
from mcp_server.production.log_values import presentable, text

_global: dict[str, Any] = {}

RESERVED: Final = frozenset({"event", "level", "logger", "timestamp", "_record", "_from_structlog"})
"""Names that a line has anyway; a field of such a name gets an underscore after it."""

_OTHERS: Final = [
    "session",
    "request",
    "trace",
    "method",
    "transport",
    "reason",
    "position",
    "code",
    "error_id",
    "detail",
]
"""What is taken over from the ``extra`` of lines that came through ``logging``."""


def set_context(fields: Mapping[str, Any]) -> None:
    """Add fields to every line of this process from here on."""
    _global.update(fields)


def clear_context(*names: str) -> None:
    """Take these fields away again, or all of them when none is named."""
    for name in names or tuple(_global):
        _global.pop(name, None)


def _in_context(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What the line or its request says already counts before what is said for all."""
    for name, value in _global.items():
        line.setdefault(name, value)
    return line


def _in_call(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What is written while a call is carried out says which: the same names as in the event log and in the audit."""
    call = UNDER_WAY.get()
    if call is not None:
        line.setdefault("session", call.session)
        line.setdefault("request", call.request)
        line.setdefault("method", call.method)
        if trace := trace_of(call.params.get("_meta")):
            line.setdefault("trace", trace)
    return line


SHARED: Final[list[structlog.typing.Processor]] = [
    structlog.contextvars.merge_contextvars,
    _in_context,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(allow=_OTHERS),
    _in_call,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    errors,
]
"""What every line goes through, whoever wrote it."""

_QUIET: Final = ("watchfiles",)
"""Libraries of which only warnings are written. This one tells of every change in a folder that is watched: with the
log file in that folder, each line would lead to the next, without end."""

PROCESSORS: Final = [*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]


def configure(level: str, file: str, *, max_bytes: int = MAX_BYTES, backups: int = BACKUPS) -> None:
    """Write the log lines of this process to ``file``, or to standard error when it is empty.

    Lines of the server hold ids and names; never a payload and never a header, so that a log can be given away. May be
    called again, with other settings.

    Args:
        level: The least severe lines that are written.
        file: Where they go.
        max_bytes: When a file is this long the next one is begun; 0 leaves that to others, such as ``logrotate``.
        backups: Older files that are kept.

    Raises:
        OSError: The file cannot be opened.
        ValueError: There is no such level.
    """
    handler = _handler(level, file, max_bytes, backups)
    root = logging.getLogger()
    before, root.handlers[:] = list(root.handlers), [handler]
    for each in before:
        if isinstance(each, LogFile):
            each.close()
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    _configure_structlog()


def ensure_configured() -> None:
    """Write lines as ``LOG_LEVEL`` and ``LOG_FILE`` say, unless :func:`configure` was called: for use as a library.

    Other handlers are left alone. What is wrong with the two is said on standard error, and stops nothing.
    """
    if any(isinstance(each, LogFile | LogStream) for each in logging.getLogger().handlers):
        return
    level, file = os.environ.get("LOG_LEVEL", "INFO").upper(), os.environ.get("LOG_FILE", "")
    if level not in logging.getLevelNamesMapping():
        complain(f"LOG_LEVEL {level[:40]!r} is none of DEBUG, INFO, WARNING, ERROR, CRITICAL; it is taken for INFO")
        level = "INFO"
    try:
        handler = _handler(level, file, MAX_BYTES, BACKUPS)
    except OSError as error:
        complain(f"LOG_FILE {file!r} cannot be opened ({error.strerror}); log lines go to standard error")
        handler = _handler(level, "", MAX_BYTES, BACKUPS)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    if not structlog.is_configured():  # its own way shows the values of variables when something was raised
        _configure_structlog()


def lost() -> int:
    """Lines that could not be written since the log was configured."""
    return sum(each.lost for each in logging.getLogger().handlers if isinstance(each, LogFile | LogStream))


def _configure_structlog() -> None:
    factory = structlog.stdlib.LoggerFactory()
    structlog.configure(processors=PROCESSORS, logger_factory=factory, cache_logger_on_first_use=True)


def _handler(level: str, file: str, max_bytes: int, backups: int) -> logging.Handler:
    if level not in logging.getLevelNamesMapping():
        raise ValueError(f"there is no log level {level!r}")
    handler: logging.Handler = LogFile(Path(file), max_bytes, backups) if file else LogStream()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, presentable, _render],
        )
    )
    return handler


def _render(_logger: object, _method: str, line: structlog.typing.EventDict) -> str:
    try:
        found = orjson.dumps(line, default=text).decode()
    except TypeError:
        found = json.dumps(line, default=text)
    # JSON may hold these as they are, but who reads line by line takes them for the end of one.
    return found.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")
