import asyncio
import json
import logging
import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict

from events import codes
from events.decided import RequestCancelled
from events.observed import (
    CallerLeft,
    CallReturned,
    CancelReceived,
    MessageMalformed,
    NotificationReceived,
    RequestReceived,
    ResponseReceived,
    SessionClosed,
    SessionOpened,
)
from operators.policy import Limit
from operators.versions import LEGACY, META_CLIENT, MODERN
from tests.facts import MODERN_META, frame
from tests.pipeline.logs import HandWorkedLog
from tests.serving import (
    LONG,
    Reply,
    Served,
    call_params,
    handshake,
    serving,
    soon,
    stateless,
    text_of,
)

JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def streaming(served: Served, body: bytes, headers: dict[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
    """A response whose status has come."""
    async with served.client.post(f"{served.url}/mcp", data=body, headers={**JSON, **headers}) as response:
        yield response


# The stateless era


async def test_a_stateless_request_is_answered_with_json_and_no_session() -> None:
    async with serving() as served:
        reply = await served.modern(1, "tools/call", call_params("echo", text="hi"))
        assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
        assert "Mcp-Session-Id" not in reply.headers
        assert (text_of(reply.body), reply.body["id"], reply.body["result"]["resultType"]) == ("hi", 1, "complete")


async def test_a_stateless_request_minds_no_session_and_no_last_event() -> None:
    async with serving() as served:
        reply = await served.modern(1, "tools/list", Mcp_Session_Id="unknown", Last_Event_ID="7")
        assert reply.status == 200


async def test_discovery_and_refusals_name_the_same_versions() -> None:
    async with serving() as served:
        discovered = (await served.modern(1, "server/discover")).body["result"]["supportedVersions"]
        other = {"_meta": {"io.modelcontextprotocol/protocolVersion": "v999"}}
        refused = await served.modern(1, "tools/list", other, MCP_Protocol_Version="v999")
        assert (refused.status, refused.code) == (400, codes.UNSUPPORTED_VERSION)
        assert refused.body["error"]["data"] == {"supported": discovered, "requested": "v999"}
        assert discovered == list(MODERN)


@pytest.mark.parametrize(
    ("method", "params", "headers", "status", "code"),
    [
        ("no/such", {}, {}, 404, codes.METHOD_NOT_FOUND),
        ("ping", {}, {}, 404, codes.METHOD_NOT_FOUND),
        ("initialize", {}, {}, 404, codes.METHOD_NOT_FOUND),
        ("tools/call", {"name": "none"}, {}, 400, codes.INVALID_PARAMS),
        ("prompts/get", {"name": "none"}, {}, 400, codes.INVALID_PARAMS),
        ("resources/read", {"uri": "no:thing"}, {}, 400, codes.INVALID_PARAMS),
        ("tools/list", {"cursor": "bad"}, {}, 400, codes.INVALID_PARAMS),
        ("tools/list", {"_meta": {"io.modelcontextprotocol/logLevel": "loud"}}, {}, 400, codes.INVALID_PARAMS),
        ("tools/list", {"_meta": {"io.modelcontextprotocol/clientCapabilities": 1}}, {}, 400, codes.INVALID_PARAMS),
        ("tools/list", {}, {"Mcp_Method": None}, 400, codes.HEADER_MISMATCH),
        ("tools/list", {}, {"Mcp_Method": "tools/call"}, 400, codes.HEADER_MISMATCH),
        ("tools/list", {}, {"MCP_Protocol_Version": "2027-01-01"}, 400, codes.HEADER_MISMATCH),
        ("tools/list", {}, {"MCP_Protocol_Version": None}, 400, codes.HEADER_MISMATCH),
        ("tools/call", {"name": "echo"}, {"Mcp_Name": "big"}, 400, codes.HEADER_MISMATCH),
        ("tools/call", {"name": "echo"}, {"Mcp_Name": None}, 400, codes.HEADER_MISMATCH),
    ],
)
async def test_an_error_has_the_status_of_its_code(
    method: str, params: dict[str, Any], headers: dict[str, str | None], status: int, code: int
) -> None:
    async with serving() as served:
        reply = await served.modern("x", method, params, **headers)
        assert (reply.status, reply.code, reply.body["id"]) == (status, code, "x")


async def test_a_header_of_bytes_that_are_no_text_is_a_mismatch() -> None:
    """Bytes that are not UTF-8 cannot be stored, and must not keep anything else from being stored."""
    async with serving() as served:
        body, headers = stateless(1, "tools/call", call_params("echo", text="hi"))
        lines = b"".join(
            b"%b: %b\r\n" % (k.encode(), v.encode()) for k, v in {**JSON, **headers}.items() if k != "Mcp-Name"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Name: \xff\xfe\r\nContent-Length: %d\r\n%b\r\n"
        writer.write(head % (len(body), lines) + body)
        assert (await soon(reader.readline())).startswith(b"HTTP/1.1 400 ")
        writer.close()
        (fact,) = await served.until(RequestReceived)
        assert fact.headers.name == "\ufffd\ufffd"


async def test_a_header_that_was_sent_twice_is_a_mismatch_whichever_comes_first() -> None:
    """What stands between client and server may go by the other one."""
    async with serving() as served:
        body, headers = stateless(1, "tools/call", call_params("echo", text="hi"))
        del headers["Mcp-Name"]
        for names in (("echo", "big"), ("big", "echo")):
            twice = CIMultiDict({**JSON, **headers}.items())
            twice.extend([("Mcp-Name", name) for name in names])
            async with served.request("POST", "/mcp", data=body, headers=twice) as response:
                assert response.status == 400
                assert (await response.json())["error"]["code"] == codes.HEADER_MISMATCH
        assert served.tools.done == []


async def test_a_tools_own_error_is_a_result() -> None:
    async with serving() as served:
        reply = await served.modern(1, "tools/call", call_params("fail", text="no luck"))
        assert (reply.status, reply.body["result"]["isError"]) == (200, True)
        assert re.fullmatch("internal error [0-9a-f]{16}", text_of(reply.body))


async def test_a_request_that_reports_progress_is_answered_with_a_stream() -> None:
    async with serving() as served:
        body, headers = stateless(1, "tools/call", call_params("report", {"progressToken": "p"}, gate="a"))
        async with streaming(served, body, headers) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "text/event-stream"
            assert response.headers["X-Accel-Buffering"] == "no"
            first = await soon(response.content.readuntil(b"\n\n"))
            assert first.startswith(b"event: message\ndata: ")
            assert json.loads(first[len(b"event: message\ndata: ") :])["params"]["progressToken"] == "p"
            served.tools.gates["a"].set()
            rest = Reply(200, {}, (await soon(response.content.read())).decode())
            (answer,) = rest.messages
            assert (text_of(answer), answer["id"]) == ("a", 1)


async def test_a_request_that_reports_to_nobody_is_answered_with_json() -> None:
    async with serving() as served:
        served.tools.gates["a"].set()
        reply = await served.modern(1, "tools/call", call_params("report", gate="a"))
        assert reply.headers["Content-Type"] == "application/json"


async def test_a_silent_stream_is_kept_open_with_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.streamable_http.KEEP_ALIVE", 0.1, raising=False)
    monkeypatch.setattr("adapters.http_exchange.KEEP_ALIVE", 0.1, raising=False)
    async with serving() as served:
        body, headers = stateless(1, "tools/call", call_params("report", {"progressToken": "p"}, gate="a"))
        async with streaming(served, body, headers) as response:
            await soon(response.content.readuntil(b"\n\n"))
            assert await soon(response.content.readuntil(b"\n\n")) == b":\n\n"
            served.tools.gates["a"].set()
            assert b'"id":1' in await soon(response.content.read())


async def test_closing_the_stream_of_a_stateless_request_cancels_it() -> None:
    async with serving() as served:
        body, headers = stateless(1, "tools/call", call_params("report", {"progressToken": "p"}, gate="a"))
        async with streaming(served, body, headers) as response:
            await soon(response.content.readuntil(b"\n\n"))
            response.close()
        await soon(served.tools.stopped["a"].wait())
        (end,) = await served.until(RequestCancelled)
        assert end.origin.request == 1
        assert served.app.gate.in_flight == 0


async def test_a_client_that_leaves_is_no_error_of_ours(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(*_: object) -> None:
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    async with serving() as served:
        body, headers = stateless(1, "tools/call", call_params("report", {"progressToken": "p"}, gate="a"))
        monkeypatch.setattr("aiohttp.web.StreamResponse.write", write)
        with pytest.raises(aiohttp.ClientError):
            async with streaming(served, body, headers) as response:
                await soon(response.content.read())
        await soon(served.tools.stopped["a"].wait())
        (end,) = await served.until(RequestCancelled)
        assert end.origin.request == 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_leaving_a_stateless_request_before_its_status_cancels_it() -> None:
    async with serving() as served:
        waiting = asyncio.create_task(served.modern(1, "tools/call", call_params("act", gate="a")))
        await soon(served.tools.begun["a"].wait())
        waiting.cancel()
        await soon(served.tools.stopped["a"].wait())
        await served.until(RequestCancelled)
        assert served.app.gate.in_flight == 0


async def test_a_cancellation_by_notification_is_taken_in_and_changes_nothing() -> None:
    """A stateless notification belongs to no request: over HTTP the way to cancel is to close the stream."""
    async with serving() as served:
        headers = {"MCP-Protocol-Version": MODERN[0]}
        reply = await served.post(frame(None, "notifications/cancelled", {"requestId": 1}), headers)
        assert (reply.status, reply.text) == (202, "")


async def test_two_clients_on_one_connection_are_two_sessions() -> None:
    async with serving() as served:
        for name in ("one", "two", "one"):
            meta = {META_CLIENT: {"name": name, "version": "1"}}
            assert (await served.modern(1, "tools/list", {"_meta": meta})).status == 200
        assert len(served.recorded(SessionOpened)) == 2


async def test_a_trace_is_one_session_over_many_connections() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    async with serving() as served:
        for parent in ("b7ad6b7169203331", "b7ad6b7169203332"):
            async with aiohttp.ClientSession() as client:
                other = Served(served.app, served.tools, served.log, served.port, client)
                meta = {"traceparent": f"00-{trace}-{parent}-01"}
                assert (await other.modern(1, "tools/list", {"_meta": meta})).status == 200
        (opened,) = served.recorded(SessionOpened)
        assert opened.trace == trace


@pytest.mark.parametrize("parent", ["", "00", "00-0-0-0", f"00-{'0' * 32}-1-01", f"00-{'G' * 32}-1-01", 7, None, ["x"]])
async def test_a_malformed_trace_fails_nothing(parent: object) -> None:
    async with serving() as served:
        assert (await served.modern(1, "tools/list", {"_meta": {"traceparent": parent}})).status == 200
        assert served.recorded(SessionOpened)[0].trace == ""


async def test_a_trace_in_a_message_that_nobody_can_read_fails_nothing() -> None:
    async with serving() as served:
        deep = b'{"jsonrpc":"2.0", "id":1,"method":"a","params":{"_meta":{"traceparent":%b}}}' % (
            b"[" * 990 + b"]" * 990
        )
        reply = await served.post(deep, {"MCP-Protocol-Version": MODERN[0]})
        assert (reply.status, reply.code) == (400, codes.PARSE_ERROR)


async def test_two_requests_of_one_trace_at_once_are_kept_apart() -> None:
    meta = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    async with serving() as served:
        first = asyncio.create_task(served.modern(1, "tools/call", call_params("act", meta, gate="a")))
        await soon(served.tools.begun["a"].wait())
        second = await served.modern(1, "tools/call", call_params("echo", meta, text="hi"))
        assert text_of(second.body) == "hi"
        served.tools.gates["a"].set()
        assert text_of((await soon(first)).body) == "a"


# The era with a handshake


@pytest.mark.parametrize("version", LEGACY)
async def test_a_session_begins_with_a_handshake_and_ends_when_the_client_says_so(version: str) -> None:
    async with serving() as served:
        headers = await served.initialize(version)
        token = headers["Mcp-Session-Id"]
        assert len(token) >= 22
        assert all(0x21 <= ord(character) <= 0x7E for character in token)
        reply = await served.post(frame(1, "tools/call", call_params("echo", text="hi")), headers)
        assert (reply.status, text_of(reply.body)) == (200, "hi")
        async with served.request("DELETE", "/mcp", headers=headers) as ended:
            assert ended.status == 204
        for _ in range(2):
            gone = await served.post(frame(2, "ping"), headers)
            assert (gone.status, gone.code) == (404, codes.INVALID_REQUEST)
            async with served.request("DELETE", "/mcp", headers=headers) as again:
                assert again.status == 404
        assert served.recorded(SessionClosed)[0].reason == "the client ended it"


async def test_a_session_goes_on_over_other_connections() -> None:
    async with serving() as served:
        headers = await served.initialize()
        async with aiohttp.ClientSession() as client:
            other = Served(served.app, served.tools, served.log, served.port, client)
            assert (await other.post(frame(1, "ping"), headers)).body["result"] == {}
        assert len(served.recorded(SessionOpened)) == 1


async def test_sessions_are_not_mixed_up_though_their_ids_are_alike() -> None:
    async with serving() as served:
        one, other = [await served.initialize() for _ in range(2)]
        waiting = [
            asyncio.create_task(served.post(frame(7, "tools/call", call_params("act", gate=gate)), headers))
            for gate, headers in (("a", one), ("b", other))
        ]
        for gate in ("b", "a"):
            await soon(served.tools.begun[gate].wait())
            served.tools.gates[gate].set()
        assert [text_of((await soon(each)).body) for each in waiting] == ["a", "b"]


async def test_an_error_in_a_session_is_read_from_the_body_of_a_200() -> None:
    async with serving() as served:
        headers = await served.initialize()
        for method, params, code in (
            ("no/such", None, codes.METHOD_NOT_FOUND),
            ("tools/call", {"name": "none"}, codes.INVALID_PARAMS),
            ("resources/read", {"uri": "no:thing"}, codes.RESOURCE_NOT_FOUND),
        ):
            reply = await served.post(frame(1, method, params), headers)
            assert (reply.status, reply.code) == (200, code)


@pytest.mark.parametrize("headers", [{}, {"MCP-Protocol-Version": LEGACY[0]}])
async def test_a_request_without_a_session_is_a_bad_request(headers: dict[str, str]) -> None:
    async with serving() as served:
        reply = await served.post(frame(1, "tools/list"), headers)
        assert (reply.status, reply.code) == (400, codes.INVALID_REQUEST)
        (closed,) = await served.until(SessionClosed)
        assert closed.reason == "it was never initialized"
        assert not served.app.gate.sessions


@pytest.mark.parametrize(
    "raw",
    [
        b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}',
        b'{"jsonrpc":"2.0","id":1,"result":{}}',
    ],
)
@pytest.mark.parametrize("headers", [{}, {"MCP-Protocol-Version": LEGACY[0]}])
async def test_what_belongs_to_a_session_and_names_none_is_a_bad_request(raw: bytes, headers: dict[str, str]) -> None:
    async with serving() as served:
        reply = await served.post(raw, headers)
        assert reply.status == 400
        assert "Mcp-Session-Id" in reply.text
        assert (
            served.recorded(NotificationReceived) + served.recorded(CancelReceived) + served.recorded(ResponseReceived)
        )


@pytest.mark.parametrize("headers", [{}, {"MCP-Protocol-Version": MODERN[0]}])
async def test_a_stateless_notification_needs_no_session(headers: dict[str, str]) -> None:
    async with serving() as served:
        params = {"_meta": {**MODERN_META, "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}}
        reply = await served.post(frame(None, "notifications/x", params), headers)
        assert (reply.status, reply.text) == (202, "")


async def test_a_handshake_that_fails_begins_no_session() -> None:
    async with serving() as served:
        reply = await served.post(frame(1, "initialize", {}))
        assert reply.code == codes.INVALID_PARAMS
        assert "Mcp-Session-Id" not in reply.headers
        assert not served.app.gate.sessions


async def test_a_session_is_initialized_once() -> None:
    async with serving() as served:
        headers = await served.initialize()
        again = await served.post(handshake(9), headers)
        assert again.code == codes.INVALID_REQUEST
        assert "Mcp-Session-Id" not in again.headers


async def test_a_legacy_request_reports_progress_on_its_own_stream() -> None:
    async with serving() as served:
        headers = await served.initialize()
        served.tools.gates["a"].set()
        reply = await served.post(
            frame(1, "tools/call", call_params("report", {"progressToken": 7}, gate="a")), headers
        )
        told, answer = reply.messages
        assert (told["params"]["progressToken"], text_of(answer)) == (7, "a")


async def test_a_lost_connection_cancels_no_legacy_request() -> None:
    async with serving() as served:
        headers = await served.initialize()
        raw = frame(1, "tools/call", call_params("act", gate="a"))
        waiting = asyncio.create_task(served.post(raw, headers))
        await soon(served.tools.begun["a"].wait())
        waiting.cancel()
        assert (await served.post(frame(2, "ping"), headers)).status == 200
        served.tools.gates["a"].set()
        await served.until(CallReturned, 2)
        assert served.recorded(CallerLeft) == []
        assert not served.tools.stopped["a"].is_set()


async def test_a_legacy_request_is_cancelled_by_notification() -> None:
    async with serving() as served:
        headers = await served.initialize()
        raw = frame(1, "tools/call", call_params("act", gate="a"))
        waiting = asyncio.create_task(served.post(raw, headers))
        await soon(served.tools.begun["a"].wait())
        reply = await served.post(frame(None, "notifications/cancelled", {"requestId": 1}), headers)
        assert reply.status == 202
        await soon(served.tools.stopped["a"].wait())
        assert ((await soon(waiting)).status, (await soon(waiting)).text) == (202, "")


async def test_an_id_is_in_flight_once_in_a_session() -> None:
    async with serving() as served:
        headers = await served.initialize()
        raw = frame(1, "tools/call", call_params("act", gate="a"))
        waiting = asyncio.create_task(served.post(raw, headers))
        await soon(served.tools.begun["a"].wait())
        refused = await served.post(raw, headers)
        assert (refused.status, refused.code, refused.body["id"]) == (400, codes.INVALID_REQUEST, None)
        served.tools.gates["a"].set()
        assert text_of((await soon(waiting)).body) == "a"
        assert served.tools.done == ["a"]


async def test_notifications_and_responses_are_accepted_once_they_are_recorded() -> None:
    async with serving() as served:
        headers = await served.initialize()
        for raw in (b'{"jsonrpc":"2.0","method":"notifications/x"}', b'{"jsonrpc":"2.0","id":1,"result":{}}'):
            reply = await served.post(raw, headers)
            assert (reply.status, reply.text) == (202, "")
        assert len(served.recorded(NotificationReceived)) == 2
        assert len(served.recorded(ResponseReceived)) == 1


async def test_an_unused_session_is_closed() -> None:
    async with serving(session_idle=0.2) as served:
        headers = await served.initialize()
        (closed,) = await served.until(SessionClosed)
        assert closed.reason == "nobody used it"
        assert (await served.post(frame(1, "ping"), headers)).status == 404


async def test_a_session_that_waits_for_an_answer_is_in_use() -> None:
    async with serving(session_idle=0.2) as served:
        headers = await served.initialize()
        raw = frame(1, "tools/call", call_params("act", gate="a"))
        waiting = asyncio.create_task(served.post(raw, headers))
        await soon(served.tools.begun["a"].wait())
        await asyncio.sleep(1.3)  # a sweep passes each second
        served.tools.gates["a"].set()
        assert text_of((await soon(waiting)).body) == "a"


# What comes over HTTP at all


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", codes.PARSE_ERROR),
        (b"{", codes.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', codes.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":NaN}}', codes.PARSE_ERROR),
        (b"[" * 100_000, codes.PARSE_ERROR),
        (b"9" * 10_000_000, codes.INVALID_REQUEST),
        (b"[]", codes.INVALID_REQUEST),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', codes.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', codes.INVALID_REQUEST),
    ],
)
@pytest.mark.parametrize("era", ["none", "legacy", "modern"])
async def test_what_is_no_message_is_a_bad_request(raw: bytes, code: int, era: str) -> None:
    async with serving() as served:
        headers = {"modern": {"MCP-Protocol-Version": MODERN[0]}}.get(era, {})
        if era == "legacy":
            headers = await served.initialize()
        reply = await served.post(raw, headers)
        assert (reply.status, reply.code, reply.body["id"]) == (400, code, None)
        assert [fact.length for fact in served.recorded(MessageMalformed)] == [len(raw)]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"jsonrpc":"2.0","result":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":1,"error":{}}',
        b'{"jsonrpc":"2.0","method":"notifications/x","params":[]}',
    ],
)
@pytest.mark.parametrize("headers", [{}, {"MCP-Protocol-Version": MODERN[0]}])
async def test_a_malformed_answer_or_notification_is_a_bad_request_too(raw: bytes, headers: dict[str, str]) -> None:
    async with serving() as served:
        reply = await served.post(raw, headers)
        assert reply.status == 400
        (found,) = served.recorded(MessageMalformed)
        assert reply.text == found.problem + "\n"


@pytest.mark.parametrize("headers", [{}, {"MCP-Protocol-Version": MODERN[0]}])
@pytest.mark.parametrize("raw", [b"{", frame(1, "tools/list"), frame(None, "notifications/x", {"_meta": MODERN_META})])
async def test_what_cannot_be_recorded_any_more_is_told_so_whatever_it_is(raw: bytes, headers: dict[str, str]) -> None:
    log = HandWorkedLog()
    async with serving(log, server_window=0) as served:
        waiting = asyncio.create_task(served.post(raw, headers))
        while not log.appended:  # noqa: ASYNC110 - the log has no event of its own
            await asyncio.sleep(0.005)
        log.fail("the disk is full")
        reply = await soon(waiting)
        assert reply.status == (503 if headers or b"notifications" in raw else 200)
        assert b"notifications" in raw or reply.code == codes.LOG_FAILED


@pytest.mark.parametrize("raw", [frame(1, "tools/list"), frame(None, "notifications/x"), b"{"])
async def test_a_session_that_cannot_be_recorded_is_gone_for_its_client(
    raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_steps: object) -> bytes:
        raise OverflowError

    async with serving() as served:
        headers = await served.initialize()
        with monkeypatch.context() as patched:
            patched.setattr("pipeline.journal.pack", broken)
            reply = await served.post(raw, headers)
        assert reply.status == 503 if b"notifications" in raw else reply.code == codes.LOG_FAILED
        assert (await served.post(raw, headers)).status == 404
        await served.initialize()


async def test_a_body_that_is_longer_than_anyone_reads_is_refused() -> None:
    async with serving() as served:
        reply = await served.post(b" " * (17 * 1024 * 1024))
        assert (reply.status, reply.code) == (413, codes.INVALID_REQUEST)
        assert (await served.modern(1, "tools/list")).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 400),
        ({"Accept": "application/json"}, 406),
        ({"Accept": "text/event-stream"}, 406),
        ({"Accept": "text/html"}, 406),
        ({"Accept": "*/*"}, 400),
        ({"Accept": "text/event-stream;q=0.5, application/json"}, 400),
    ],
)
async def test_what_is_sent_and_what_is_wanted_is_json(headers: dict[str, str], status: int) -> None:
    async with serving() as served:
        assert (await served.post(b"{}", headers)).status == status


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "HEAD", "OPTIONS", "DELETE"])
async def test_messages_are_posted(method: str) -> None:
    async with serving() as served, served.request(method, "/mcp", headers=JSON) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_a_full_server_sheds_load_and_says_when_to_try_again() -> None:
    async with serving(server_window=1) as served:
        waiting = asyncio.create_task(served.modern(1, "tools/call", call_params("act", gate="a")))
        await soon(served.tools.begun["a"].wait())
        shed = await served.modern(2, "tools/list")
        assert (shed.status, shed.code, shed.headers["Retry-After"]) == (503, codes.OVERLOADED, "1")
        assert shed.body["error"]["data"] == {"inFlight": 1, "retryAfter": 1.0}
        served.tools.gates["a"].set()
        assert text_of((await soon(waiting)).body) == "a"
        assert (await served.modern(3, "tools/list")).status == 200


async def test_a_used_up_limit_says_when_to_try_again() -> None:
    limit = Limit("calls", "server", requests=1, window=9.3)
    async with serving(limits=(limit,)) as served:
        replies = [await served.modern(1, "tools/call", call_params("echo", text="hi")) for _ in range(2)]
        assert [reply.status for reply in replies] == [200, 429]
        assert replies[1].code == codes.RATE_LIMITED
        late = replies[1].body["error"]["data"]["retryAfter"]
        assert replies[1].headers["Retry-After"] == str(math.ceil(late))  # whole seconds, and none too few
        assert late > 0
        assert replies[1].body["error"]["data"]["limit"] == "calls"
        assert served.tools.done == ["hi"]


async def test_strangers_are_turned_away_where_they_are_not_served() -> None:
    async with serving(anonymous=False) as served:
        reply = await served.modern(1, "tools/list")
        assert (reply.status, reply.code) == (403, codes.UNAUTHORIZED)


async def test_one_finds_what_many_ask_for_and_the_others_get_it_from_the_cache() -> None:
    async with serving() as served:
        params = call_params("shared", text="once")
        replies = await asyncio.gather(*(served.modern(number, "tools/call", params) for number in range(10)))
        assert [text_of(reply.body) for reply in replies] == ["once"] * 10
        assert [reply.body["id"] for reply in replies] == list(range(10))
        assert served.tools.done == ["once"]


async def test_a_call_that_takes_too_long_is_stopped() -> None:
    async with serving(call_timeout=0.2) as served:
        reply = await served.modern(1, "tools/call", call_params("act", gate="a"))
        assert (reply.status, reply.code) == (504, codes.TIMED_OUT)
        await soon(served.tools.stopped["a"].wait())


async def test_a_session_that_the_server_ended_is_gone_for_its_client() -> None:
    async with serving(drain_timeout=LONG) as served:
        headers = await served.initialize()
        assert (await served.modern(1, "tools/list")).status == 200
        await soon(served.app.drain())
        for sent in (headers, {"MCP-Protocol-Version": MODERN[0]}):
            body = frame(2, "tools/list", {"_meta": MODERN_META})
            assert (await served.post(body, {**sent, "Mcp-Method": "tools/list"})).status in (404, 503)


async def test_resources_can_be_followed_in_a_session_over_http() -> None:
    async with serving() as served:
        headers = await served.initialize()
        reply = await served.post(frame(1, "resources/subscribe", {"uri": "notes://a"}), headers)
        assert (reply.status, reply.body["result"]) == (200, {})
        assert (await served.modern(2, "resources/subscribe", {"uri": "notes://a"})).code == codes.METHOD_NOT_FOUND
