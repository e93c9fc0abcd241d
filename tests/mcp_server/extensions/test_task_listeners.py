"""Subscriptions that hear of tasks."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from events import codes
from events.decided import SubscriptionOpened, TaskEmitted
from events.frames import SUBSCRIPTION_META
from events.observed import TaskChanged, TasksFound
from events.told import ToldBytes
from operators.task_clients import EXTENSION, MISSING
from operators.versions import META_CAPABILITIES
from tests.mcp_server.extensions.test_tasks import KNOWS, YES, Asker, serving_tasks
from tests.serving import LONG, serving, stateless


class Heard:
    """The messages of a subscription."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> dict[str, Any]:
        """The next message, whatever it is."""
        while line := await asyncio.wait_for(self._response.content.readline(), LONG):
            if line.startswith(b"data: {"):
                found: dict[str, Any] = json.loads(line[6:])
                return found
        raise AssertionError("the stream has ended")

    async def task(self) -> dict[str, Any]:
        """What the next notification says of a task."""
        message = await self.next()
        assert message["method"] == "notifications/tasks", message
        params: dict[str, Any] = message["params"]
        assert params.pop("_meta") == {SUBSCRIPTION_META: "s"}
        return params


@asynccontextmanager
async def listening(asker: Asker, *ids: str, able: Any = KNOWS, **more: Any) -> AsyncIterator[Heard]:
    params = {"notifications": {"taskIds": ids, **more}, "_meta": {META_CAPABILITIES: able}}
    body, headers = stateless("s", "subscriptions/listen", params)
    headers |= {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    async with asker.served.request("POST", "/mcp", data=body, headers=headers) as response:
        yield Heard(response)


def acknowledged(message: dict[str, Any]) -> Any:
    assert message["method"] == "notifications/subscriptions/acknowledged"
    return message["params"]["notifications"]


async def test_a_subscription_hears_how_a_task_is_and_what_becomes_of_it() -> None:
    async with serving_tasks() as asker:
        id = (await asker.begin("asks"))["taskId"]
        await asker.until(id, "input_required")
        async with listening(asker, id, toolsListChanged=True) as heard:
            assert acknowledged(await heard.next()) == {"toolsListChanged": True, "taskIds": [id]}
            first = await heard.task()
            asked = await asker.get(id)
            assert {**first, "_meta": asked["_meta"], "resultType": "complete"} == asked  # all that who asks is told
            assert (first["status"], first["inputRequests"].keys()) == ("input_required", {"one", "two"})
            await asker.ask("tasks/update", {"taskId": id, "inputResponses": {"one": YES}})
            assert (await heard.task())["inputRequests"].keys() == {"two"}
            await asker.ask("tasks/update", {"taskId": id, "inputResponses": {"two": YES}})
            assert (await heard.task())["status"] == "working"
            ended = await heard.task()
            assert (ended["status"], ended["result"]["content"][0]["text"]) == ("completed", "True True")
            asker.served.tools.server.remove_tool("asks")
            assert (await heard.next())["method"] == "notifications/tools/list_changed"
        assert len(asker.served.recorded(TaskEmitted)) == 4


async def test_a_task_that_is_over_is_told_at_once() -> None:
    async with serving_tasks() as asker:
        id = (await asker.begin("quick", text="a"))["taskId"]
        await asker.until(id, "completed")
        async with listening(asker, id) as heard:
            assert acknowledged(await heard.next()) == {"taskIds": [id]}
            assert (await heard.task())["status"] == "completed"


async def test_two_subscriptions_hear_of_one_task_and_who_has_left_is_told_nothing() -> None:
    async with serving_tasks() as asker:
        id = (await asker.begin("wait"))["taskId"]
        async with listening(asker, id) as one, listening(asker, id) as two:
            async with listening(asker, id) as third:
                await third.next()
            for heard in (one, two):
                await heard.next()
                assert (await heard.task())["status"] == "working"
            await asker.begin("go")
            for heard in (one, two):
                assert (await heard.task())["status"] == "completed"
        assert asker.served.app.failure is None


async def test_what_is_no_task_of_the_callers_is_not_acknowledged() -> None:
    async with serving_tasks() as asker:
        id = (await asker.begin("wait"))["taskId"]
        async with listening(asker, "unknown", id[:-1], id) as heard:
            assert acknowledged(await heard.next()) == {"taskIds": [id]}
        async with listening(asker, "unknown") as heard:
            assert acknowledged(await heard.next()) == {}
        async with serving() as served, listening(Asker(served), id) as heard:  # a server without tasks
            assert acknowledged(await heard.next()) == {}


@pytest.mark.parametrize("ids", ["x", [1], [""], ["x"] * 101, {}, None])
async def test_ids_that_are_none_are_refused(ids: Any) -> None:
    async with serving_tasks() as asker:
        reply = await asker.ask("subscriptions/listen", {"notifications": {"taskIds": ids}})
        assert reply.code == codes.INVALID_PARAMS
        assert "taskIds" in reply.body["error"]["message"]


async def test_who_does_not_know_tasks_cannot_hear_of_them() -> None:
    async with serving_tasks() as asker:
        reply = await asker.ask("subscriptions/listen", {"notifications": {"taskIds": ["x"]}}, {})
        assert (reply.status, reply.code) == (400, codes.MISSING_CAPABILITY)
        assert (reply.body["error"]["data"], EXTENSION in reply.body["error"]["message"]) == (MISSING, True)


async def test_who_leaves_before_its_tasks_are_found_leaves_nothing_open() -> None:
    async with serving_tasks() as asker:
        id = (await asker.begin("wait"))["taskId"]
        async with asker.served.socket(ready=False) as socket:
            meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", META_CAPABILITIES: KNOWS}
            await socket.request("s", "subscriptions/listen", {"notifications": {"taskIds": [id]}, "_meta": meta})
            cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "s"}}
            await socket.send(json.dumps(cancelled))
            await asker.served.until(TasksFound)
        assert asker.served.recorded(SubscriptionOpened) == []
        assert asker.served.recorded(TaskEmitted) == []


async def test_a_secret_that_a_task_was_given_is_told_and_never_written() -> None:
    async with serving_tasks() as asker:

        @asker.served.tools.server.tool(task="optional")
        async def echo_secret(password: str) -> str:
            return f"it is {password}!"

        id = (await asker.begin("echo_secret", password="blue monday 83"))["taskId"]
        found = await asker.until(id, "completed")
        assert found["result"]["content"][0]["text"] == "it is blue monday 83!"
        async with listening(asker, id) as heard:
            await heard.next()
            assert (await heard.task())["result"] == found["result"]
        changed: list[TaskChanged] = asker.served.recorded(TaskChanged)
        assert len(changed) == 1
        assert not isinstance(changed[0].payload, ToldBytes)
        assert b"it is " in changed[0].payload
        raw = b"".join(record.state for record in asker.served.log.reader().records())
        assert b"blue monday" not in raw
