"""Calls that go on as tasks."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from events import codes
from events.observed import CallReturned, SessionOpened, TaskOpened
from mcp_server import CallRefused, Context, Form, MCPServer, ToolError
from mcp_server.extensions.tasks import MOST_TASKS
from operators.policy import Limit
from operators.task_clients import EXTENSION
from operators.versions import META_CAPABILITIES
from tests.children import Child, running, wait_for
from tests.serving import Reply, Served, Tools, serving, stateless

KNOWS: dict[str, Any] = {"elicitation": {}, "extensions": {EXTENSION: {}}}
YES = {"action": "accept", "content": {"ok": True}}


def offered(server: MCPServer) -> None:
    gate = asyncio.Event()

    @server.tool(task="optional")
    async def wait() -> str:
        await gate.wait()
        return "done"

    @server.tool
    async def go() -> str:
        gate.set()
        return "gone"

    @server.tool(task="optional")
    async def quick(text: str) -> str:
        return text

    @server.tool(task="required")
    async def fails(how: str) -> str:
        if how == "tool":
            raise ToolError("it failed")
        raise CallRefused(-32603, "not to be done", {"why": "so"})

    @server.tool(task="optional")
    async def asks(ctx: Context) -> str:
        answers = await ctx.ask(one=Form("One?", {"ok": bool}), two=Form("Two?", {"ok": bool}))
        return f"{bool(answers['one'])} {bool(answers['two'])}"

    @server.tool(task="optional", asks_first={"one": Form("One?", {"ok": bool})})
    async def asks_first(ctx: Context) -> str:
        return f"{bool((await ctx.ask(one=Form('One?', {'ok': bool})))['one'])}"


class Asker:
    """A stateless client that knows tasks."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.ids = 0

    async def ask(self, method: str, params: dict[str, Any], able: Any = KNOWS) -> Reply:
        self.ids += 1
        return await self.served.modern(
            self.ids, method, {**params, "_meta": {META_CAPABILITIES: able}}, **named(params)
        )

    async def begin(self, tool: str, able: Any = KNOWS, **arguments: Any) -> dict[str, Any]:
        reply = await self.ask("tools/call", {"name": tool, "arguments": arguments}, able)
        found: dict[str, Any] = reply.body["result"]
        return found

    async def get(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask("tasks/get", {"taskId": id})).body["result"]
        assert found["resultType"] == "complete"
        assert found["taskId"] == id
        return found

    async def until(self, id: str, status: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while (found := await self.get(id))["status"] != status:  # noqa: ASYNC110 # a server is asked
                await asyncio.sleep(0.01)
        return found


@asynccontextmanager
async def serving_tasks(**settings: Any) -> AsyncIterator[Asker]:
    """A server whose tools may be tasks."""
    tools = Tools()
    offered(tools.server)
    async with serving(tools=tools, **settings) as served:
        yield Asker(served)


def named(params: dict[str, Any]) -> dict[str, str]:
    return {"Mcp_Name": params["taskId"]} if "taskId" in params else {}


async def test_a_task_is_durable_before_its_client_hears_of_it_and_its_result_is_fetched() -> None:
    async with serving_tasks() as asker:
        created = await asker.begin("wait")
        assert created["resultType"] == "task"
        assert created["status"] == "working"
        assert created["ttlMs"] == 3_600_000
        assert not created.keys() & {"result", "error", "inputRequests", "requestState", "task"}
        opened = [each for each in asker.served.recorded(SessionOpened) if each.transport == "task"]
        assert len(opened) == len(asker.served.recorded(TaskOpened)) == 1
        assert (await asker.get(created["taskId"]))["status"] == "working"
        await asker.begin("go")
        found = await asker.until(created["taskId"], "completed")
        assert found["result"]["content"] == [{"type": "text", "text": "done"}]
        assert found["lastUpdatedAt"] >= found["createdAt"]
        partial = [each.partial for each in asker.served.recorded(CallReturned)]
        assert partial.count("task") == 1


async def test_a_tool_that_comes_while_the_server_runs_may_be_the_first_that_is_a_task() -> None:
    async with serving() as served:
        asker = Asker(served)
        assert (await asker.ask("tasks/get", {"taskId": "x"})).status == 404
        served.tools.server.tool("late", task="optional")(lambda: "done")
        await asyncio.sleep(0.05)
        created = await asker.begin("late")
        assert created["resultType"] == "task"
        assert (await asker.until(created["taskId"], "completed"))["result"]["content"][0]["text"] == "done"
        discovered = (await asker.ask("server/discover", {})).body["result"]
        assert EXTENSION in discovered["capabilities"]["extensions"]


async def test_who_does_not_know_tasks_waits_or_is_refused() -> None:
    async with serving_tasks() as asker:
        assert (await asker.begin("quick", {}, text="now"))["content"][0]["text"] == "now"
        refused = await asker.ask("tools/call", {"name": "fails", "arguments": {"how": "tool"}}, {})
        assert (refused.status, refused.code) == (400, codes.MISSING_CAPABILITY)
        assert refused.body["error"]["data"] == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            assert (await asker.ask(method, {"taskId": "x"}, {})).code == codes.MISSING_CAPABILITY
            assert (await asker.ask(method, {"taskId": "x"})).code == codes.INVALID_PARAMS


async def test_a_tools_error_completes_a_task_and_a_refusal_fails_it() -> None:
    async with serving_tasks() as asker:
        one, other = await asker.begin("fails", how="tool"), await asker.begin("fails", how="refused")
        assert (await asker.until(one["taskId"], "completed"))["result"]["isError"] is True
        failed = await asker.until(other["taskId"], "failed")
        assert failed["error"] == {"code": -32603, "message": "not to be done", "data": {"why": "so"}}
        assert "result" not in failed


async def test_a_task_waits_for_answers_that_are_brought_one_at_a_time() -> None:
    async with serving_tasks() as asker:
        id = (await asker.begin("asks"))["taskId"]
        found = await asker.until(id, "input_required")
        assert found["inputRequests"]["one"]["method"] == "elicitation/create"
        bring = {"taskId": id, "inputResponses": {"one": YES, "other": YES}}
        assert (await asker.ask("tasks/update", bring)).body["result"].keys() == {"resultType", "_meta"}
        async with asyncio.timeout(30):
            while "one" in (found := await asker.get(id))["inputRequests"]:  # noqa: ASYNC110 # a server is asked
                await asyncio.sleep(0.01)
        assert (found["status"], list(found["inputRequests"])) == ("input_required", ["two"])
        await asker.ask("tasks/update", {"taskId": id, "inputResponses": {"two": {"action": "decline"}}})
        found = await asker.until(id, "completed")
        assert found["result"]["content"][0]["text"] == "True False"
        bad = await asker.ask("tasks/update", {"taskId": id, "inputResponses": {"two": 1}})
        assert bad.code == codes.INVALID_PARAMS


async def test_what_is_asked_first_is_answered_before_there_is_a_task() -> None:
    async with serving_tasks() as asker:
        first = await asker.begin("asks_first")
        assert first["resultType"] == "input_required"
        again = {"requestState": first["requestState"], "inputResponses": {"one": YES}}
        reply = await asker.ask("tools/call", {"name": "asks_first", "arguments": {}, **again})
        created = reply.body["result"]
        assert created["resultType"] == "task"
        found = await asker.until(created["taskId"], "completed")
        assert found["result"]["content"][0]["text"] == "True"


async def test_a_task_is_cancelled_and_stays_so() -> None:
    async with serving_tasks() as asker:
        id = (await asker.begin("wait"))["taskId"]
        assert (await asker.ask("tasks/cancel", {"taskId": id})).body["result"].keys() == {"resultType", "_meta"}
        await asker.until(id, "cancelled")
        assert (await asker.ask("tasks/cancel", {"taskId": id})).status == 200
        assert (await asker.get(id))["status"] == "cancelled"
        async with asyncio.timeout(30):
            sessions = asker.served.app.gate.sessions
            while any(each.transport == "task" for each in sessions.values()):  # noqa: ASYNC110 # it has no event
                await asyncio.sleep(0.01)
        assert asker.served.app.gate.in_flight == 0


async def test_no_bit_of_a_tasks_id_can_be_changed() -> None:
    async with serving_tasks() as asker:
        id = (await asker.begin("quick", text="a"))["taskId"]
        for place in range(0, len(id), 7):
            changed = id[:place] + ("A" if id[place] != "A" else "B") + id[place + 1 :]
            assert (await asker.ask("tasks/get", {"taskId": changed})).code == codes.INVALID_PARAMS
        assert (await asker.until(id, "completed"))["taskId"] == id


async def test_a_header_names_the_task() -> None:
    async with serving_tasks() as asker:
        id = (await asker.begin("quick", text="a"))["taskId"]
        body, headers = stateless(1, "tasks/get", {"taskId": id, "_meta": {META_CAPABILITIES: KNOWS}})
        assert (await asker.served.post(body, headers)).code == codes.HEADER_MISMATCH
        assert (await asker.served.post(body, {**headers, "Mcp-Name": "x"})).code == codes.HEADER_MISMATCH
        assert (await asker.served.post(body, {**headers, "Mcp-Name": id})).status == 200


async def test_a_principal_has_so_many_tasks_under_way_and_no_more() -> None:
    async with serving_tasks() as asker:
        ids = [(await asker.begin("wait"))["taskId"] for _ in range(MOST_TASKS)]
        refused = await asker.ask("tools/call", {"name": "wait", "arguments": {}})
        assert (refused.status, refused.code) == (503, codes.OVERLOADED)
        await asker.ask("tasks/cancel", {"taskId": ids[0]})
        await asker.until(ids[0], "cancelled")
        assert (await asker.begin("wait"))["resultType"] == "task"


async def test_a_task_is_charged_once() -> None:
    limit = Limit("calls", "principal", per_second=0.001, burst=2, methods=("tools/call",))
    async with serving_tasks(limits=(limit,)) as asker:
        for _ in range(2):
            id = (await asker.begin("quick", text="a"))["taskId"]
            await asker.until(id, "completed")
        assert (await asker.ask("tools/call", {"name": "quick", "arguments": {"text": "a"}})).code == codes.RATE_LIMITED


SERVER = """
import asyncio
from mcp_server import MCPServer

server = MCPServer("tasks")

@server.tool(task="optional")
async def work(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "worked"
"""


async def test_tasks_survive_a_kill(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(SERVER)
    with running(tmp_path, "tasks.py") as child:
        done, cut = await begun(child, 0.0), await begun(child, 600.0)
        await asyncio.to_thread(wait_for, tmp_path, CallReturned, 3)
        await asyncio.to_thread(child.stop, signal.SIGKILL)
    with running(tmp_path, "tasks.py") as child:
        found = (await sent(child, "tasks/get", {"taskId": done}))["result"]
        assert (found["status"], found["result"]["content"][0]["text"]) == ("completed", "worked")
        found = (await sent(child, "tasks/get", {"taskId": cut}))["result"]
        assert (found["status"], found["error"]["code"]) == ("failed", codes.ABORTED)
        assert "not begun again" in found["error"]["message"]


async def begun(child: Child, seconds: float) -> str:
    answer = await sent(child, "tools/call", {"name": "work", "arguments": {"seconds": seconds}})
    return str(answer["result"]["taskId"])


async def sent(child: Child, method: str, params: dict[str, Any]) -> dict[str, Any]:
    url = await asyncio.to_thread(lambda: child.url)
    body, headers = stateless(1, method, {**params, "_meta": {META_CAPABILITIES: KNOWS}})
    headers |= {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    headers |= {"Mcp-Name": params["taskId"]} if "taskId" in params else {}
    async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=headers) as response:
        found: dict[str, Any] = json.loads(await response.text())
        return found
