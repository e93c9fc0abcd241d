"""A whole server and a secret: it gets to the tool and back to the client, and into no file."""

import asyncio
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.tags import TAG
from events.observed import CallReturned, RequestReceived
from soak import processes
from tests.children import COMMAND, LONG, Child, recorded, running, store
from tests.serving import call_params, stateless

PASSWORD = "Canary-4711-zebra"
TOKEN = "ghp_" + "aB3d" * 9

SERVER = f"""
from typing import Annotated
from msgspec import Meta
from mcp_server import MCPServer, ToolError

server = MCPServer("vault")

@server.tool
async def sign_in(user: str, password: str) -> str:
    assert password == {PASSWORD!r}
    raise ToolError(f"{{user}} is not let in with {{password}}")

@server.tool(cacheable=60.0, public=True, read_only=True)
async def find(note: Annotated[str, Meta(extra_json_schema={{"writeOnly": True}})]) -> dict[str, str]:
    return {{"note": note, "length": str(len(note))}}

@server.tool
async def crash(text: str, password: str) -> str:
    raise RuntimeError(f"{{text}}: {{password}}")
"""


async def ask(child: Child, number: int, name: str, **arguments: Any) -> dict[str, Any]:
    port = await asyncio.to_thread(lambda: child.port)
    body, headers = stateless(number, "tools/call", call_params(name, **arguments))
    headers |= {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}", "Cookie": f"a={PASSWORD}"}
    headers |= {"Accept": "application/json, text/event-stream"}
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"http://127.0.0.1:{port}/mcp", data=body, headers=headers) as response,
    ):
        answer: dict[str, Any] = await response.json()
        return answer


def text_of(answer: dict[str, Any]) -> str:
    return str(answer["result"]["content"][0]["text"])


def command(folder: Path, *words: str, given: str = "") -> list[dict[str, Any]]:
    done = subprocess.run(
        (COMMAND, *words, "--json", "--store", store(folder)),
        input=given,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def kill(child: Child) -> None:
    """Kill it, and wait until what it has started has left too."""
    helpers = processes.children(child.process.pid)
    child.stop(signal.SIGKILL)
    late = time.monotonic() + LONG
    while any(map(processes.runs, helpers)):
        assert time.monotonic() < late
        time.sleep(0.01)


def everything(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, Child]]:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "vault.py").write_text(SERVER)
    folder = tmp_path / "kept"
    folder.mkdir()
    with running(folder, str(tmp_path / "source" / "vault.py"), LOG_FILE=str(folder / "server.log")) as child:
        yield folder, child


async def test_a_secret_reaches_the_tool_and_the_client_and_no_file(served: tuple[Path, Child]) -> None:
    folder, child = served
    refused = await ask(child, 1, "sign_in", user="bob", password=PASSWORD)
    assert text_of(refused) == f"bob is not let in with {PASSWORD}"
    first, second = await ask(child, 2, "find", note=TOKEN), await ask(child, 3, "find", note=TOKEN)
    assert first["result"]["structuredContent"] == second["result"]["structuredContent"]
    assert first["result"]["structuredContent"]["note"] == TOKEN
    broken = await ask(child, 4, "crash", text="at the door", password=PASSWORD)
    about = re.fullmatch("internal error ([0-9a-f]{16})", text_of(broken))
    assert about is not None
    await asyncio.to_thread(kill, child)
    for name, data in everything(folder).items():
        assert PASSWORD.encode() not in data, name
        assert TOKEN.encode() not in data, name

    requests = recorded(folder, RequestReceived)
    assert [TAG.search(request.message.raw) is not None for request in requests] == [True] * 4
    tags = {name: TAG.findall(request.message.raw) for name, request in zip("abcd", requests, strict=True)}
    assert tags["b"] == tags["c"]
    assert tags["a"] == tags["d"] != tags["b"]
    returned = recorded(folder, CallReturned)
    assert [tags["a"][0] in fact.payload for fact in returned] == [True, False, False]  # the third call was a hit
    (line,) = [json.loads(line) for line in (folder / "server.log").read_text().splitlines() if about[1] in line]
    assert line["event"] == "call failed"
    assert re.match(r"builtins.RuntimeError at vault.py:\d+ crash: at the door: ", line["detail"])

    def look() -> None:
        assert {row["session"] for row in command(folder, "audit", "--hash", PASSWORD)} == {
            requests[0].origin.session,
            requests[3].origin.session,
        }
        found = command(folder, "audit", "--hash", "-", given=f"{TOKEN}\n")
        assert [row["event"] for row in found] == ["RequestReceived", "CallReturned", "RequestReceived", "CacheHit"]
        assert command(folder, "audit", "--hash", "something else") == []
        (error,) = command(folder, "audit", "--error-id", about[1])[:1]
        assert (error["event"], error["name"]) == ("CallReturned", "crash")
        assert "RuntimeError at vault.py" in error["note"]

    await asyncio.to_thread(look)
    replayed = (COMMAND, "replay", "--all", "--store", store(folder))
    assert (
        await asyncio.to_thread(subprocess.run, replayed, capture_output=True, timeout=LONG, check=False)
    ).returncode == 0


async def test_with_redaction_turned_off_secrets_are_stored(tmp_path: Path) -> None:
    (tmp_path / "vault.py").write_text(SERVER)
    with running(tmp_path, "vault.py", MCP_REDACTION="false") as child:
        await ask(child, 1, "sign_in", user="bob", password=PASSWORD)
        await asyncio.to_thread(child.stop)
    (request,) = recorded(tmp_path, RequestReceived)
    assert PASSWORD.encode() in request.message.raw
    assert PASSWORD.encode() in everything(tmp_path)["log.db"]
    assert TOKEN.encode() not in b"".join(everything(tmp_path).values())  # of a header that nobody keeps


async def test_names_may_be_added_and_taken_away(tmp_path: Path) -> None:
    (tmp_path / "vault.py").write_text(SERVER)
    given = {"MCP_REDACTION_NAMES": "user", "MCP_REDACTION_ALLOW": "password"}
    with running(tmp_path, "vault.py", **given) as child:
        await ask(child, 1, "sign_in", user="somebody", password=PASSWORD)
        await asyncio.to_thread(child.stop)
    (request,) = recorded(tmp_path, RequestReceived)
    assert PASSWORD.encode() in request.message.raw
    assert b"somebody" not in request.message.raw
