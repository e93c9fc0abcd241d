"""The command line as a whole: what is wrong is named in one line, and the exit code says the kind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.mcp_server.cli.conftest import Run

COMMAND = (sys.executable, "-P", "-c", "import sys; from mcp_server.cli import main; sys.exit(main())")


def test_help_lists_the_commands_and_the_exit_codes(run: Run) -> None:
    for arguments in ((), ("--help",)):
        code, out, err = run(*arguments)
        assert (code, err) == (0, "")
        for word in ("serve", "demo", "sessions", "show", "replay", "audit", "key", "exit codes", "130", "141"):
            assert word in out


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").out.startswith("mcp-rewind 0.")


@pytest.mark.parametrize("command", ["demo", "sessions", "show", "replay", "audit", "serve", "key"])
def test_every_command_explains_itself(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "usage: mcp-rewind " + command in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sho"], "there is no command 'sho': did you mean show?"),
        (["show", "last", "--ful"], "unknown argument '--ful': did you mean --full?"),
        (["show"], "SESSION"),
        (["show", "last", "--at", "x"], "argument --at: 'x' is no position"),
        (["show", "last", "--at", "999"], "argument --at: the log ends at"),
        (["show", "last", "--at", "1"], "argument --at: 1 belongs to session"),
        (["show", "zzz"], "there is no session 'zzz'"),
        (["show", "0190"], "'0190' begins several sessions"),
        (["replay"], "one of the arguments SESSION --all is required"),
        (["replay", "last", "--all"], "not allowed with argument"),
        (["replay", "last", "--ignore", "/result"], "argument --ignore: only with --rerun"),
        (["replay", "last", "--rerun", "--ignore", "result"], "argument --ignore: 'result' is no pointer"),
        (["sessions", "--limit", "0"], "argument --limit: '0' is no number from 1 up"),
        (["audit", "--outcome", "eror"], "argument --outcome: 'eror' is no outcome: did you mean error?"),
        (["audit", "--since", "soon"], "argument --since: 'soon' is no time"),
        (["audit", "--min-latency", "x"], "argument --min-latency: 'x' is no span of time"),
        (["audit", "colour=red"], "argument TERM: there is no condition 'colour'"),
        (["audit", "red"], "argument TERM: 'red' is no condition"),
        (["audit", "name=a", "--name", "b"], "argument --name: name is asked for twice"),
        (["audit", "--csv", "--json"], "argument --csv: not together with --json"),
        (["sessions", "--store", "postgres://x"], "argument --store: 'postgres://x' is no store"),
        (["sessions", "--store", "memory:"], "argument --store: what a server keeps in memory"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(run: Run, arguments: list[str], told: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", [["sessions"], ["show", "last"], ["replay", "--all"], ["audit"]])
def test_a_store_that_is_not_there_is_named_with_what_to_do(run: Run, tmp_path: Path, command: list[str]) -> None:
    code, out, err = run(*command, "--store", f"sqlite:///{tmp_path}/none.db")
    assert (code, out) == (3, "")
    assert f"{tmp_path}/none.db" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", [["sessions"], ["show", "last"], ["replay", "--all"], ["audit"]])
def test_a_file_of_something_else_is_no_store(run: Run, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "text.db").write_text("hello " * 1000)
    code, _, err = run(*command, "--store", f"sqlite:///{tmp_path}/text.db")
    assert code == 3
    assert "text.db" in err
    assert not (tmp_path / "text.audit.db").exists()


def test_the_environment_may_name_the_store(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_STORE", f"sqlite:///{tmp_path}/none.db")
    assert run("sessions").code == 3


def test_a_pipe_that_closes_early_is_no_error(log: Path) -> None:
    for command in (["show", "last"], ["audit"]):
        shell = f"{' '.join(map(repr, COMMAND))} {' '.join(command)} --store sqlite:///{log} | head -n 1"
        done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=50, check=False)
        assert len(done.stdout.splitlines()) == 1
        assert done.stderr == ""


def test_a_narrow_encoding_is_no_error(log: Path) -> None:
    command = [*COMMAND, "show", "last", "--store", f"sqlite:///{log}"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u25cf SessionOpened" in done.stdout


def test_an_interruption_is_quiet(log: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "audit", "--follow", "--store", f"sqlite:///{log}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, b"")
