"""A terminal for commands to run in, and a loose comparison of what they print with what a page shows."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

BIN = Path(sys.executable).parent
COLUMNS = 150

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_VARIES = re.compile(
    r"(?P<id>[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{8}-[0-9a-f]{4})"
    r"|(?P<time>\d{4}-\d\d-\d\dT[0-9:.]+Z)"
    r"|(?P<number>\d[\d.,]*)"
    r"|(?P<rest>\.\.\.|…)"
    r"|(?P<space>\s+)"
)
_LIKE = {
    "id": r"[0-9a-f]{8}-[0-9a-f]{4}[0-9a-f-]*",
    "time": r"\d{4}-\d\d-\d\dT[0-9:.]+Z",
    "number": r"\d[\d.,]*",
    "rest": ".*",
    "space": r"\s+",
}


def environment() -> dict[str, str]:
    """This process's environment, with the command on the path and no settings of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MCP_", "LOG_", "CACHE_"))}
    path = f"{BIN}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {"PATH": path, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": str(COLUMNS)}


def run(command: str, folder: Path) -> tuple[int, str]:
    """Run a shell command on a terminal; its exit code, and what it printed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    shell = subprocess.Popen(
        command, shell=True, cwd=folder, env=environment(), stdout=theirs, stdin=subprocess.DEVNULL
    )
    os.close(theirs)
    printed = bytearray()
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # Linux says so that the other end is closed
            break
        if not data:
            break
        printed += data
    os.close(ours)
    return shell.wait(), _COLOUR.sub("", printed.decode(errors="replace")).replace("\r", "")


def missing(shown: str, printed: str) -> list[str]:
    """The lines of ``shown`` that ``printed`` does not have, in that order; ids, times and numbers may be others."""
    there, lost = printed.splitlines(), []
    for line in shown.splitlines():
        if set(line.strip()) <= set("─━. …"):
            continue
        like = re.compile(_pattern(line.strip()))
        found = next((index for index, other in enumerate(there) if like.search(other)), None)
        if found is None:
            lost.append(line)
        else:
            del there[: found + 1]
    return lost


def _pattern(line: str) -> str:
    pattern, end = "", 0
    for match in _VARIES.finditer(line):
        pattern += re.escape(line[end : match.start()]) + _LIKE[str(match.lastgroup)]
        end = match.end()
    return pattern + re.escape(line[end:])
