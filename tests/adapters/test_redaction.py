"""Secrets give way, each to its tag; nothing else changes."""

import base64
import json
import random
import time
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.redaction import Redactor
from adapters.redaction_work import LONGEST_TEXT, MOST
from adapters.secret_names import SecretNames
from adapters.tags import TAG, Tags
from tests.adapters.secrets import canary, encoded, tokens

KEY = b"k" * 32
REDACTOR = Redactor(KEY, SecretNames())
CHANCE = random.Random(7)
TOKENS = tokens(CHANCE)


def tag(secret: str) -> str:
    return Tags(KEY).of(secret.encode()).decode()


def text(given: str, *known: str) -> str:
    return REDACTOR.text(given.encode(), frozenset(each.encode() for each in known)).decode()


def json_of(value: Any, *known: str, **options: Any) -> Any:
    found = REDACTOR.json(orjson.dumps(value), known=frozenset(each.encode() for each in known), **options)
    return orjson.loads(found.raw)


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("around", ["{}", "the token {} is wrong", "a\n{}\nb", "x={}&y=1", "({})", "'{}',", "/{}/"])
def test_every_kind_is_known_by_its_look_wherever_it_stands(kind: str, around: str) -> None:
    secret = TOKENS[kind]
    assert REDACTOR.may_hold(around.format(secret).encode())
    assert REDACTOR.may_hold(orjson.dumps(around.format(secret)))
    assert text(around.format(secret)) == around.format(tag(secret))
    assert json_of({"text": around.format(secret)}) == {"text": around.format(tag(secret))}


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("before", ["", "x", "xy", "xyz "])
def test_every_kind_is_known_in_base64_wherever_it_begins(kind: str, before: str) -> None:
    plain = encoded(f"{before} {TOKENS[kind]} and more")
    assert text(f"see {plain} there") in (f"see {tag(TOKENS[kind])}{end} there" for end in ("", "=", "=="))
    assert TOKENS[kind] not in text(encoded(encoded(f"{TOKENS[kind]} and more")))
    assert tag(TOKENS[kind]) in text(encoded(encoded(f"{TOKENS[kind]} and more")))


@pytest.mark.parametrize(
    ("given", "secret"),
    [
        ("login failed: password=hunter2, try again", "hunter2"),
        ('{"user": "bob", "password": "hunter two"} was refused', "hunter two"),
        ("error at {'api_key': 'abc-123'}", "abc-123"),
        ("Authorization: Bearer abcdef.1234-xyz", "abcdef.1234-xyz"),
        ("called with a bearer token: 12345", "12345"),
        ("bearer a1b2c3d4e5", "a1b2c3d4e5"),
        (f"Authorization: Basic {encoded('bob:hunter2')}", encoded("bob:hunter2")),
        (f"sent Basic {encoded('bob:hunter2')} to it", encoded("bob:hunter2")),
        ("GET /x?token=abc123&x=1", "abc123"),
        ("Cookie: a=b; c=d", "a=b; c=d"),
        ("set-cookie: sid=1; Path=/", "sid=1; Path=/"),
        ("postgresql://bob:hunter2@db.example.org:5432/x", "hunter2"),
        ("https://:hunter2@example.org", "hunter2"),
        (r'the body was "{\"client_secret\":\"abc\"}"', "abc"),
        ("API key: abc", "abc"),
        ("my secret is here, secret => abc", "abc"),
    ],
)
def test_secrets_are_known_by_their_names_and_forms_in_texts(given: str, secret: str) -> None:
    assert REDACTOR.may_hold(given.encode())
    assert text(given) == given.replace(secret, tag(secret))


@pytest.mark.parametrize(
    "given",
    [
        "max_tokens=12 and token_count: 7",
        "the password is required; password: required",
        "a basic understanding of bearer certificates",
        "https://example.org:8080/path@2",
        "see task-list-for-the-whole-team-2026 and disk-usage-of-all-machines-1",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "mail bob@example.org about io.modelcontextprotocol/protocolVersion",
        encoded("a text without anything of the kind in it, of some length"),
    ],
)
def test_what_only_looks_like_a_secret_stays(given: str) -> None:
    assert text(given) == given


def test_members_are_known_by_their_names_at_any_depth_whatever_they_hold() -> None:
    given = {"a": [{"password": "x"}], "credentials": {"user": "bob", "more": [1, True, None, "y"]}, "pin": 1234}
    assert json_of(given) == {
        "a": [{"password": tag("x")}],
        "credentials": {"user": tag("bob"), "more": [tag("1"), True, None, tag("y")]},
        "pin": tag("1234"),
    }


def test_names_may_be_written_with_escapes() -> None:
    found = REDACTOR.json(rb'{"\u0070assword":"x","a":"ghp\u005f' + b"a1" * 18 + b'"}').raw
    assert orjson.loads(found) == {"password": tag("x"), "a": tag("ghp_" + "a1" * 18)}
    assert REDACTOR.may_hold(rb'{"\u0070assword":"x"}')


def test_json_in_texts_in_json_is_read_as_json() -> None:
    inner = {"ok": 1.0, "deep": json.dumps({"password": "x", "n": 1})}
    found = json_of({"text": json.dumps(inner)})
    deep = json.loads(json.loads(found["text"])["deep"])
    assert deep == {"password": tag("x"), "n": 1}
    assert '"ok": 1.0' in found["text"]


def test_the_scheme_stays_before_what_it_is_for() -> None:
    assert json_of({"Authorization": "Bearer abc"}) == {"Authorization": f"Bearer {tag('abc')}"}


def test_a_known_secret_is_found_wherever_it_stands() -> None:
    secret = canary(CHANCE)
    given = {"echo": secret, "say": f"no {secret}!", "b": encoded(f"it is {secret}"), secret: 1, "n": [4321, 43210]}
    found = json_of(given, secret, "4321")
    assert found == {
        "echo": tag(secret),
        "say": f"no {tag(secret)}!",
        "b": found["b"],
        tag(secret): 1,
        "n": [tag("4321"), 43210],
    }
    assert found["b"].startswith(tag(secret))


def test_a_short_secret_is_known_only_where_it_is_all_there_is() -> None:
    assert json_of({"a": "abc", "b": "abcdef", "n": 12}, "abc", "12") == {"a": tag("abc"), "b": "abcdef", "n": 12}


def test_what_a_schema_calls_a_secret_counts_below_its_place_alone() -> None:
    given = {"text": "a", "arguments": {"text": "b", "other": {"text": ["c"]}}, "after": {"text": "d"}}
    found = json_of(given, names=frozenset({"text"}), within="arguments")
    assert found == {
        "text": "a",
        "arguments": {"text": tag("b"), "other": {"text": [tag("c")]}},
        "after": {"text": "d"},
    }


def test_the_same_secret_has_the_same_tag_and_with_another_key_another() -> None:
    token = TOKENS["github"]
    found = json_of({"password": token, "say": f"it is {token}", "b": encoded(f"{token} "), "h": f"Bearer {token}"})
    assert [TAG.findall(orjson.dumps(value)) for value in found.values()] == [[tag(token).encode()]] * 4
    assert Redactor(b"o" * 32, SecretNames()).text(token.encode()) not in (token.encode(), tag(token).encode())
    assert REDACTOR.tags(token.encode()) == [tag(token).encode()]


def test_what_gave_way_is_told_and_counted_by_kind() -> None:
    counted: list[str] = []
    redactor = Redactor(KEY, SecretNames(), counted.append)
    found = redactor.json(orjson.dumps({"password": "x", "say": TOKENS["aws"], "plain": 1}))
    assert found.secrets == {b"x", TOKENS["aws"].encode()}
    assert counted == ["name", "aws"]


def test_a_text_with_very_many_secrets_or_a_very_long_one_gives_way_as_a_whole() -> None:
    many = "password=a1;" * (MOST + 1)
    long = "x" * LONGEST_TEXT + " password=a1"
    assert (text(many), text(long)) == (tag(many), tag(long))
    assert text("x" * (LONGEST_TEXT + 1)) == "x" * (LONGEST_TEXT + 1)


TEXTS = st.text(max_size=20) | st.sampled_from(
    [*TOKENS.values(), "password=abc", "Bearer abcdef123", "{}", '{"pin":1}']
)
KEYS = st.text(max_size=8) | st.sampled_from(["password", "api_key", "tokens", TOKENS["aws"], "text"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def _same(before: Any, after: Any) -> bool:
    if isinstance(after, str) and TAG.search(after.encode()):
        return isinstance(before, str | tuple)
    if isinstance(before, list):
        return isinstance(after, list) and len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, tuple) and before[:1] != ("number",):
        return isinstance(after, tuple) and all(map(_same, before, after))
    return bool(before == after)


def _read(raw: bytes) -> Any:
    """JSON with its numbers as they are written and its members in order."""
    return json.loads(
        raw,
        object_pairs_hook=lambda pairs: [tuple(pair) for pair in pairs],
        parse_int=lambda text: ("number", text),
        parse_float=lambda text: ("number", text),
    )


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
@example({"password": 12345678901234567890123, "x": 1.0, "y": 1, "z": [1e400]}, None, False)
@example({"b": encoded(TOKENS["aws"] + " and more"), "a": "A" * 40}, None, True)
def test_redaction_changes_nothing_else_and_a_second_time_nothing_at_all(
    value: Any, indent: int | None, ascii_only: bool
) -> None:
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return  # lone surrogates and infinity come no further than the codec
    found = REDACTOR.json(raw).raw
    assert _same(_read(raw), _read(found)), found
    assert REDACTOR.json(found).raw == found
    assert REDACTOR.may_hold(raw) or found == raw  # so the quick look overlooks nothing


@given(st.lists(TEXTS, max_size=4), st.sampled_from(["", " ", "=", ": ", "@"]))
def test_redaction_of_texts_changes_nothing_the_second_time(parts: list[str], between: str) -> None:
    raw = between.join(parts).encode(errors="replace")
    found = REDACTOR.text(raw)
    assert REDACTOR.text(found) == found
    assert REDACTOR.may_hold(raw) or found == raw


@pytest.mark.parametrize(
    "piece",
    [
        b"password abc=def eyJ ",
        b"password=a;",
        b"eyJ",
        b"-----BEGIN PRIVATE KEY----",
        b"://a:",
        b"token='",
        b"QUFB",
        b"QUFBQUFBQUFBQUFBQUFBQUFBQUFB ",
        b"Basic " * 2,
        b"sk-",
        b"a.",
        b"api key ",
    ],
)
def test_no_text_takes_more_than_time_in_proportion_to_its_length(piece: bytes) -> None:
    """What would take minutes if it grew with the square of the length takes a fraction of a second."""
    raw = b'{"password":"x","text":"%b"}' % (piece * (LONGEST_TEXT // len(piece)))
    begun = time.perf_counter()
    REDACTOR.json(raw)
    assert time.perf_counter() - begun < 5.0


def test_base64_of_an_image_stays() -> None:
    blob = base64.b64encode(CHANCE.randbytes(100_000)).decode()
    assert json_of({"blob": blob, "password": "x"}) == {"blob": blob, "password": tag("x")}
