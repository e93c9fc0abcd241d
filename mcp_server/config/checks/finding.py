"""What a check found."""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

Status = Literal["ok", "warning", "wrong"]

OK: Final[Status] = "ok"
WARNING: Final[Status] = "warning"
WRONG: Final[Status] = "wrong"


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        check: What was looked at.
        status: ``wrong`` when a server cannot start or work so.
        found: How it is.
        remedy: What to do about it; empty when all is well.
    """

    check: str
    status: Status
    found: str
    remedy: str = ""


Check = Callable[[], list[Finding]]
"""Looks at one thing; may take time, and may be left behind when it takes too much of it."""
