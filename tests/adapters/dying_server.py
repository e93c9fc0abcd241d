"""A server that dies: it appends one row after another, prints each durable position, and closes nothing.

With ``abruptly`` it leaves as soon as a thousand rows are on their way.
"""

import asyncio
import os
import sys
from pathlib import Path

from adapters.sqlite_log import SqliteLog
from pipeline.log import Row
from tests.adapters.log_contract import A, B


async def append_for_ever(log: SqliteLog) -> None:
    version = 0
    while True:
        version += 1
        log.append([Row(A, version, bytes(500))], lambda position: print(position, flush=True))
        while log.waiting > 20_000:  # noqa: ASYNC110  # nobody tells us
            await asyncio.sleep(0)


async def leave_abruptly(log: SqliteLog) -> None:
    log.append([Row(B, version, b"state") for version in range(1, 1001)], lambda _: None)
    await asyncio.sleep(0)  # it is written to the socket in this turn
    os._exit(7)


async def main() -> None:
    log = await SqliteLog.open(Path(sys.argv[1]))
    await (leave_abruptly if sys.argv[2:] == ["abruptly"] else append_for_ever)(log)


asyncio.run(main())
