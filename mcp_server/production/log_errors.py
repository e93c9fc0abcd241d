"""What a log line tells of an exception: type and place, and its text only when it was passed on purpose."""

import sys
from pathlib import Path
from typing import Any, Final

import structlog

from mcp_server.production.log_values import text

MOST_FRAMES: Final = 12
MOST_CAUSES: Final = 5

WITH_TEXT: Final = "_with_text"
"""The field by which a logger says that the text of ``error`` may be written. It is never written itself."""


def errors(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A structlog processor: describe the exception in ``exc_info`` or in ``error``."""
    with_text = bool(line.pop(WITH_TEXT, False))
    info = line.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    given = line.get("error")
    if isinstance(given, BaseException):
        error = given
    if isinstance(error, BaseException):
        line.update(describe(error, with_text=with_text and error is given))
    return line


def describe(error: BaseException, *, with_text: bool) -> dict[str, Any]:
    """The fields for an exception; no value of any variable is among them."""
    found: dict[str, Any] = {"error": _kind(error), "where": _places(error)}
    if with_text:
        found["error_message"] = text(error)
    if causes := _causes(error):
        found["caused_by"] = causes
    return found


def _kind(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _places(error: BaseException) -> list[str]:
    """Where it was raised, the innermost last."""
    places, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-MOST_FRAMES:]


def _causes(error: BaseException) -> list[str]:
    found: list[str] = []
    todo, seen = [error], {id(error)}
    while todo and len(found) < MOST_CAUSES:
        current = todo.pop(0)
        inner = [current.__cause__ or (None if current.__suppress_context__ else current.__context__)]
        if isinstance(current, BaseExceptionGroup):
            inner += current.exceptions
        for each in inner:
            if each is not None and id(each) not in seen:
                seen.add(id(each))
                todo.append(each)
                place = (_places(each) or ["somewhere"])[-1]
                found.append(f"{_kind(each)} at {place}")
    return found[:MOST_CAUSES]
