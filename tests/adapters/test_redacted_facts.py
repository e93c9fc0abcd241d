"""Facts lose their secrets before anybody else sees them; who needs one still has it."""

import base64
import json
import random
from typing import Any

import orjson
import pytest

from adapters.redacted_facts import RedactedFacts, ToolSecrets, Withheld, as_it_came, secrets_in
from adapters.redaction import Redactor
from adapters.secret_names import SecretNames
from adapters.tags import TAG, Tags
from events import codes
from events.event import Observed
from events.jsonrpc import decode
from events.message import Message
from events.observed import (
    CallFailed,
    CallReturned,
    CallYielded,
    CancelReceived,
    Headers,
    MessageLogged,
    MessageMalformed,
    NotificationReceived,
    ProgressReported,
    RequestReceived,
    ResponseReceived,
)
from events.told import original
from tests.adapters.secrets import encoded, tokens
from tests.facts import SESSION, frame, message, origin

KEY = b"k" * 32
TOOLS = ToolSecrets({"vault": frozenset({"note"})}, {"vault": frozenset({"found"})})
FACTS = RedactedFacts(Redactor(KEY, SecretNames()), TOOLS)
TOKEN = "ghp_" + "aB3d" * 9


def tag(secret: str) -> str:
    return Tags(KEY).of(secret.encode()).decode()


def came(raw: bytes, headers: Headers | None = None) -> Any:
    return FACTS.incoming(decode(raw, SESSION, 1.0, headers))


def called(name: str, **arguments: Any) -> Any:
    return came(frame(1, "tools/call", {"name": name, "arguments": arguments}))


def reported(fact: Observed, asked: Message | None = None) -> Any:
    return FACTS.reported(fact, asked or message(1, "tools/call", {"name": "echo"}))


def test_a_message_without_secrets_is_the_fact_that_it_was() -> None:
    fact = decode(frame(1, "tools/call", {"name": "echo", "arguments": {"max_tokens": 1}}), SESSION, 1.0)
    assert isinstance(fact, RequestReceived)
    assert FACTS.incoming(fact) is fact
    assert as_it_came(fact.message) is fact.message
    assert secrets_in(fact.message) == frozenset()


def test_the_chain_sees_the_tag_and_the_call_the_secret() -> None:
    fact = called("echo", password="hunter2", n=1.0)
    assert isinstance(fact, RequestReceived)
    assert fact.message.params["arguments"] == {"password": tag("hunter2"), "n": 1.0}
    assert as_it_came(fact.message).params["arguments"] == {"password": "hunter2", "n": 1.0}
    assert secrets_in(fact.message) == {b"hunter2"}
    assert fact.origin == origin(1, 1.0)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'{"jsonrpc":"2.0","method":"x","params":{"token":"hunter2"}}', NotificationReceived),
        (b'{"jsonrpc":"2.0","id":1,"result":{"password":"hunter2"}}', ResponseReceived),
        (
            b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"token=hunter2"}}',
            CancelReceived,
        ),
    ],
)
def test_every_kind_of_message_is_gone_through(raw: bytes, kind: type[Any]) -> None:
    fact: Any = came(raw)
    assert isinstance(fact, kind)
    assert fact.message.raw == raw.replace(b"hunter2", tag("hunter2").encode())
    assert as_it_came(fact.message).raw == raw


def test_what_a_tools_schema_says_counts_in_its_own_arguments() -> None:
    assert called("vault", note="x").message.params["arguments"] == {"note": tag("x")}
    assert called("echo", note="x").message.params["arguments"] == {"note": "x"}
    inner = {"method": "tools/call", "params": {"name": "vault", "arguments": {"note": "x"}}}
    batch = came(frame(1, "batch", {"id": "b", "requests": [inner]}))
    assert batch.message.params["requests"][0]["params"]["arguments"] == {"note": tag("x")}


def test_what_a_call_reports_is_told_as_it_was_and_stored_without_secrets() -> None:
    asked = called("vault", note="zebra").message
    result = {"content": [{"type": "text", "text": '{"found":"gold"}'}], "structuredContent": {"found": "gold", "a": 1}}
    facts = [
        CallReturned(origin(1), orjson.dumps(result), detail="no zebra"),
        CallYielded(origin(1), b'{"type":"text","text":"a zebra"}'),
        MessageLogged(origin(1), "info", "of zebra", b'"zebra"'),
        ProgressReported(origin(1), 1.0, None, "a zebra"),
        CallFailed(origin(1), 1, "no zebra", {"about": "zebra"}, "a zebra"),
    ]
    returned, yielded, logged, progress, failed = (reported(fact, asked) for fact in facts)
    stored = orjson.loads(bytes(returned.payload))
    assert stored["structuredContent"] == {"found": tag("gold"), "a": 1}
    assert json.loads(stored["content"][0]["text"]) == {"found": tag("gold")}
    assert original(returned.payload) == orjson.dumps(result)
    assert returned.detail == f"no {tag('zebra')}"
    assert (yielded.payload, original(yielded.payload)) == (
        b'{"type":"text","text":"a %b"}' % tag("zebra").encode(),
        b'{"type":"text","text":"a zebra"}',
    )
    assert (logged.logger, original(logged.logger), original(logged.payload)) == (
        f"of {tag('zebra')}",
        "of zebra",
        b'"zebra"',
    )
    assert (progress.message, original(progress.message)) == (f"a {tag('zebra')}", "a zebra")
    assert (failed.message, failed.data, failed.detail) == (
        f"no {tag('zebra')}",
        {"about": tag("zebra")},
        f"a {tag('zebra')}",
    )
    assert (original(failed.message), original(failed.data)) == ("no zebra", {"about": "zebra"})
    assert all(reported(fact) is fact for fact in facts[1:])  # a call that was not told it cannot know


def test_schemas_in_lists_are_no_secrets() -> None:
    schema = {"type": "object", "properties": {"password": {"type": "string", "title": "Password: say it"}}}
    listed = CallReturned(origin(1), orjson.dumps({"tools": [{"inputSchema": schema, "description": TOKEN}]}))
    stored = orjson.loads(bytes(reported(listed, message(1, "tools/list")).payload))
    assert stored == {"tools": [{"inputSchema": schema, "description": tag(TOKEN)}]}


def test_headers_are_redacted_as_the_body_is_so_that_they_still_agree() -> None:
    for name in (TOKEN, f"ü {TOKEN}"):
        header = name if name.isascii() else f"=?base64?{base64.b64encode(name.encode()).decode()}?="
        fact = came(frame(1, "tools/call", {"name": name}), Headers("2026-07-28", "tools/call", header))
        assert TOKEN not in str(fact.headers)
        plain = fact.headers.name
        if plain.startswith("=?base64?"):
            plain = base64.b64decode(plain[9:-2]).decode()
        assert plain == fact.message.name == name.replace(TOKEN, tag(TOKEN))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"password": "hunter2"',
        f"hello {TOKEN}".encode(),
        b"\xff" + TOKEN.encode(),
        f'{{"api_key":"{TOKEN}"}}'.encode("utf-16-le"),
        b'{"%b":1,"%b":2}' % (TOKEN.encode(), TOKEN.encode()),
        encoded(f'{{"password":"hunter2","user":"bob","text":"{TOKEN}"}}').encode(),
    ],
)
def test_of_malformed_bytes_with_a_secret_only_a_keyed_digest_is_kept(raw: bytes) -> None:
    before, fact = decode(raw, SESSION, 1.0), came(raw)
    assert isinstance(before, MessageMalformed)
    assert (fact.frame, fact.length, fact.code, len(fact.digest)) == (b"", len(raw), before.code, 32)
    assert fact.digest != before.digest
    assert TOKEN not in fact.problem
    assert came(raw) == fact


def test_malformed_bytes_without_a_secret_are_kept() -> None:
    fact = decode(b'{"jsonrpc": "2.0", "max_tokens"', SESSION, 1.0)
    assert FACTS.incoming(fact) is fact


def test_names_that_only_a_secret_tells_apart_make_a_message_malformed() -> None:
    """A tag that somebody made up and the tag of a secret: with both, the stored message could not be read again."""
    raw = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "x", "params": {TOKEN: 1, tag(TOKEN): 2}})
    fact = came(raw)
    assert (type(fact), fact.code, fact.answer, fact.frame) == (MessageMalformed, codes.INVALID_REQUEST, True, b"")


def test_a_bug_in_here_costs_the_message_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Redactor):
        def json(self, *_: Any, **__: Any) -> Any:
            raise ZeroDivisionError("hunter2")

    facts = RedactedFacts(Broken(KEY, SecretNames()))
    fact: Any = facts.incoming(decode(frame(1, "x", {"password": "hunter2"}), SESSION, 1.0))
    assert (fact.code, fact.problem, fact.answer, fact.frame) == (codes.INTERNAL_ERROR, "internal error", True, b"")
    asked = message(1, "tools/call", {"name": "echo"})
    result: Any = facts.reported(CallReturned(origin(1), b'{"password":"hunter2"}'), asked)
    assert result == CallFailed(origin(1), codes.INTERNAL_ERROR, "internal error")
    with pytest.raises(ZeroDivisionError):
        facts.reported(CallYielded(origin(1), b'{"password":"hunter2"}'), asked)
    assert [record.getMessage() for record in caplog.records] == [
        "a message could not be gone through",
        "a result could not be gone through",
    ]


def test_what_is_withheld_equals_what_a_log_has_of_it() -> None:
    fact = called("echo", password="hunter2")
    assert isinstance(fact.message, Withheld)
    assert fact.message == Message(fact.message.raw)
    assert len(TAG.findall(fact.message.raw)) == 1


def test_every_kind_of_token_is_withheld_from_an_argument() -> None:
    for secret in tokens(random.Random(3)).values():
        assert (
            called("echo", text=f"it is {secret} there").message.params["arguments"]["text"]
            == f"it is {tag(secret)} there"
        )
