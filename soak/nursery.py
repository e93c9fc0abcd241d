"""Starts servers quickly: a process that has imported everything, and forks.

What runs is the command ``mcp-rewind serve`` itself; only its imports, half a second each time, are done once. Because
the server is forked and not executed, a variable such as LD_PRELOAD that it is given takes hold in the programs that
it starts, the log's writer, and not in itself.

``python -m soak.nursery`` reads one JSON object a line, and writes one for each server that was started or has ended.
"""

import gc
import os
import resource
import select
import signal
import sys
import traceback
from typing import IO

import msgspec

import mcp_server.cli.serve  # noqa: F401 # so are these
import soak.served  # noqa: F401 # imported here, so that no server has to
from mcp_server.cli import main


class Start(msgspec.Struct, frozen=True):
    """Start a server.

    Attributes:
        arguments: Those of ``mcp-rewind serve``.
        environment: Added to the environment.
        output: Where it prints to.
        file_bytes: How large a file it and its writer may make; 0 for any size.
    """

    arguments: list[str]
    environment: dict[str, str]
    output: str
    file_bytes: int = 0


class Started(msgspec.Struct, frozen=True, tag=True):
    """A server has been started."""

    pid: int


class Ended(msgspec.Struct, frozen=True, tag=True):
    """A server has ended; ``code`` is its exit code, or the number of the signal that ended it, negative."""

    pid: int
    code: int


def _say(word: Started | Ended) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(word) + b"\n")
    sys.stdout.buffer.flush()


def _become(start: Start) -> int:
    """Be the server that was asked for; returns its exit code."""
    sink = os.open(start.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    os.environ.update(start.environment)
    if start.file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (start.file_bytes, start.file_bytes))
    try:
        return main(["serve", *start.arguments])
    except BaseException:  # noqa: BLE001 # it must not run into the nursery's own code
        traceback.print_exc()
        return 70
    finally:
        sys.stdout.flush()


def _fork(start: Start) -> int:
    pid = os.fork()
    if not pid:
        os._exit(_become(start))
    return pid


def run(orders: IO[bytes]) -> None:
    """Start what is asked for until ``orders`` ends; then end whatever still runs."""
    children: dict[int, int] = {}
    open_ = True
    try:
        while open_:
            ready, _, _ = select.select([orders.fileno(), *children], [], [])
            for one in ready:
                if one not in children:
                    line = orders.readline()
                    open_ = bool(line)
                    if line:
                        pid = _fork(msgspec.json.decode(line, type=Start))
                        children[os.pidfd_open(pid)] = pid
                        _say(Started(pid))
                else:
                    _reap(one, children.pop(one))
    finally:
        for pid in children.values():
            os.kill(pid, signal.SIGKILL)


def _reap(descriptor: int, pid: int) -> None:
    os.close(descriptor)
    _, status = os.waitpid(pid, 0)
    _say(Ended(pid, os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began us ends us, by closing our input
    run(os.fdopen(0, "rb", buffering=0))
