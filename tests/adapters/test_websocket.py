import asyncio
import hashlib
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from events import codes
from events.decided import ChunkEmitted, RequestCancelled
from events.observed import MessageMalformed, RequestReceived, ResourceChanged, SessionClosed, SessionOpened
from replay.replay import verify
from tests.facts import MODERN_META, frame
from tests.serving import LONG, Served, Socket, serving, soon, text_of


async def alive(socket: Socket) -> None:
    assert await socket.ask("still there", "ping") == {"jsonrpc": "2.0", "id": "still there", "result": {}}


def raw_end(socket: Socket) -> asyncio.Transport:
    """The client's end of the connection, to do with it what a client library would not."""
    connection = socket.ws._response.connection
    assert connection is not None
    assert isinstance(connection.transport, asyncio.Transport)
    return connection.transport


async def test_a_session_is_a_connection_with_the_subprotocol_mcp() -> None:
    async with serving() as served:
        async with served.socket() as socket:
            assert socket.ws.protocol == "mcp"
            tools = await socket.ask(1, "tools/list")
            assert [tool["name"] for tool in tools["result"]["tools"]][:2] == ["echo", "shared"]
            await socket.call(2, "echo", text="hi")
            assert text_of(await socket.receive()) == "hi"
        await served.until(SessionClosed)
        (opened,), (closed,) = served.recorded(SessionOpened), served.recorded(SessionClosed)
        assert (opened.transport, opened.peer, opened.principal) == ("websocket", "127.0.0.1", "anonymous")
        assert closed.reason == "the peer left with code 1000"


async def test_both_eras_are_served_on_one_connection() -> None:
    async with serving() as served, served.socket() as socket:
        modern = await socket.ask(1, "server/discover", {"_meta": MODERN_META})
        assert modern["result"]["resultType"] == "complete"
        legacy = await socket.ask(2, "tools/list")
        assert "resultType" not in legacy["result"]


async def test_what_is_no_upgrade_is_told_what_is_here() -> None:
    async with serving() as served, served.request("GET", "/ws") as response:
        assert (response.status, response.headers["Upgrade"]) == (426, "websocket")


MALFORMED: list[tuple[bytes, int, Any]] = [
    (b"", codes.PARSE_ERROR, None),
    (b'{"jsonrpc":"2.0","id":1', codes.PARSE_ERROR, None),
    (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', codes.PARSE_ERROR, None),
    (b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":NaN}}', codes.PARSE_ERROR, None),
    (b'{"jsonrpc":"2.0","id":1,"id":1,"method":"a"}', codes.PARSE_ERROR, None),
    (b"[" * 100_000, codes.PARSE_ERROR, None),
    (b"9" * 10_000_000, codes.INVALID_REQUEST, None),
    (b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', codes.PARSE_ERROR, None),
    (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', codes.INVALID_REQUEST, None),
    (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', codes.INVALID_REQUEST, None),
    (b'{"jsonrpc":"2.0","id":7,"method":["ping"]}', codes.INVALID_REQUEST, 7),
    (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}', codes.INVALID_PARAMS, 7),
]


async def test_a_malformed_message_is_told_what_is_wrong_and_ends_nothing() -> None:
    async with serving() as served, served.socket() as socket:
        for raw, code, id in MALFORMED:
            await soon(socket.ws.send_frame(raw, WSMsgType.TEXT))
            answer = await socket.receive()
            assert (answer["error"]["code"], answer["id"]) == (code, id), raw[:80]
            await alive(socket)
        found = served.recorded(MessageMalformed)
        assert [fact.digest for fact in found] == [hashlib.sha256(raw).digest() for raw, _, _ in MALFORMED]
        assert [fact.length for fact in found] == [len(raw) for raw, _, _ in MALFORMED]


async def test_a_malformed_notification_is_recorded_and_not_answered() -> None:
    async with serving() as served, served.socket() as socket:
        await socket.send(b'{"jsonrpc":"2.0","method":"notifications/x","params":[]}')
        await alive(socket)
        (found,) = served.recorded(MessageMalformed)
        assert (found.code, found.problem) == (codes.INVALID_PARAMS, "params must be an object, not an array")


async def test_a_binary_frame_is_no_message() -> None:
    async with serving() as served, served.socket() as socket:
        await soon(socket.ws.send_bytes(frame(1, "ping")))
        error = (await socket.receive())["error"]
        assert error == {"code": codes.INVALID_REQUEST, "message": "a message is a text frame"}
        await alive(socket)


async def test_a_message_that_is_too_long_is_told_so_while_it_can_still_be_read() -> None:
    async with serving() as served, served.socket() as socket:
        await socket.send(b" " * (15 * 1024 * 1024))
        answer = await socket.receive()
        assert answer["error"]["message"] == "the message has 15728640 bytes; at most 4194304 are read"
        await alive(socket)
        (fact,) = served.recorded(MessageMalformed)
        assert (fact.frame, fact.length) == (b"", 15728640)


async def test_a_message_that_is_longer_than_anyone_reads_ends_the_connection() -> None:
    async with serving() as served, served.socket() as socket:
        head = b"\x81\xff" + (17 * 1024 * 1024).to_bytes(8) + b"\0\0\0\0"
        raw_end(socket).write(head)
        end = await soon(socket.ws.receive())
        assert (end.type, socket.ws.close_code) == (WSMsgType.CLOSE, 1009)
        (closed,) = await served.until(SessionClosed)
        assert closed.reason == "the framing was lost: WebSocketError"


async def test_a_message_in_fragments_is_one_message() -> None:
    async with serving() as served, served.socket(ready=False) as socket:
        transport = raw_end(socket)
        raw = frame(1, "ping")
        for head, part in ((b"\x01", raw[:5]), (b"\x00", raw[5:9]), (b"\x80", raw[9:])):
            transport.write(head + bytes([0x80 | len(part)]) + b"\0\0\0\0" + part)
        assert (await socket.receive())["result"] == {}


async def test_an_id_is_in_flight_once() -> None:
    async with serving() as served, served.socket() as socket:
        await socket.call(1, "act", gate="a")
        await socket.call(1, "echo", text="again")
        refused = await socket.receive()
        assert (refused["id"], refused["error"]["code"]) == (None, codes.INVALID_REQUEST)
        assert refused["error"]["message"] == "the request id 1 is already in flight in this session"
        await soon(served.tools.begun["a"].wait())
        await socket.call("1", "echo", text="another id")
        assert (await socket.receive())["id"] == "1"
        served.tools.gates["a"].set()
        assert text_of(await socket.receive()) == "a"
        await alive(socket)
        await socket.call(1, "echo", text="used again")
        assert text_of(await socket.receive()) == "used again"


async def test_a_cancelled_request_is_stopped_and_not_answered() -> None:
    async with serving() as served, served.socket() as socket:
        await socket.call(1, "act", gate="a")
        await soon(served.tools.begun["a"].wait())
        await socket.send(frame(None, "notifications/cancelled", {"requestId": 1, "reason": "enough"}))
        await soon(served.tools.stopped["a"].wait())
        await alive(socket)
        (end,) = served.recorded(RequestCancelled)
        assert (end.origin.request, end.reason) == (1, "the client cancelled it")


async def test_a_cancellation_of_nothing_is_ignored() -> None:
    async with serving() as served, served.socket() as socket:
        await socket.send(frame(None, "notifications/cancelled", {"requestId": "none"}))
        await alive(socket)
        assert served.recorded(RequestCancelled) == []


async def test_when_the_connection_is_lost_its_calls_are_stopped() -> None:
    async with serving() as served:
        async with served.socket() as socket:
            for gate in ("a", "b"):
                await socket.call(gate, "act", gate=gate)
                await soon(served.tools.begun[gate].wait())
            raw_end(socket).abort()
        for gate in ("a", "b"):
            await soon(served.tools.stopped[gate].wait())
        ends = await served.until(RequestCancelled, 2)
        assert [(end.origin.request, end.reason) for end in ends] == [
            ("a", "the session closed"),
            ("b", "the session closed"),
        ]
        assert served.app.gate.in_flight == 0
        assert not served.app.gate.sessions


async def test_a_window_of_unanswered_requests_stops_the_reading() -> None:
    async with serving(connection_window=2) as served, served.socket() as socket, served.socket() as other:
        for gate in "abcde":
            await socket.call(gate, "act", gate=gate)
        await soon(served.tools.begun["b"].wait())
        for _ in range(20):
            await alive(other)  # the others are served meanwhile
        assert served.tools.done == ["a", "b"]
        assert len(served.recorded(RequestReceived)) == 2 + 2 + 20
        for gate in "abcde":
            served.tools.gates[gate].set()
        assert sorted([text_of(await socket.receive()) for _ in "abcde"]) == list("abcde")


async def test_a_peer_that_leaves_while_it_is_not_read_is_noticed() -> None:
    async with serving(connection_window=1) as served:
        async with served.socket() as socket:
            await socket.call(1, "act", gate="a")
            await socket.call(2, "act", gate="b")
            await soon(served.tools.begun["a"].wait())
            raw_end(socket).abort()
        await soon(served.tools.stopped["a"].wait())
        assert served.tools.done == ["a"]


async def test_a_full_server_sheds_load_and_says_when_to_try_again() -> None:
    async with serving(server_window=2) as served, served.socket() as one, served.socket() as other:
        for socket, gate in ((one, "a"), (other, "b")):
            await socket.call(1, "act", gate=gate)
            await soon(served.tools.begun[gate].wait())
        for socket in (one, other):
            shed = await socket.ask(2, "ping")
            assert shed["error"] == {
                "code": codes.OVERLOADED,
                "message": "the server is full: try again in 1 s",
                "data": {"inFlight": 2, "retryAfter": 1.0},
            }
        served.tools.gates["a"].set()
        assert text_of(await one.receive()) == "a"
        await alive(other)


async def test_the_parts_of_a_result_come_before_it() -> None:
    async with serving() as served, served.socket() as socket:
        await socket.call(1, "report", {"progressToken": "p"}, gate="a")
        assert (await socket.receive())["params"] == {
            "progressToken": "p",
            "progress": 1.0,
            "total": 2.0,
            "message": "half",
        }
        served.tools.gates["a"].set()
        assert text_of(await socket.receive()) == "a"
        assert served.recorded(ChunkEmitted) == []


async def test_requests_of_one_connection_are_carried_out_side_by_side() -> None:
    async with serving() as served, served.socket() as socket:
        await socket.call("slow", "act", gate="a")
        await socket.call("quick", "echo", text="hi")
        assert (await socket.receive())["id"] == "quick"
        served.tools.gates["a"].set()
        assert (await socket.receive())["id"] == "slow"


async def test_a_peer_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.websocket.MOST_WAITING", 256 * 1024)
    async with serving(connection_window=1000) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await soon(reader.readuntil(b"\r\n\r\n"))
        for number in range(100):
            params = {"name": "big", "arguments": {"size": 1024 * 1024}, "_meta": MODERN_META}
            raw = frame(number, "tools/call", params)
            writer.write(b"\x81\xfe" + len(raw).to_bytes(2) + b"\0\0\0\0" + raw)
        (closed,) = await served.until(SessionClosed)
        assert closed.reason == "the peer did not read"
        writer.transport.abort()


async def test_large_answers_come_whole_and_in_order() -> None:
    async with serving() as served, served.socket() as socket:
        sizes = [1_000_000, 1, 300_000, 60_000, 2, 2_000_000] * 3
        for number, size in enumerate(sizes):
            await socket.call(number, "big", size=size)
        answers = [await socket.receive() for _ in sizes]
        assert sorted(answer["id"] for answer in answers) == list(range(len(sizes)))
        assert all(len(text_of(answer)) == sizes[answer["id"]] for answer in answers)
        await alive(socket)


async def test_an_unused_connection_is_closed() -> None:
    async with serving(session_idle=0.2) as served, served.socket() as socket:
        end = await soon(socket.ws.receive())
        assert (end.type, socket.ws.close_code) == (WSMsgType.CLOSE, 1001)
        (closed,) = await served.until(SessionClosed)
        assert closed.reason == "nobody used it"


async def test_a_connection_that_waits_for_an_answer_is_in_use() -> None:
    async with serving(session_idle=0.2) as served, served.socket() as socket:
        await socket.call(1, "act", gate="a")
        await soon(served.tools.begun["a"].wait())
        await asyncio.sleep(1.3)  # a sweep passes each second
        served.tools.gates["a"].set()
        assert text_of(await socket.receive()) == "a"


async def test_pages_of_other_origins_get_no_connection() -> None:
    async with serving() as served:
        for headers, status in (({"Origin": "http://evil.example"}, 403), ({"Host": "evil.example"}, 421)):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with served.socket(ready=False, headers=headers):
                    pass
            assert refused.value.status == status
        assert served.events == []


async def test_a_stop_tells_the_peer() -> None:
    async with serving() as served, served.socket() as socket:
        await socket.call(1, "act", gate="a")
        await soon(served.tools.begun["a"].wait())
        stopping = asyncio.create_task(served.app.drain())
        answer = await socket.receive()
        assert (answer["id"], answer["error"]["code"]) == (1, codes.ABORTED)
        end = await soon(socket.ws.receive())
        assert (end.type, end.data, end.extra) == (WSMsgType.CLOSE, 1001, "the server stopped")
        await soon(stopping)


async def test_what_comes_while_the_server_stops_is_refused() -> None:
    async with serving(drain_timeout=LONG) as served, served.socket() as socket:
        await socket.call(1, "act", gate="a")
        await soon(served.tools.begun["a"].wait())
        stopping = asyncio.create_task(served.app.drain())
        await asyncio.sleep(0)
        assert (await socket.ask(2, "ping"))["error"]["code"] == codes.OVERLOADED
        served.tools.gates["a"].set()
        assert text_of(await socket.receive()) == "a"
        await soon(stopping)


def recorded_methods(served: Served) -> list[str]:
    return [fact.message.method for fact in served.recorded(RequestReceived)]


async def test_every_message_is_recorded_as_it_came() -> None:
    raw = b'{ "jsonrpc":"2.0", "method":"ping","id":1,"params":{"b":1.0,"a":12345678901234567890123} }'
    async with serving() as served, served.socket(ready=False) as socket:
        await socket.send(raw)
        assert json.loads(await soon(socket.ws.receive_str()))["result"] == {}
        assert [fact.message.raw for fact in served.recorded(RequestReceived)] == [raw]
        assert recorded_methods(served) == ["ping"]


async def test_who_follows_a_resource_is_told_of_its_changes_and_nobody_else_is() -> None:
    async with serving() as served, served.socket() as socket, served.socket() as other:
        for uri in ("notes://a", "notes://b"):
            assert (await socket.ask(uri, "resources/subscribe", {"uri": uri}))["result"] == {}
        served.app.gate.changed(lambda uri: uri == "notes://b")
        assert await socket.receive() == {
            "jsonrpc": "2.0",
            "method": "notifications/resources/updated",
            "params": {"uri": "notes://b"},
        }
        assert (await socket.ask(3, "resources/unsubscribe", {"uri": "notes://b"}))["result"] == {}
        served.app.gate.changed(lambda _: True)
        assert (await socket.receive())["params"] == {"uri": "notes://a"}
        await alive(socket)
        await alive(other)
        assert [fact.uri for fact in served.recorded(ResourceChanged)] == ["notes://b", "notes://a"]
        assert all(verdict.holds for verdict in verify(served.log.reader().records()))
