import base64
from typing import Any

import pytest
from msgspec.structs import replace

from events import codes
from events.decided import RequestRejected, SessionAgreed
from events.event import Event
from events.observed import Headers
from operators.admit import admit
from operators.admitted import Admitted
from operators.methods import EXTENSIONS, LEGACY_METHODS, LOG_LEVELS, MODERN_METHODS
from operators.versions import LATEST_LEGACY, LEGACY, META_CAPABILITIES, META_LOG_LEVEL, META_VERSION, MODERN
from tests.facts import MODERN_META, OTHER, closed, modern, opened, origin, request
from tests.passing import through

NOW = MODERN[0]


def headers(method: str = "tools/call", name: str | None = "echo", version: str = NOW) -> Headers:
    return Headers(version, method, name)


def decision(*events: Event) -> Event:
    """What follows the last of ``events``."""
    return through(admit(), *events)[-1]


def rejection(*events: Event) -> tuple[int, str]:
    found = decision(*events)
    assert isinstance(found, RequestRejected)
    return found.code, found.message


def agreement(*events: Event) -> SessionAgreed:
    agreed, admitted = through(admit(), *events)[-2:]
    assert isinstance(agreed, SessionAgreed)
    assert isinstance(admitted, Admitted)
    assert admitted.version == agreed.version
    return agreed


def initialize(id: int = 1, **params: Any) -> Event:
    return request(id, "initialize", {"protocolVersion": LATEST_LEGACY, "capabilities": {}, **params})


def ready() -> list[Event]:
    return [initialize()]


def test_a_stateless_request_is_admitted_as_the_version_that_it_names() -> None:
    fact = modern(1, "tools/call", {"name": "echo"})
    assert through(admit(), fact) == [fact, Admitted(origin(1), fact.message, "tools/call", "echo", NOW)]


@pytest.mark.parametrize("method", sorted(MODERN_METHODS))
def test_every_stateless_method_is_known(method: str) -> None:
    assert isinstance(decision(modern(1, method)), Admitted)


@pytest.mark.parametrize(
    "method", ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "no/such", ""]
)
def test_what_the_stateless_era_has_no_more_is_unknown_there(method: str) -> None:
    assert rejection(modern(1, method)) == (codes.METHOD_NOT_FOUND, f"there is no method {method!r}")


@pytest.mark.parametrize(
    ("meta", "problem"),
    [
        ({META_CAPABILITIES: {}}, f"params._meta lacks {META_VERSION!r}"),
        ({META_VERSION: 20260728, META_CAPABILITIES: {}}, f"params._meta has the wrong type for {META_VERSION!r}"),
        ({META_VERSION: NOW}, f"params._meta lacks {META_CAPABILITIES!r}"),
        ({META_VERSION: NOW, META_CAPABILITIES: []}, f"params._meta has the wrong type for {META_CAPABILITIES!r}"),
        ({META_VERSION: NOW, META_CAPABILITIES: None}, f"params._meta has the wrong type for {META_CAPABILITIES!r}"),
    ],
)
def test_metadata_that_every_stateless_request_has_is_missed(meta: dict[str, Any], problem: str) -> None:
    assert rejection(modern(1, meta=meta, headers=headers())) == (codes.INVALID_PARAMS, problem)


def test_who_the_client_is_need_not_be_said() -> None:
    assert isinstance(decision(modern(1, meta=MODERN_META)), Admitted)


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (headers(version="v999"), f"the header MCP-Protocol-Version says 'v999' where the body says {NOW!r}"),
        (headers("Tools/Call"), "the header Mcp-Method says 'Tools/Call' where the body says 'tools/call'"),
        (Headers(NOW, None, "echo"), "the header Mcp-Method is missing"),
        (headers(name=None), "the header Mcp-Name is missing"),
        (headers(name="Echo"), "the header Mcp-Name does not name 'echo', as the body does"),
    ],
)
def test_headers_that_are_missing_or_say_something_else_than_the_body_are_told(sent: Headers, problem: str) -> None:
    assert rejection(modern(1, params={"name": "echo"}, headers=sent)) == (codes.HEADER_MISMATCH, problem)


def test_a_version_in_the_body_alone_needs_its_header() -> None:
    told = rejection(modern(1, params={"name": "echo"}, headers=Headers(None, "tools/call", "echo")))
    assert told == (codes.HEADER_MISMATCH, "the header MCP-Protocol-Version is missing")


@pytest.mark.parametrize("method", ["tools/list", "prompts/list", "server/discover", "completion/complete"])
def test_a_request_that_names_nothing_needs_no_name_header(method: str) -> None:
    assert isinstance(decision(modern(1, method, headers=headers(method, None))), Admitted)


def test_a_resource_is_named_by_its_uri() -> None:
    read = {"uri": "file:///a"}
    assert isinstance(
        decision(modern(1, "resources/read", read, headers=headers("resources/read", "file:///a"))), Admitted
    )
    code, _ = rejection(modern(1, "resources/read", read, headers=headers("resources/read", "file:///b")))
    assert code == codes.HEADER_MISMATCH


def test_a_resources_name_does_not_stand_for_its_uri() -> None:
    read = {"name": "file:///harmless", "uri": "file:///secret"}
    code, _ = rejection(modern(1, "resources/read", read, headers=headers("resources/read", "file:///harmless")))
    assert code == codes.HEADER_MISMATCH


def encoded(text: bytes) -> str:
    return f"=?base64?{base64.b64encode(text).decode()}?="


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("echo", encoded(b"echo")),
        ("größe", encoded("größe".encode())),
        (" padded ", encoded(b" padded ")),
        ("=?base64?ZWNobw==?=", encoded(b"=?base64?ZWNobw==?=")),
        ("=?base64?", "=?base64?"),  # the prefix alone is literal, and so is the suffix
        ("ZWNobw==?=", "ZWNobw==?="),
        ("=?BASE64?ZWNobw==?=", "=?BASE64?ZWNobw==?="),  # the marker is lower case
    ],
)
def test_a_name_may_be_sent_in_base64(name: str, header: str) -> None:
    assert isinstance(decision(modern(1, params={"name": name}, headers=headers(name=header))), Admitted)


@pytest.mark.parametrize(
    "header",
    [
        "=?base64?ZWNobw?=",  # no padding
        "=?base64?ZWNob*==?=",  # no such letter
        encoded(b"\xff\xfe"),  # no UTF-8
        "=?base64??=",  # empty
        encoded(b"other"),
    ],
)
def test_a_name_that_is_badly_encoded_names_nothing(header: str) -> None:
    code, _ = rejection(modern(1, params={"name": "echo"}, headers=headers(name=header)))
    assert code == codes.HEADER_MISMATCH


def test_an_unknown_version_is_told_which_there_are() -> None:
    meta = {**MODERN_META, META_VERSION: "2031-01-01"}
    found = decision(modern(1, params={"name": "echo"}, meta=meta, headers=headers(version="2031-01-01")))
    assert isinstance(found, RequestRejected)
    assert found.code == codes.UNSUPPORTED_VERSION
    assert found.message == "protocol version '2031-01-01' is not served"
    assert found.data == {"supported": list(MODERN), "requested": "2031-01-01"}


def test_the_first_thing_that_is_wrong_is_told_in_the_specifications_order() -> None:
    """Metadata, then headers, then the version, then the method, then the log level."""
    meta: dict[str, Any] = {META_LOG_LEVEL: "loud"}
    sent = Headers("2031-01-01", "no/such", None)

    def code() -> int:
        return rejection(modern(1, "no/such", meta=meta, headers=sent))[0]

    assert code() == codes.INVALID_PARAMS
    meta |= {META_VERSION: "2031-01-02", META_CAPABILITIES: {}}
    assert code() == codes.HEADER_MISMATCH
    meta[META_VERSION] = "2031-01-01"
    assert code() == codes.UNSUPPORTED_VERSION
    meta[META_VERSION], sent = NOW, Headers(NOW, "no/such", None)
    assert code() == codes.METHOD_NOT_FOUND
    told = rejection(modern(1, "tools/list", meta=meta, headers=Headers(NOW, "tools/list")))
    assert told == (codes.INVALID_PARAMS, f"the log level must be one of {', '.join(LOG_LEVELS)}")


@pytest.mark.parametrize("level", [None, 3, "INFO", ["info"], {}])
def test_a_log_level_that_does_not_exist_is_refused(level: object) -> None:
    code, _ = rejection(modern(1, "tools/list", meta={**MODERN_META, META_LOG_LEVEL: level}))
    assert code == codes.INVALID_PARAMS


@pytest.mark.parametrize("version", LEGACY)
def test_a_handshake_settles_on_the_version_that_was_asked_for(version: str) -> None:
    assert agreement(initialize(protocolVersion=version)).version == version


@pytest.mark.parametrize("version", [*MODERN, "2031-01-01", "", "1.0"])
def test_a_handshake_for_another_version_settles_on_the_newest_that_has_one(version: str) -> None:
    assert agreement(initialize(protocolVersion=version)).version == LATEST_LEGACY


@pytest.mark.parametrize(
    ("info", "client"),
    [
        ({"name": "inspector", "version": "2.1"}, "inspector 2.1"),
        ({"name": "inspector"}, "inspector"),
        ({"name": "x" * 100, "version": 3}, f"{'x' * 64} 3"),
        ("inspector", ""),
        (None, ""),
    ],
)
def test_a_handshake_notes_the_clients_software(info: object, client: str) -> None:
    assert agreement(initialize(clientInfo=info)).client == client


@pytest.mark.parametrize("version", [None, 20251125, ["2025-11-25"]])
def test_a_handshake_without_a_version_settles_nothing(version: object) -> None:
    bad = initialize(protocolVersion=version)
    assert rejection(bad) == (codes.INVALID_PARAMS, "params.protocolVersion must be a string")
    assert agreement(bad, initialize(2)).version == LATEST_LEGACY


def test_a_session_is_initialized_once() -> None:
    told = rejection(initialize(), initialize(2, protocolVersion=LEGACY[1]))
    assert told == (codes.INVALID_REQUEST, f"the session is initialized already, with version {LATEST_LEGACY}")


@pytest.mark.parametrize("method", sorted(LEGACY_METHODS - {"initialize", "ping"}))
def test_before_the_handshake_only_a_ping_is_answered(method: str) -> None:
    told = rejection(request(1, method))
    assert told == (codes.INVALID_REQUEST, "the session is not initialized: send initialize first")
    assert isinstance(decision(request(1, "ping")), Admitted)


@pytest.mark.parametrize("method", sorted(LEGACY_METHODS - {"initialize", "logging/setLevel"}))
def test_every_method_with_a_handshake_is_known_after_it(method: str) -> None:
    found = decision(initialize(protocolVersion=LEGACY[2]), request(2, method))
    assert isinstance(found, Admitted)
    assert (found.method, found.version) == (method, LEGACY[2])


@pytest.mark.parametrize("method", ["server/discover", "tasks/get", "tasks/list", "Ping", ""])
def test_a_method_of_the_other_era_is_unknown_after_a_handshake(method: str) -> None:
    assert rejection(*ready(), request(2, method)) == (codes.METHOD_NOT_FOUND, f"there is no method {method!r}")


def test_an_unknown_method_is_told_up_to_64_characters() -> None:
    assert rejection(*ready(), request(2, "m" * 1000))[1] == f"there is no method {'m' * 64!r}"


@pytest.mark.parametrize("level", LOG_LEVELS)
def test_a_session_may_set_each_log_level(level: str) -> None:
    assert isinstance(decision(*ready(), request(2, "logging/setLevel", {"level": level})), Admitted)


@pytest.mark.parametrize("params", [{"level": "loud"}, {"level": 1}, {}, None])
def test_a_session_may_set_no_other_log_level(params: dict[str, Any] | None) -> None:
    assert rejection(*ready(), request(2, "logging/setLevel", params))[0] == codes.INVALID_PARAMS


@pytest.mark.parametrize("version", LEGACY)
def test_a_legacy_version_header_makes_a_request_legacy_whatever_its_metadata(version: str) -> None:
    told = rejection(modern(1, "tools/list", headers=Headers(version)))
    assert told == (codes.INVALID_REQUEST, "the session is not initialized: send initialize first")


@pytest.mark.parametrize("version", ["v999", "", NOW])
def test_any_other_version_header_makes_a_request_stateless(version: str) -> None:
    assert rejection(request(1, "initialize", headers=Headers(version)))[0] == codes.INVALID_PARAMS


def test_a_session_may_use_both_eras_at_once() -> None:
    out = through(admit(), *ready(), modern(2), request(3, "ping"))
    assert [event.version for event in out if isinstance(event, Admitted)] == [LATEST_LEGACY, NOW, LATEST_LEGACY]


def test_a_handshake_is_the_sessions_own_and_ends_with_it() -> None:
    code, _ = rejection(*ready(), request(1, "tools/list", session=OTHER))
    assert code == codes.INVALID_REQUEST
    code, _ = rejection(*ready(), closed(), request(2, "tools/list"))
    assert code == codes.INVALID_REQUEST


def test_what_is_no_request_passes() -> None:
    assert through(admit(), closed()) == [closed()]


@pytest.mark.parametrize("method", sorted(EXTENSIONS))
def test_an_extension_is_known_in_both_eras_where_the_policy_says_so(method: str) -> None:
    for facts in ([modern(1, method)], [*ready(), request(2, method)]):
        assert isinstance(through(admit(EXTENSIONS), *facts)[-1], Admitted)
        assert rejection(*facts)[0] == codes.METHOD_NOT_FOUND


def batch(version: str) -> Event:
    return replace(opened(), transport="batch", parent=OTHER, version=version)


@pytest.mark.parametrize("version", [NOW, LATEST_LEGACY])
def test_what_is_in_a_batch_follows_the_version_of_the_batch(version: str) -> None:
    item = request(1, "tools/call", {"name": "echo"})
    assert decision(batch(version), item) == Admitted(origin(1), item.message, "tools/call", "echo", version)


@pytest.mark.parametrize("method", ["batch", "stream/start", "initialize", "logging/setLevel"])
def test_what_cannot_be_in_a_batch_is_told(method: str) -> None:
    out = through(admit(EXTENSIONS), batch(LATEST_LEGACY), request(1, method, {"level": "info"}))
    rejected = out[-1]
    assert isinstance(rejected, RequestRejected)
    assert rejected.message == f"{method} cannot be part of a batch: send it by itself"


@pytest.mark.parametrize(("version", "method"), [(NOW, "ping"), (LATEST_LEGACY, "server/discover"), (NOW, "batches")])
def test_a_batch_knows_the_methods_of_its_era(version: str, method: str) -> None:
    assert rejection(batch(version), request(1, method))[0] == codes.METHOD_NOT_FOUND
