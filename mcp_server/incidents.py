"""What goes wrong inside: the client is told an id, and whoever runs the server finds the rest by it."""

from pathlib import Path
from typing import Final

LONGEST: Final = 2000
"""Characters of a description."""

_MOST_INSIDE: Final = 5  # of an exception group


def internal_error(error_id: str) -> str:
    """What a client is told of an error that is not for it."""
    return f"internal error {error_id}"


def described(error: BaseException, error_id: str) -> str:
    """The error for whoever runs the server: its id, type, place and text."""
    found = f"{error_id}: {type(error).__module__}.{type(error).__qualname__}{_place(error)}"
    text = _text(error)
    found = f"{found}: {text}" if text else found
    found = found.encode(errors="backslashreplace").decode()
    return found if len(found) <= LONGEST else f"{found[:LONGEST]}…"


def _place(error: BaseException) -> str:
    """Where it was raised; empty when it was not."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    code = trace.tb_frame.f_code
    return f" at {Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}"


def _text(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):  # its own text only counts those inside
        return "; ".join(f"{type(each).__qualname__}: {_text(each)}" for each in error.exceptions[:_MOST_INSIDE])
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - its author's own text may fail too, and the caller is to get an answer
        return "its text cannot be had"
