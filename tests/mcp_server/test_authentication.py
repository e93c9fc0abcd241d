"""A real server, and callers who show something, nothing, or something wrong."""

import asyncio
import json
import logging
import subprocess
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import msgspec
import pytest
from prometheus_client import generate_latest
from pydantic import SecretStr

from adapters.api_keys import append, new_key
from adapters.memory_log import MemoryLog
from adapters.websocket import EXPIRED
from events.observed import GrantReplaced, RequestReceived, SessionClosed, SessionOpened
from mcp_server.authentication import authenticator, mint
from mcp_server.config import Settings, SettingsError, load_settings
from operators.access import AccessRule
from replay.replay import verify
from tests.adapters.issuer import AUDIENCE, SECRET, issuing, jwk, own, token
from tests.docs.terminal import environment
from tests.facts import frame
from tests.serving import Served, call_params, handshake, serving, soon, text_of

METADATA = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
KEY = SecretStr(SECRET.decode())


def bearer(shown: str) -> dict[str, Any]:
    return {"Authorization": f"Bearer {shown}"}


@asynccontextmanager
async def guarded(log: MemoryLog | None = None, **settings: Any) -> AsyncIterator[Served]:
    """A server that takes tokens signed with its own key."""
    given = {"anonymous": False, "jwt_secret_key": KEY, "auth_audience": AUDIENCE, **settings}
    async with serving(log, **given) as served:
        yield served


async def status(served: Served, method: str, path: str, **options: Any) -> int:
    async with served.request(method, path, **options) as response:
        return int(response.status)


async def until(served: Served, expected: int, shown: dict[str, Any]) -> None:
    """Ask until the answer has that status."""
    async with asyncio.timeout(10):
        while (await served.modern(2, "tools/list", **shown)).status != expected:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.05)


# Before anything else


async def test_who_shows_a_token_is_served_and_known() -> None:
    async with guarded() as served:
        reply = await served.modern(1, "tools/call", call_params("echo", text="hi"), **bearer(own(sub="ada")))
        assert (reply.status, text_of(reply.body)) == (200, "hi")
        (opened,) = served.recorded(SessionOpened)
        assert (opened.principal, opened.scopes, opened.groups) == ("ada", ("read", "write"), ())


async def test_who_shows_nothing_is_asked_for_a_token_and_told_where_to_get_one() -> None:
    async with guarded(auth_scopes=("mcp",)) as served:
        reply = await served.modern(1, "tools/list")
        assert (reply.status, served.events) == (401, [])
        assert reply.headers["WWW-Authenticate"] == f'Bearer resource_metadata="{METADATA}", scope="mcp"'


@pytest.mark.parametrize(
    "shown",
    [
        *("Bearer", "Bearer ", "Bearer x", "bearer a.b.c", "Basic dXNlcjpwYXNz", "x", "Token x", "Bearer mrk_0_0"),
        "Bearer \u00fc",
    ],
)
@pytest.mark.parametrize("anonymous", [False, True])
async def test_who_shows_something_wrong_is_turned_away_also_where_nothing_would_do(
    shown: str, *, anonymous: bool
) -> None:
    async with guarded(anonymous=anonymous) as served:
        reply = await served.modern(1, "tools/list", Authorization=shown)
        assert (reply.status, served.events) == (401, [])
        told = f'Bearer error="invalid_token", resource_metadata="{METADATA}"'
        assert reply.headers["WWW-Authenticate"] == told


async def test_two_tokens_are_one_too_many() -> None:
    async with guarded() as served:
        headers = [("Authorization", f"Bearer {own()}"), ("Authorization", f"Bearer {own(sub='eve')}")]
        assert await status(served, "GET", "/mcp", headers=headers) == 401
        assert await status(served, "GET", "/mcp", headers=headers[:1]) == 405


PATHS = ("/mcp", "/ws", "/metrics", "/nothing", "/", "/health/", "/mcp/", "/admin", "/admin/nothing", "/HEALTH")


async def test_every_path_but_health_and_the_metadata_asks_first() -> None:
    async with guarded() as served:
        for path in PATHS:
            for method in ("GET", "POST", "DELETE", "PUT", "OPTIONS", "HEAD", "PATCH"):
                assert await status(served, method, path) == 401, (method, path)
        for path in ("/health", "/health/live", "/health/ready"):
            assert await status(served, "GET", path) == 200
        assert await status(served, "GET", "/metrics", headers=bearer(own())) == 200
        assert await status(served, "GET", "/nothing", headers=bearer(own())) == 404
        assert await status(served, "GET", "/mcp", headers=bearer(own())) == 405
        assert served.events == []


async def test_admin_has_a_rule_of_its_own() -> None:
    async with guarded(admin_token=SecretStr("0123456789abcdef")) as served:
        assert await status(served, "GET", "/admin/requests", headers=bearer("0123456789abcdef")) == 200
        assert await status(served, "GET", "/admin/requests", headers=bearer(own())) == 401
        assert await status(served, "GET", "/mcp", headers=bearer("0123456789abcdef")) == 401
    async with guarded() as served:
        assert await status(served, "GET", "/admin/requests") == 200  # from this machine


async def test_a_token_in_the_url_is_refused_even_if_it_is_right() -> None:
    async with guarded() as served:
        for name in ("access_token", "token", "api_key"):
            for headers in ({}, bearer(own())):
                path = f"/mcp?{name}={own()}"
                async with served.request("POST", path, headers=headers, data=b"{}") as response:
                    assert response.status == 400
                    assert 'error="invalid_request"' in response.headers["WWW-Authenticate"]
        assert await status(served, "GET", "/mcp?other=1", headers=bearer(own())) == 405
        assert served.events == []


@pytest.mark.parametrize("path", ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"])
async def test_the_metadata_says_where_tokens_come_from(path: str) -> None:
    rules = (AccessRule(needs_scope="files:write files:read"), AccessRule(needs_scope="mcp"))
    settings: dict[str, Any] = {"auth_issuer": "https://issuer.example", "auth_scopes": ("mcp",), "access": rules}
    async with guarded(**settings) as served:
        async with served.request("GET", path) as response:
            assert (response.status, response.content_type) == (200, "application/json")
            assert await response.json() == {
                "resource": AUDIENCE,
                "authorization_servers": ["https://issuer.example"],
                "scopes_supported": ["mcp", "files:write", "files:read"],
                "bearer_methods_supported": ["header"],
            }
        assert await status(served, "POST", path) == 405


async def test_a_server_under_a_longer_path_has_its_metadata_there_too() -> None:
    async with guarded(auth_audience="https://example.org/tools/mcp") as served:
        assert await status(served, "GET", "/.well-known/oauth-protected-resource/tools/mcp") == 200
        reply = await served.modern(1, "tools/list")
        url = "https://example.org/.well-known/oauth-protected-resource/tools/mcp"
        assert f'resource_metadata="{url}"' in reply.headers["WWW-Authenticate"]


async def test_without_authentication_there_is_no_metadata_and_nobody_is_asked() -> None:
    async with serving() as served:
        assert await status(served, "GET", "/.well-known/oauth-protected-resource") == 404
        reply = await served.modern(1, "tools/list", Authorization="Bearer whatever")
        assert reply.status == 200


async def test_where_tokens_are_optional_who_shows_none_is_anonymous() -> None:
    async with guarded(anonymous=True) as served:
        assert (await served.modern(1, "tools/list")).status == 200
        assert (await served.modern(2, "tools/list", **bearer(own(sub="ada")))).status == 200
        assert [opened.principal for opened in served.recorded(SessionOpened)] == ["anonymous", "ada"]


async def test_a_scope_that_everybody_needs_is_asked_for() -> None:
    async with guarded(auth_scopes=("mcp", "read")) as served:
        reply = await served.modern(1, "tools/list", **bearer(own(scope="read")))
        assert (reply.status, served.events) == (403, [])
        told = f'Bearer error="insufficient_scope", resource_metadata="{METADATA}", scope="mcp read"'
        assert reply.headers["WWW-Authenticate"] == told
        assert (await served.modern(1, "tools/list", **bearer(own(scope="read mcp")))).status == 200


async def test_what_has_expired_is_not_taken_from_memory(tmp_path: Path) -> None:
    now = time.time()
    key, entry = new_key("ci", expires=now + 30)
    append(tmp_path / "keys", entry)
    async with guarded(api_keys_file=str(tmp_path / "keys")) as served:
        assert served.app.door is not None
        said = []
        for seconds in (0, 29, 31, 0):
            served.app.door._now = lambda at=now + seconds: at  # type: ignore[misc]  # at this moment
            said.append((await served.modern(1, "tools/list", **bearer(key))).status)
        assert said == [200, 200, 401, 200]


async def test_what_was_shown_is_in_no_event_no_answer_no_figure_and_no_log_line(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    key, entry = new_key("ci")
    append(tmp_path / "keys", entry)
    canary = "canary" * 8
    log = MemoryLog()
    wrong = jwt.encode({"sub": canary, "aud": AUDIENCE, "exp": 2**40, "iss": "mcp-rewind"}, "w" * 32, "HS256")
    said = []
    async with guarded(log, api_keys_file=str(tmp_path / "keys")) as served:
        for shown in (own(), key, wrong, canary, f"mrk_{canary}", key[:-1] + "!"):
            reply = await served.modern(1, "tools/list", **bearer(shown))
            said.append((reply.status, shown))
            assert shown not in reply.text + str(reply.headers)
        assert await status(served, "GET", f"/mcp?access_token={canary}") == 400
        figures = generate_latest(served.app.operations.registry).decode()
        assert "mcp_authentication_failures 5.0" in figures
    assert [each for each, _ in said] == [200, 200, 401, 401, 401, 401]
    kept = "".join(str(vars(record)) for record in caplog.records) + figures
    kept += "".join(record.state.decode("latin-1") for record in log.reader().records())
    assert "not let in" in kept  # a control: the lines are looked at
    assert "tools/list" in kept
    for _, shown in said:
        assert shown not in kept
        assert shown.rpartition(".")[2] not in kept
    assert canary not in kept


async def test_many_refusals_are_one_line_a_second(caplog: pytest.LogCaptureFixture) -> None:
    async with guarded() as served:
        for number in range(20):
            await served.modern(number, "tools/list", **bearer("x"))
        assert served.app.door is not None
        assert served.app.door.refused == 20
    lines = [record for record in caplog.records if record.message == "not let in"]
    assert 1 <= len(lines) < 10


# Issuers and keys


async def test_an_issuers_tokens_are_taken_and_its_new_keys_too() -> None:
    async with issuing(jwk("RS256")) as issuer, guarded(auth_issuer=issuer.url, jwt_secret_key=None) as served:
        assert served.app.door is not None
        keys = served.app.door._tokens._keys  # type: ignore[union-attr]  # there are tokens
        keys._pause = 0.0  # type: ignore[union-attr]  # and keys
        shown = bearer(token("RS256", iss=issuer.url))
        assert (await served.modern(1, "tools/list", **shown)).status == 200
        later = bearer(token("ES256", 1, iss=issuer.url))
        assert (await served.modern(1, "tools/list", **later)).status == 401
        issuer.keys.append(jwk("ES256", 1))
        assert (await served.modern(1, "tools/list", **later)).status == 200
        asked = len(issuer.asked)
        for number in range(20):
            assert (await served.modern(number, "tools/list", **later)).status == 200
        assert len(issuer.asked) == asked
        assert (await served.modern(1, "tools/list", **bearer(own()))).status == 401


async def test_while_an_issuer_cannot_be_asked_callers_are_told_to_try_again() -> None:
    async with issuing() as issuer, guarded(auth_issuer=issuer.url) as served:
        issuer.broken = True
        reply = await served.modern(1, "tools/list", **bearer(token(iss=issuer.url)))
        assert (reply.status, reply.headers["Retry-After"]) == (503, "30")
        assert (await served.modern(1, "tools/list", **bearer(own()))).status == 200


async def test_a_key_is_taken_from_the_moment_when_it_is_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    async with guarded(jwt_secret_key=None, api_keys_file=str(file)) as served:
        key, entry = new_key("ci", ("read",), ("bots",))
        assert (await served.modern(1, "tools/list", **bearer(key))).status == 401
        append(file, entry)
        await until(served, 200, bearer(key))
        (opened,) = served.recorded(SessionOpened)
        assert (opened.principal, opened.scopes, opened.groups) == ("key:ci", ("read",), ("bots",))
        file.write_text("")
        await until(served, 401, bearer(key))


# Sessions


async def test_a_session_is_its_callers_and_for_others_there_is_none() -> None:
    async with guarded() as served:
        ada, eve = bearer(own(sub="ada")), bearer(own(sub="eve"))
        begun = await served.post(json.loads(handshake(0)), ada)
        named = {"Mcp-Session-Id": begun.headers["Mcp-Session-Id"], "MCP-Protocol-Version": "2025-11-25"}
        unknown = {**named, "Mcp-Session-Id": "x" * 32}
        assert (await served.post(frame(1, "tools/list"), {**named, **ada})).status == 200
        foreign = await served.post(frame(2, "tools/list"), {**named, **eve})
        nowhere = await served.post(frame(2, "tools/list"), {**unknown, **eve})
        assert (foreign.status, foreign.text) == (nowhere.status, nowhere.text)
        assert foreign.status == 404
        other_app = bearer(own(sub="ada", client_id="another"))
        assert (await served.post(frame(3, "tools/list"), {**named, **other_app})).status == 404
        for headers, expected in (({**named, **eve}, 404), ({**unknown, **eve}, 404), ({**named, **ada}, 204)):
            assert await status(served, "DELETE", "/mcp", headers=headers) == expected
        assert (await served.post(frame(4, "tools/list"), {**named, **ada})).status == 404
        assert (await served.post(frame(5, "tools/list"), named)).status == 401


async def test_another_token_of_the_same_caller_is_a_fact_before_what_it_is_shown_for() -> None:
    log = MemoryLog()
    async with guarded(log) as served:
        less, more = bearer(own(scope="read")), bearer(own(scope="read write", groups=["ops"]))
        begun = await served.post(json.loads(handshake(0)), less)
        named = {"Mcp-Session-Id": begun.headers["Mcp-Session-Id"], "MCP-Protocol-Version": "2025-11-25"}
        for number, shown in ((1, less), (2, more), (3, more), (4, bearer(own(scope="read"))), (5, less)):
            assert (await served.post(frame(number, "tools/list"), {**named, **shown})).status == 200
        kinds = (GrantReplaced, RequestReceived)
        facts = [event for event in served.events if type(event) in kinds]
        told = [(e.scopes, e.groups) if isinstance(e, GrantReplaced) else e.origin.request for e in facts]
        assert told == [0, 1, (("read", "write"), ("ops",)), 2, 3, (("read",), ()), 4, 5]
    assert all(verdict.holds for verdict in verify(log.reader().records()))


async def test_callers_on_one_connection_are_told_apart() -> None:
    async with guarded() as served:
        shown = [
            bearer(own(sub=sub, **({"client_id": app} if app else {}))) for sub in "ab" for app in ("", "one", "two")
        ]
        trace = {"_meta": {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}}
        for params, sessions in ((None, 6), (trace, 12)):
            for _ in range(2):
                for number, headers in enumerate(shown):
                    assert (await served.modern(number, "tools/list", params, **headers)).status == 200
            assert len(served.recorded(SessionOpened)) == sessions
        opened = {event.origin.session: event.principal for event in served.recorded(SessionOpened)}
        asked: dict[str, int] = {}
        for event in served.recorded(RequestReceived):
            owner = opened[event.origin.session]
            asked[owner] = asked.get(owner, 0) + 1
            assert ("a" if event.origin.request < 3 else "b") == owner
        assert asked == {"a": 12, "b": 12}


async def test_too_many_callers_on_one_connection_still_share_no_session() -> None:
    async with guarded() as served:
        for number in range(70):
            reply = await served.modern(number, "tools/list", **bearer(own(sub=f"caller {number}")))
            assert reply.status == 200
        opened = {event.origin.session: event.principal for event in served.recorded(SessionOpened)}
        for event in served.recorded(RequestReceived):
            assert opened[event.origin.session] == f"caller {event.origin.request}"
        assert len(served.recorded(SessionClosed)) >= 70 - 64


# Websockets


async def test_a_websocket_shows_its_token_at_the_upgrade() -> None:
    async with guarded() as served:
        for headers in ({}, bearer("x"), bearer(own(aud="https://other.example"))):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with served.socket(headers=headers):
                    raise AssertionError("it was let in")
            assert refused.value.status == 401
            assert "WWW-Authenticate" in (refused.value.headers or {})
        async with served.socket(headers=bearer(own(sub="ada"))) as socket:
            await socket.call(1, "echo", text="hi")
            assert text_of(await socket.receive()) == "hi"
        (opened,) = served.recorded(SessionOpened)
        assert (opened.transport, opened.principal) == ("websocket", "ada")


async def test_a_websocket_ends_when_its_token_does() -> None:
    async with guarded() as served:
        shown = bearer(own(exp=time.time() + 3))
        async with served.socket(headers=shown) as socket:
            answer = await socket.ask(1, "ping")
            assert "result" in answer
            message = await soon(socket.ws.receive())
            assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 1008, EXPIRED)
        (closed,) = await served.until(SessionClosed)
        assert closed.reason == EXPIRED


async def test_what_comes_over_a_websocket_after_its_token_has_expired_is_not_taken_in() -> None:
    async with guarded() as served:
        async with served.socket(headers=bearer(own(exp=time.time() + 600))) as socket:
            await socket.ask(1, "ping")
            served.app.gate.clock = lambda: time.time() + 601
            await socket.call(2, "echo", text="too late")
            message = await soon(socket.ws.receive())
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1008)
        assert served.tools.done == []
        assert [event.origin.request for event in served.recorded(RequestReceived)] == [0, 1]


# Settings


@pytest.mark.parametrize(
    ("given", "anonymous"),
    [
        ({}, True),
        ({"anonymous": False}, False),
        ({"jwt_secret_key": "k" * 32}, False),
        ({"jwt_secret_key": "k" * 32, "anonymous": True}, True),
        ({"api_keys_file": "keys"}, False),
        ({"auth_issuer": "https://a.example"}, False),
        ({"jwt_secret_key": "k" * 32, "transport_type": "stdio"}, True),
        ({"jwt_secret_key": "k" * 32, "transport_type": "stdio", "anonymous": False}, False),
    ],
    ids=str,
)
def test_where_callers_can_show_who_they_are_they_must_unless_told_otherwise(
    tmp_path: Path, given: dict[str, Any], *, anonymous: bool
) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(given))
    assert load_settings(file, {}, {}).anonymous is anonymous


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"auth_issuer": "https://a.example"}, "auth_issuer needs auth_audience"),
        ({"auth_jwks_url": "https://a.example"}, "auth_jwks_url needs auth_issuer"),
        ({"auth_issuer": "http://a.example", "auth_audience": AUDIENCE}, "auth_issuer: .* only https is fetched"),
        ({"auth_issuer": "a.example", "auth_audience": AUDIENCE}, "auth_issuer: .* no http or https URL"),
        ({"jwt_secret_key": KEY, "auth_audience": "mcp"}, "auth_audience must be a http or https URI"),
        ({"jwt_secret_key": KEY, "auth_audience": f"{AUDIENCE}#a"}, "auth_audience must be a http or https URI"),
        ({"api_keys_file": "/dev/null/keys"}, "api_keys_file: /dev/null/keys cannot be read"),
    ],
    ids=lambda each: str(each)[:50],
)
def test_a_server_that_could_not_tell_who_calls_does_not_start(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        authenticator(Settings(**given), 8080, time.time)
    assert authenticator(Settings(jwt_secret_key=KEY, auth_audience=AUDIENCE), 8080, time.time) is not None
    assert authenticator(Settings(), 8080, time.time) is None


async def test_a_key_that_is_too_short_lets_nobody_in(capsys: pytest.CaptureFixture[str]) -> None:
    for key in ("your-secure-secret-key", "k" * 31):
        async with guarded(jwt_secret_key=SecretStr(key)) as served:
            assert (await served.modern(1, "tools/list", **bearer(_short(key)))).status == 401
            assert (await served.modern(1, "tools/list")).status == 401
            assert await status(served, "GET", "/health/live") == 200
    async with guarded(jwt_secret_key=SecretStr("k" * 32)) as served:
        assert (await served.modern(1, "tools/list", **bearer(_short("k" * 32)))).status == 200
    assert "jwt_secret_key has 31 bytes, and a key has at least 32" in capsys.readouterr().out


def _short(key: str) -> str:
    """A token signed with a key however short it is, which PyJWT warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode({"sub": "a", "aud": AUDIENCE, "exp": 2**33, "iss": "mcp-rewind"}, key, "HS256")


def test_what_is_wrong_is_told_in_one_line_before_any_file_is_made(tmp_path: Path) -> None:
    done = subprocess.run(
        ["mcp-rewind", "serve", "--port", "0"],
        cwd=tmp_path,
        env={**environment(), "MCP_AUTH_ISSUER": "https://issuer.example"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "auth_issuer needs auth_audience" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("host", "resource"),
    [
        ("127.0.0.1", "http://127.0.0.1:9000/mcp"),
        ("::1", "http://[::1]:9000/mcp"),
        ("0.0.0.0", "http://localhost:9000/mcp"),
        ("", "http://localhost:9000/mcp"),
    ],
)
def test_a_server_that_was_told_no_name_is_called_by_its_address(host: str, resource: str) -> None:
    found = authenticator(Settings(host=host, jwt_secret_key=KEY), 9000, time.time)
    assert found is not None
    assert found.resource == resource


async def test_a_token_that_the_server_makes_is_one_that_it_takes() -> None:
    async with guarded(auth_audience="") as served:
        made = mint(served.app.settings, served.port, {"sub": "ada", "exp": int(time.time()) + 60})
        assert (await served.modern(1, "tools/list", **bearer(made))).status == 200
        elsewhere = mint(served.app.settings, served.port + 1, {"sub": "ada", "exp": int(time.time()) + 60})
        assert (await served.modern(1, "tools/list", **bearer(elsewhere))).status == 401


async def test_callers_of_a_server_that_reloads_are_asked_by_its_new_settings() -> None:
    async with guarded() as served:
        now = served.app.settings
        assert (await served.modern(1, "tools/list")).status == 401
        served.app.reload(msgspec.structs.replace(now, anonymous=True))
        assert (await served.modern(2, "tools/list")).status == 200
        served.app.reload(msgspec.structs.replace(now, auth_scopes=("mcp",)))
        assert (await served.modern(3, "tools/list")).status == 401
        assert (await served.modern(4, "tools/list", **bearer(own()))).status == 403
        assert (await served.modern(5, "tools/list", **bearer(own(scope="mcp")))).status == 200
