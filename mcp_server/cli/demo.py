"""``mcp-rewind demo``: a session recorded, shown and replayed."""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson

from adapters.sqlite_reader import SqliteReader
from events.observed import SessionClosed
from mcp_server.cli.arguments import Parser
from mcp_server.cli.client import VERSION, Client, connect
from mcp_server.cli.codes import DIFFERS, EPILOG, OK, UNREADABLE, UsageError
from mcp_server.cli.output import Output
from mcp_server.cli.show import show
from mcp_server.cli.text import clean, clipped, many, to_json
from replay.replay import Verdict, verify
from replay.sessions import LAST, resolve
from replay.timeline import Timeline

_ABOUT: Final = """\
Start the built-in server on a free port with a store of its own, let a client hold a session with it, show what was
recorded, and replay it. Ends with 0 only when every decision came out the same.
"""
_SECONDS: Final = 30.0
_BURST: Final = 9
_CONFIG: Final = {
    "limits": [{"name": "demo", "per": "session", "per_second": 2.0, "burst": 7.0}],
    "log_level": "ERROR",
    "audit": False,
}
_EXPECTED: Final = {"ok", "tool error", "cached", "throttled", "cancelled"}


class DemoFailed(Exception):
    """The demonstration did not go as it should; says where."""


def add(commands: Any) -> None:
    """Add the command to the others."""
    parser: Parser = commands.add_parser(
        "demo", help="see a session recorded, shown and replayed", description=_ABOUT, epilog=EPILOG
    )
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep the store in this folder")
    parser.add_argument("--json", action="store_true", help="print the timeline and the verdict as JSON only")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show it all."""
    output = Output(json=arguments.json)
    try:
        with _folder(arguments.keep) as folder:
            store = folder.absolute() / "events.db"
            asyncio.run(_record(folder, store, output))
            return _look_back(store, output, kept=arguments.keep is not None)
    except DemoFailed as error:
        print(f"mcp-rewind: the demonstration failed: {clean(str(error))}", file=sys.stderr)
        return UNREADABLE


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="mcp-rewind-demo-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    if (keep / "events.db").exists():
        raise UsageError(f"argument --keep: {keep} has a store already; name another folder")
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"argument --keep: {keep} cannot be made: {error.strerror}") from error
    yield keep


async def _record(folder: Path, store: Path, output: Output) -> None:
    try:
        async with asyncio.timeout(_SECONDS), _server(folder, store) as url:
            output.say(f"A server on {url}, which records to {store}", "bold")
            async with connect(url) as client:
                await _session(client, output)
            await _until_closed(store)
    except TimeoutError:
        raise DemoFailed(f"something took longer than {_SECONDS:g} s") from None
    except aiohttp.ClientError as error:
        raise DemoFailed(f"the connection broke: {error}") from error


@asynccontextmanager
async def _server(folder: Path, store: Path) -> AsyncIterator[str]:
    """Run a server; yields the URL of its websocket."""
    config = folder / "config.json"
    config.write_bytes(orjson.dumps({**_CONFIG, "log_file": str(folder / "server.log")}))
    command = (sys.executable, "-P", "-m", "mcp_server.server", "--config", str(config), "--port", "0")
    process = await asyncio.create_subprocess_exec(
        *command,
        *("--host", "127.0.0.1", "--store", f"sqlite:///{store}", "--transport", "websocket"),
        env={name: value for name, value in os.environ.items() if not name.startswith("MCP_")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield await _url(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _url(process: asyncio.subprocess.Process) -> str:
    while process.stdout is not None and (line := await process.stdout.readline()):
        for word in line.decode(errors="replace").split():
            if word.startswith("ws://"):
                return word
    raise DemoFailed(f"the server ended with code {await process.wait()} before it could be reached")


async def _session(client: Client, output: Output) -> None:
    """What the client does; each line says what comes of it."""

    def tell(what: str, came: object) -> None:
        output.say(f"  {what:<42} {clipped(clean(came if isinstance(came, str) else to_json(came)), 90)}")

    hello = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "demo", "version": "1"}}
    agreed = _result(await client.request("initialize", hello))
    await client.notify("notifications/initialized")
    tell("initialize", f"version {agreed['protocolVersion']} with {agreed['serverInfo']['name']}")
    for kind in ("tools", "prompts", "resources"):
        found = _result(await client.request(f"{kind}/list"))[kind]
        tell(f"{kind}/list", ", ".join(each["name"] for each in found))
    prompt = {"name": "summarise", "arguments": {"text": "Everything is recorded.", "style": "headline"}}
    tell("prompts/get summarise", _result(await client.request("prompts/get", prompt))["messages"][0]["content"])
    tell("echo", _text(await client.request(*_call("echo", text="hello"))))
    tell("count_slowly, streaming", "")
    await client.request(*_call("count_slowly", to=4, delay=0.05), lambda block: tell("", f"part: {block['text']}"))
    tell("fail", _text(await client.request(*_call("fail", message="as it was told to"))))
    for again in ("", ", again: answered from the cache"):
        tell(f"add 2 and 3{again}", _text(await client.request(*_call("add", a=2, b=3))))
    await _burst(client, tell)
    await asyncio.sleep(1.0)  # for the limit to let one more pass
    long = await client.send(*_call("count_slowly", to=100, delay=1.0), lambda _: None)
    await asyncio.sleep(0.1)
    await client.notify("notifications/cancelled", {"requestId": long, "reason": "enough of it"})
    tell("count_slowly, cancelled", "no answer, as it should be")


async def _burst(client: Client, tell: Any) -> None:
    ids = [await client.send(*_call("echo", text=str(number))) for number in range(_BURST)]
    answers = [await client.answer(id) for id in ids]
    refused = [answer["error"] for answer in answers if "error" in answer]
    tell(f"echo, {_BURST} times at once", f"{len(answers) - len(refused)} answered, {len(refused)} throttled")
    if refused:
        tell("", refused[0]["message"])


def _call(tool: str, /, **arguments: object) -> tuple[str, dict[str, Any]]:
    return "tools/call", {"name": tool, "arguments": arguments}


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    if "result" not in answer:
        raise DemoFailed(f"the server answered {to_json(answer.get('error'))}")
    result: dict[str, Any] = answer["result"]
    return result


def _text(answer: dict[str, Any]) -> str:
    result = _result(answer)
    mark = "error: " if result.get("isError") else ""
    return mark + " ".join(block.get("text", "") for block in result["content"])


async def _until_closed(store: Path) -> None:
    """Wait until the end of the session is in the log."""
    with SqliteReader(store) as reader:
        while True:
            entries = list(Timeline(reader.session(resolve(reader, LAST))).entries())
            if any(isinstance(entry.event, SessionClosed) for entry in entries):
                return
            await asyncio.sleep(0.02)


def _look_back(store: Path, output: Output, *, kept: bool) -> int:
    with SqliteReader(store) as reader:
        session = resolve(reader, LAST)
        output.say("\nWhat was recorded", "bold")
        timeline = Timeline(reader.session(session))
        outcomes = show(output, timeline)
        (verdict,) = verify(reader.session(session))
    if missing := _EXPECTED - outcomes:
        raise DemoFailed(f"nothing was {' or '.join(sorted(missing))}")
    _tell(output, verdict)
    if kept:
        output.say(f"The store is kept: mcp-rewind show last --frames --store sqlite:///{store}")
    return OK if verdict.holds else DIFFERS


def _tell(output: Output, verdict: Verdict) -> None:
    output.record({"session": verdict.session, "events": verdict.events, "holds": verdict.holds})
    replayed = f"Replayed {many(verdict.events, 'event')}: "
    if verdict.holds:
        output.say(f"{replayed}every decision came out the same.", "bold green")
    elif verdict.divergence is not None:
        found = verdict.divergence
        output.say(f"{replayed}diverged at {found.position}, {found.difference.path}", "bold red")
    else:
        output.say(f"{replayed}{clean(verdict.problem)}", "bold red")
