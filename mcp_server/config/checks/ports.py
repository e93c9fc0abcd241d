"""Checks of the ports that a server opens: whether they are free, and who has them."""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from adapters.listener import bound
from mcp_server.config.checks.finding import OK, WRONG, Finding
from mcp_server.config.settings import Settings

_LISTENING: Final = "0A"  # Linux, include/net/tcp_states.h
_PROC: Final = Path("/proc")


def ports(settings: Settings) -> list[Finding]:
    """Whether the server's port and that of its metrics can be taken."""
    wanted = [("port", settings.host, settings.port)] if settings.transport_type != "stdio" else []
    if settings.metrics_port:
        wanted.append(("metrics_port", settings.metrics_host, settings.metrics_port))
    if len(wanted) == 2 and settings.port == settings.metrics_port:
        both = f"port and metrics_port are both {settings.port}"
        return [Finding("metrics_port", WRONG, both, "give the metrics another port, or 0 for none")]
    return [_port(*each) for each in wanted]


def _port(name: str, host: str, port: int) -> Finding:
    where = f"{host}:{port}"
    if not port:
        return Finding(name, OK, "any that is free")
    try:
        with bound(host, port):
            return Finding(name, OK, f"{where} is free")
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE:
            return Finding(name, WRONG, f"{where} is taken{holder(port)}", f"stop that, or set {name} to another")
        if error.errno == errno.EACCES:
            return Finding(name, WRONG, f"{where}: {reason}", f"ports below 1024 are for root: set {name} to another")
        return Finding(name, WRONG, f"{where}: {reason}", "name an address of this machine; 0.0.0.0 is all of them")


def holder(port: int) -> str:
    """Who listens on a port, as the end of a sentence; empty where the system does not tell."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    if not sockets:
        return ""
    for process in _PROC.glob("[0-9]*"):
        try:
            if any(str(each.readlink()) in sockets for each in (process / "fd").iterdir()):
                return f" by process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:  # it has ended, or is another user's
            continue
    return " by a process of another user's"


def _listening(port: int) -> Iterator[str]:
    """The inodes of the sockets that listen on a port. Source: proc_net_tcp(5)."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                yield words[9]
