"""A server as a child process, as users run it."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from adapters.sqlite_reader import SqliteReader
from events.event import Event
from events.record import unpack

COMMAND: Final = str(Path(sys.executable).with_name("mcp-rewind"))
"""The console script of the environment that runs the tests."""

LONG: Final = 50.0
"""Seconds after which a test gives up: the machine may be busy with something else."""


class Child:
    """A running server.

    Attributes:
        lines: What it printed so far, on standard output.
        port: Where it listens.
    """

    def __init__(self, process: "subprocess.Popen[str]", errors: Path) -> None:
        self.process = process
        self.lines: list[str] = []
        self._errors = errors
        self._printed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def port(self) -> int:
        """Wait until it listens."""
        with self._printed:
            self._printed.wait_for(lambda: self._port() or self.process.poll() is not None, LONG)
        found = self._port()
        assert found, f"the server did not come up: {self.lines} {self.errors}"
        return found

    @property
    def url(self) -> str:
        """Its address for Streamable HTTP."""
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def errors(self) -> str:
        """What it wrote to standard error so far."""
        return self._errors.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and wait; returns the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended; returns the exit code."""
        return self.process.wait(LONG)

    def writer(self) -> int:
        """The process that writes its log."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                words = (folder / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == self.process.pid and b"sqlite_writer" in words:
                return int(folder.name)
        raise AssertionError("the server has no writer")

    def _port(self) -> int:
        found = re.search(r"http://[^\s/]+:(\d+)/mcp", "".join(self.lines))
        return int(found[1]) if found else 0

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._printed:
                self.lines.append(line)
                self._printed.notify_all()
        with self._printed:
            self._printed.notify_all()


@contextmanager
def running(
    folder: Path, *arguments: str, command: Sequence[str] = (COMMAND, "serve"), **environment: str
) -> Iterator[Child]:
    """Run a server in ``folder`` on a free port, its log in ``log.db`` there."""
    errors = folder / "stderr.txt"
    with errors.open("a") as sink:
        process = subprocess.Popen(
            [*command, "--port", "0", "--store", store(folder), *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            env={**os.environ, **environment},
        )
    child = Child(process, errors)
    try:
        yield child
    finally:
        process.kill()
        process.wait()
        child._reader.join(LONG)
        assert process.stdout is not None
        process.stdout.close()


def store(folder: Path) -> str:
    return f"sqlite:///{folder / 'log.db'}"


def recorded(folder: Path, kind: type[Event]) -> list[Any]:
    """The recorded events of one class."""
    with SqliteReader(folder / "log.db") as reader:
        steps = [step for record in reader.records() for step in unpack(record.state, record.session)]
    return [event for step in steps for event in (step.fact, *step.decisions) if type(event) is kind]


def wait_for(folder: Path, kind: type[Event], count: int = 1) -> None:
    """Wait until so many events of a class are recorded."""
    late = time.monotonic() + LONG
    while len(recorded(folder, kind)) < count:
        assert time.monotonic() < late, f"no {kind.__name__} was recorded"
        time.sleep(0.02)
