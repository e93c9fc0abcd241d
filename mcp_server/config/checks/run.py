"""Runs checks side by side, each for a bounded time."""

import threading
import time
from collections.abc import Mapping
from typing import Final

from mcp_server.config.checks.finding import WRONG, Check, Finding

SECONDS: Final = 5.0
"""How long a check may take: twice what a service is given to answer in."""


def run_checks(checks: Mapping[str, Check], seconds: float = SECONDS) -> list[Finding]:
    """What they find, in their order. One that is not done in time has found that."""
    found: dict[str, list[Finding]] = {}

    def run(name: str, check: Check) -> None:
        try:
            found[name] = check()
        except Exception as error:  # noqa: BLE001 - what it says may quote a password; a bug of ours must not hide the rest
            found[name] = [
                Finding(name, WRONG, f"could not be checked: {type(error).__name__}", "tell the maintainers")
            ]

    # Not a pool: its threads would be waited for at the end, also one that a name server does not answer.
    threads = [threading.Thread(target=run, args=item, daemon=True) for item in checks.items()]
    for thread in threads:
        thread.start()
    late = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, late - time.monotonic()))
    done = dict(found)
    slow = f"no answer within {seconds:g} s"
    return [
        finding
        for name in checks
        for finding in done.get(name, [Finding(name, WRONG, slow, "see what it waits for: a name server, a disk?")])
    ]
