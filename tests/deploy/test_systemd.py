"""The systemd unit."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from mcp_server.cli.arguments import Parser
from mcp_server.cli.serve import add
from mcp_server.config import load_settings
from mcp_server.config.sources import unknown_variables
from tests.children import COMMAND
from tests.docs.pages import ROOT

UNIT = ROOT / "deploy" / "mcp-server.service"


def values(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_it_starts_the_server_with_settings_that_are_right() -> None:
    program, *arguments = shlex.split(values("ExecStart")[0])
    assert program.endswith("/bin/mcp-rewind")
    parser = Parser("mcp-rewind")
    add(parser.add_subparsers(dest="command"))
    found = parser.parse_all(arguments)
    variables = dict(pair.split("=", 1) for pair in values("Environment"))
    assert unknown_variables(variables) == []
    installed = re.search(r"install .* (config/\S+) (\S+)$", UNIT.read_text(), re.MULTILINE)
    assert installed is not None
    assert installed[2] == str(found.config)
    settings = load_settings(ROOT / installed[1], variables, {})
    assert Path(settings.store.removeprefix("sqlite:///")).parent == Path("/var/lib") / values("StateDirectory")[0]
    assert Path(settings.log_file).parent == Path("/var/log") / values("LogsDirectory")[0]
    assert int(values("LimitNOFILE")[0]) > settings.max_connections
    assert int(values("TimeoutStopSec")[0]) > settings.drain_timeout


def test_files_that_it_tells_to_install_are_there() -> None:
    for path in re.findall(r"(?:install .*?|-r )((?:deploy|config|requirements)[\w./-]*)", UNIT.read_text()):
        assert (ROOT / path).is_file(), path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/mcp-server/bin/mcp-rewind", COMMAND))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=50, check=False
    )
    assert [line for line in (done.stdout + done.stderr).splitlines() if UNIT.name in line] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_it_leaves_the_server_little_to_do_harm_with() -> None:
    """systemd's own measure: 10 is a service with all of root's rights, below 2 is what it calls OK."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", str(UNIT)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def members(group: str) -> set[str]:
    """The system calls of one of systemd's groups."""
    done = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, timeout=50, check=True
    )
    lines = [line.strip() for line in done.stdout.splitlines()[1:]]
    found = {line for line in lines if line and not line.startswith(("#", "@"))}
    return found.union(*(members(line) for line in lines if line.startswith("@")))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_what_its_processes_ask_of_the_kernel_is_let_through() -> None:
    """Rules count in their order: the first says what is let through, each later one adds or takes away."""
    allowed: set[str] = set()
    for rule in values("SystemCallFilter"):
        named = set().union(*(members(word) if word[0] == "@" else {word} for word in rule.lstrip("~").split()))
        allowed = allowed - named if rule.startswith("~") else allowed | named
    # The audit projector stands back with the first; a search by syntax bounds its own memory with the second.
    assert {"sched_setscheduler", "prlimit64", "flock", "fdatasync", "epoll_wait"} <= allowed
    assert {"setpriority", "chroot", "mount"}.isdisjoint(allowed)
