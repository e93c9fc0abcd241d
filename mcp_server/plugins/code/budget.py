"""How long one call may work."""

import time
from collections.abc import Callable
from typing import Final

from mcp_server.features.results import ToolError

FILE_SECONDS: Final = 5.0
"""The most seconds for one file."""

FOLDER_SECONDS: Final = 20.0
"""The most seconds for a call that reads many files."""


def _never() -> bool:
    return False


class OutOfTime(ToolError):
    """The call has worked for as long as it may, or its client no longer waits for it."""


class Budget:
    """So many seconds from now, and no longer than the client waits."""

    def __init__(self, seconds: float, cancelled: Callable[[], bool] = _never) -> None:
        self._seconds = seconds
        self._late = time.monotonic() + seconds
        self._cancelled = cancelled

    def begin(self) -> None:
        """Count from now: what was spent on waiting for a turn is no work."""
        self._late = time.monotonic() + self._seconds

    def spent(self) -> bool:
        """Whether it is time to stop."""
        return time.monotonic() > self._late or self._cancelled()

    def left(self) -> float:
        """Seconds that are left, at least none."""
        return max(0.0, self._late - time.monotonic())

    def check(self) -> None:
        """Stop when it is time.

        Raises:
            OutOfTime: It is.
        """
        if self.spent():
            raise OutOfTime(f"this took more than {self._seconds:g} s, which is all it may take")

    def part(self, seconds: float) -> "Budget":
        """A budget for a part of the work: so many seconds, or what is left of these."""
        return Budget(min(seconds, self.left()), self._cancelled)
