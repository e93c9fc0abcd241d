"""Servers as processes of their own, each on the first core; the load is on the second.

Helper processes of a server (the log's writer) may use any core: see :meth:`Server.release_helpers`.
"""

import contextlib
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import IO

import msgspec
import psutil

from bench.load import Load, Measured

ROOT = Path(__file__).resolve().parent.parent
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
UNDISTURBED = 0.015
"""The share of the machine's processor time that its host may give to others within a window."""

_FIRST = count(0, 1_000_000)
START_UP = 30.0
"""Seconds a server may take to listen."""


class CannotMeasure(Exception):
    """A figure could not be had: something would not start, or answered wrongly. Says what."""


class Server:
    """A running server. Made by :func:`serving`."""

    def __init__(self, name: str, process: psutil.Popen, port: int, output: Path) -> None:
        self.name = name
        self.port = port
        self.process = process
        self.output = output

    def tree(self) -> list[psutil.Process]:
        """The server and its helpers."""
        return [self.process, *self.process.children(recursive=True)]

    def memory(self) -> tuple[int, int]:
        """Resident bytes of the server alone, and of it and its helpers."""
        sizes = [process.memory_info().rss for process in self.tree()]
        return sizes[0], sum(sizes)

    def release_helpers(self) -> None:
        """Let the server's helpers run where there is room, as they do in use.

        The log's writer pinned to either core was no faster in most rounds, and slower whenever that core was busy.
        """
        for process in self.tree()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.cpu_affinity(CORES)

    def settle(self, patience: float = 60.0) -> float:
        """Wait until the server and its helpers are idle, so that none of their work falls into another's window.

        Returns:
            The seconds it took.
        """
        began = time.perf_counter()
        before = self._all_cpu()
        while time.perf_counter() - began < patience:
            time.sleep(0.25)
            now = self._all_cpu()
            if now - before < 0.25 * 0.1:
                break
            before = now
        return time.perf_counter() - began

    def _all_cpu(self) -> float:
        total = 0.0
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def tail(self) -> str:
        """The last words of what the server printed."""
        return self.output.read_text(errors="replace")[-600:].strip()


@contextlib.contextmanager
def serving(name: str, command: list[str], scratch: Path, port: int, *, pinned: bool = True) -> Iterator[Server]:
    """Run a server until the block ends.

    Raises:
        CannotMeasure: It does not start.
    """
    output = scratch / f"{name}.out"
    with output.open("wb") as sink:
        process = _spawn(command, sink, SERVER_CORE if pinned else None)
        server = Server(name, process, port, output)
        try:
            _wait_until_listening(server)
            server.release_helpers()
            yield server
        finally:
            _stop(server)


def script(name: str, port: int, *more: str) -> list[str]:
    """The command that runs one of ``bench/servers``."""
    return [sys.executable, str(ROOT / "bench" / "servers" / f"{name}.py"), str(port), *more]


def ours(port: int, store: Path, name: str = "ours", *more: str) -> list[str]:
    """The command that runs a server of this project, recording into ``store``; ``more`` are options."""
    served = str(ROOT / "bench" / "servers" / f"{name}.py")
    place = ["--host", "127.0.0.1", "--port", str(port), "--store", url(store)]
    return [command("mcp-rewind"), "serve", served, *place, *more]


def command(name: str) -> str:
    """An installed command of this environment."""
    return str(Path(sys.executable).with_name(name))


def url(store: Path) -> str:
    return f"sqlite:///{store}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def put_load(server: Server, load: Load, tries: int = 1) -> Measured:
    """Let the load generator work on a server, when the server is at rest.

    Args:
        server: Where to.
        load: What to send; its port, core and process are set here.
        tries: How often at most, until the machine's host leaves it alone for the length of the window.

    Returns:
        The try that was disturbed least.

    Raises:
        CannotMeasure: An answer was wrong or missing.
    """
    load = msgspec.structs.replace(load, port=server.port, core=LOAD_CORE, server=server.process.pid)
    least = _put_once(server, load)  # each asks for what no other has asked for: nothing is in a cache yet
    for _ in range(tries - 1):
        if least.stolen <= UNDISTURBED:
            break
        least = min(least, _put_once(server, load), key=lambda measured: measured.stolen)
    return least


def _put_once(server: Server, load: Load) -> Measured:
    server.release_helpers()
    server.settle()
    load = msgspec.structs.replace(load, first=next(_FIRST))
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", msgspec.json.encode(load).decode()],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CannotMeasure(f"{server.name}: the load broke off: {done.stderr[-600:].strip()} {server.tail()}")
    measured = msgspec.json.decode(done.stdout, type=Measured)
    if measured.errors:
        raise CannotMeasure(f"{server.name}: {measured.errors} errors: {'; '.join(measured.problems)} {server.tail()}")
    return measured


def raise_file_limit() -> None:
    """Allow as many open connections as the system lets this user have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _spawn(command: list[str], sink: IO[bytes], core: int | None) -> psutil.Popen:
    def pin() -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})

    return psutil.Popen(command, stdout=sink, stderr=subprocess.STDOUT, cwd=ROOT, preexec_fn=pin)


def _wait_until_listening(server: Server) -> None:
    deadline = time.perf_counter() + START_UP
    while time.perf_counter() < deadline:
        if server.process.poll() is not None:
            raise CannotMeasure(f"{server.name} ended at once: {server.tail()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=1):
            return
        time.sleep(0.05)
    raise CannotMeasure(f"{server.name} does not listen: {server.tail()}")


def _stop(server: Server) -> None:
    server.process.terminate()
    try:
        server.process.wait(20)
    except psutil.TimeoutExpired:
        for process in server.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        server.process.wait()
