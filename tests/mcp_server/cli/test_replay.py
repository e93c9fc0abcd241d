"""``mcp-rewind replay``: exit codes, reports, and calling again."""

import asyncio
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from adapters.memory_log import MemoryLog
from adapters.sqlite_writer import Store
from events.decided import ErrorReady
from events.event import Decided, Step
from events.record import TOPIC
from tests.mcp_server.cli.conftest import Run, history
from tests.replay.live import ONE, TWO, Live, altered
from tests.serving import serving


@pytest.fixture
def diverging(tmp_path: Path) -> str:
    """A store in which one recorded decision is not what the server decides."""

    def change(_: int, steps: list[Step]) -> list[Step]:
        return [Step(step.fact, tuple(map(changed, step.decisions))) for step in steps]

    def changed(decision: Decided) -> Decided:
        if isinstance(decision, ErrorReady) and decision.data:
            return replace(decision, data={**decision.data, "retryAfter": 9.5})
        return decision

    store = Store(tmp_path / "diverging.db")
    store.add([[(row.session, row.version, TOPIC, row.state)] for row in altered(history().reader(), change)])
    store.close()
    return f"sqlite:///{tmp_path}/diverging.db"


def test_a_session_that_comes_out_the_same_ends_with_0(run: Run) -> None:
    code, out, err = run("replay", ONE)
    assert (code, err) == (0, "")
    assert "every decision came out the same" in out


def test_all_sessions_are_replayed_also_those_without_an_end(run: Run) -> None:
    code, out, _ = run("replay", "--all")
    assert code == 0
    assert "2 sessions" in out
    assert "1 without an end" in out


def test_a_divergence_ends_with_1_and_names_position_path_and_values(run: Run, diverging: str) -> None:
    code, out, _ = run("replay", ONE, "--store", diverging)
    assert code == 1
    assert f"session {ONE} diverged at 2." in out
    assert "at        $.data.retryAfter" in out
    assert "expected  9.5" in out
    assert '"event":"ErrorReady"' in out


def test_the_stored_bytes_are_shown_on_demand(run: Run, diverging: str) -> None:
    shown = json.loads(run("replay", ONE, "--store", diverging, "--json").out)["divergence"]
    out = run("replay", ONE, "--store", diverging, "--hex").out
    assert shown["path"] == "$.data.retryAfter"
    assert shown["expected"]["data"]["retryAfter"] == 9.5
    assert shown["expected_hex"] in out
    assert shown["actual_hex"] in out
    assert bytes.fromhex(shown["actual_hex"]) != bytes.fromhex(shown["expected_hex"])


def test_a_report_has_a_case_for_each_session(run: Run, diverging: str, tmp_path: Path) -> None:
    assert run("replay", "--all", "--store", diverging, "--junit", str(tmp_path / "report.xml")).code == 1
    suite = ET.parse(tmp_path / "report.xml").getroot()
    assert suite.attrib | {"tests": "2", "failures": "1", "errors": "0"} == suite.attrib
    assert {case.get("name"): case.find("failure") is not None for case in suite} == {ONE: True, TWO: False}


def test_a_report_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    code, _, err = run("replay", "--all", "--junit", str(tmp_path / "none" / "report.xml"))
    assert code == 2
    assert "report.xml" in err


def test_a_damaged_log_ends_with_3(run: Run, tmp_path: Path) -> None:
    store = Store(tmp_path / "damaged.db")
    store.add([[(ONE, 1, TOPIC, b"\xc1")]])
    store.close()
    code, out, _ = run("replay", "--all", "--store", f"sqlite:///{tmp_path}/damaged.db")
    assert code == 3
    assert "cannot be replayed" in out


SERVER = """
from mcp_server import MCPServer
server = MCPServer("again")
seen = __import__("pathlib").Path(__file__).with_name("seen")

@server.tool(read_only=True)
def echo(text: str) -> str:
    "Say it {how}."
    return {expression}

@server.tool()
def write(text: str) -> str:
    "Write it down."
    seen.write_text(text)
    return text
"""


@pytest.fixture
def calls(tmp_path: Path) -> str:
    """A store with a call of a tool that acts on nothing, and one that may."""
    live = Live()
    live.open()
    live.initialize()
    for id, tool in ((1, "echo"), (2, "write")):
        live.call(id, tool, text="hello")
        live.returned(id, b'{"content":[{"type":"text","text":"hello"}],"structuredContent":{"result":"hello"}}')
    live.write(tmp_path / "calls.db")
    return f"sqlite:///{tmp_path}/calls.db"


def server(folder: Path, expression: str) -> str:
    path = folder / "again_server.py"
    path.write_text(SERVER.format(how="again", expression=expression))
    return str(path)


def verdicts(run: Run, *arguments: str) -> dict[str, str]:
    rows = [json.loads(line) for line in run(*arguments, "--json").lines]
    return {row["name"] or row["method"]: row["verdict"] for row in rows}


def test_calls_are_made_again_and_their_results_compared(run: Run, calls: str, tmp_path: Path) -> None:
    where = ("replay", "last", "--rerun", "--store", calls, "--server", server(tmp_path, "text.upper()"))
    code, out, err = run(*where)
    assert code == 1
    assert '$.result.content[0].text  "hello" -> "HELLO"' in out
    assert "write is not marked read-only or idempotent" in err
    assert not (tmp_path / "seen").exists()


def test_what_always_differs_can_be_left_out_of_the_comparison(run: Run, calls: str, tmp_path: Path) -> None:
    where = ("replay", "last", "--rerun", "--store", calls, "--server", server(tmp_path, "text.upper()"))
    out = run(*where, "--ignore", "/result/content/*/text").out
    assert "content[0]" not in out
    assert "$.result.structuredContent" in out
    both = ("--ignore", "/result/content/*/text", "--ignore", "/result/structuredContent")
    assert verdicts(run, *where)["echo"] == "changed"
    assert verdicts(run, *where, *both)["echo"] == "same"
    assert run(*where, "--ignore", "/result").code == 0


def test_what_may_act_is_called_again_only_when_allowed(run: Run, calls: str, tmp_path: Path) -> None:
    where = ("replay", "last", "--rerun", "--store", calls, "--server", server(tmp_path, "text"))
    assert verdicts(run, *where)["write"] == "skipped"
    found = verdicts(run, *where, "--yes")
    assert found["write"] != "skipped"
    assert (tmp_path / "seen").read_text() == "hello"
    assert found["echo"] != "skipped"


def test_a_user_is_asked_on_a_terminal(run: Run, calls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = ("replay", "last", "--rerun", "--store", calls, "--server", server(tmp_path, "text"))
    for answer, called in (("n\n", False), ("y\n", True)):
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)
        monkeypatch.setattr("sys.stdin.readline", lambda answer=answer: answer)
        assert "call write again" in run(*where).err
        assert (tmp_path / "seen").exists() is called


def test_a_completion_is_made_again_with_the_seed_that_was_drawn(run: Run, tmp_path: Path) -> None:
    async def recorded() -> MemoryLog:
        log = MemoryLog()
        async with serving(log) as served, served.socket() as socket:
            asked: list[dict[str, Any]] = [{}, {"model": "template", "sampling": {"n": 2}}, {"model": "far"}]
            for id, params in enumerate(asked):
                await socket.ask(id, "completion/generate", {"prompt": "The server", **params})
        return log

    store = Store(tmp_path / "texts.db")
    store.add([[(row.session, row.version, TOPIC, row.state)] for row in asyncio.run(recorded()).reader().records()])
    store.close()
    where = ("--store", f"sqlite:///{tmp_path}/texts.db", "--json")
    assert run("replay", "last", *where).code == 0
    found = [json.loads(line) for line in run("replay", "last", "--rerun", *where).lines]
    told = [row["verdict"] for row in found if row["method"] == "completion/generate"]
    assert told == ["same", "same", "skipped"]  # of endpoints nothing is known here


def test_a_server_that_is_not_there_is_named(run: Run, calls: str) -> None:
    code, _, err = run("replay", "last", "--rerun", "--store", calls, "--server", "none.py")
    assert code == 2
    assert "argument --server: there is no file" in err


def test_other_limits_are_tried_on_the_past(run: Run, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("{}")
    code, out, _ = run("replay", "--all", "--what-if", str(tmp_path / "none.json"))
    assert code == 1
    assert "1 request: throttled -> carried out" in out
    (tmp_path / "same.json").write_text(
        '{"limits": [{"name": "calls", "per": "principal", "per_second": 1.0, "burst": 3.0}]}'
    )
    assert run("replay", "--all", "--what-if", str(tmp_path / "same.json")).code == 0
    (tmp_path / "bad.json").write_text('{"limit": 1}')
    code, _, err = run("replay", "--all", "--what-if", str(tmp_path / "bad.json"))
    assert code == 2
    assert "argument --what-if" in err
