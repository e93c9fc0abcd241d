import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.production import production_logger
from mcp_server.production.log_values import (
    LONGEST_LINE,
    LONGEST_VALUE,
    MASK,
    MOST_FIELDS,
    is_secret,
    presentable,
    text,
)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def fields(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in ("level", "logger", "timestamp")}


def test_a_line_has_its_fields_its_level_and_its_logger(log_file: Path) -> None:
    logger = production_logger.get_logger("component")
    assert production_logger.get_logger("component") is logger
    logger.info("done", operation="sync", duration_ms=1.5)
    logger.critical("broken")
    first, second = lines(log_file)
    assert fields(first) == {"event": "done", "operation": "sync", "duration_ms": 1.5}
    assert (first["level"], first["logger"], second["level"]) == ("info", "component", "critical")


def test_the_environment_says_what_is_severe_enough(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "warning")
    logger = production_logger.get_logger("component")
    for write in (logger.debug, logger.info, logger.warning, logger.error):
        write("said")
    assert [line["level"] for line in lines(log_file)] == ["warning", "error"]


def test_what_is_wrong_with_the_environment_stops_nothing(
    tmp_path: Path, log_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_FILE", str(tmp_path))
    monkeypatch.setenv("LOG_LEVEL", "shout")
    production_logger.get_logger("component").info("said")
    said = capsys.readouterr().err
    assert "LOG_LEVEL 'SHOUT' is none of DEBUG" in said
    assert "cannot be opened" in said
    assert '"event":"said"' in said


def test_the_global_context_is_in_every_line_until_it_is_cleared(log_file: Path) -> None:
    one, other = production_logger.get_logger("one"), production_logger.get_logger("other")
    one.set_context(user_id="u", session_id="s")
    other.info("a")
    one.clear_context("user_id")
    one.info("b", session_id="mine")
    one.clear_context()
    one.info("c")
    assert [fields(line) for line in lines(log_file)] == [
        {"event": "a", "user_id": "u", "session_id": "s"},
        {"event": "b", "session_id": "mine"},
        {"event": "c"},
    ]


async def test_the_context_of_a_request_is_in_its_own_lines_only(log_file: Path) -> None:
    logger = production_logger.get_logger("component")
    logger.set_context(request_id="none", service="mcp")

    async def serve(number: int) -> None:
        with logger.request_context(request_id=number):
            await asyncio.sleep(0)
            logger.info("served", number=number)

    await asyncio.gather(*(serve(number) for number in range(5)))
    logger.info("idle")
    *served, idle = lines(log_file)
    assert [(line["request_id"], line["service"]) for line in served] == [(line["number"], "mcp") for line in served]
    assert idle["request_id"] == "none"


def test_an_error_is_told_with_type_place_causes_and_its_text(log_file: Path) -> None:
    secret_of_a_frame = "hidden"
    empty: dict[str, str] = {}

    def fail() -> None:
        try:
            _ = empty[secret_of_a_frame]
        except KeyError as error:
            raise ValueError("no such thing") from error

    try:
        fail()
    except ValueError as error:
        production_logger.get_logger("component").error("failed", error=error, operation="sync")
    (line,) = lines(log_file)
    assert (line["error"], line["error_message"], line["operation"]) == ("builtins.ValueError", "no such thing", "sync")
    assert line["where"][-1].endswith(" fail")
    assert line["caused_by"][0].startswith("builtins.KeyError at test_logger.py:")
    assert "hidden" not in log_file.read_text()


def test_an_exception_that_is_a_value_of_another_field_is_told_by_its_type(log_file: Path) -> None:
    production_logger.get_logger("component").warning("odd", cause=ValueError("payload"))
    assert lines(log_file)[0]["cause"] == "builtins.ValueError"


def test_causes_that_go_round_and_groups_are_told_within_bounds(log_file: Path) -> None:
    one, other = ValueError("one"), KeyError("other")
    one.__cause__, other.__cause__ = other, one
    group = ExceptionGroup("many", [ValueError(str(number)) for number in range(100)])
    logger = production_logger.get_logger("component")
    logger.error("round", error=one)
    logger.error("many", error=group)
    round_, many = lines(log_file)
    assert len(round_["caused_by"]) == 1
    assert len(many["caused_by"]) == 5


def test_an_error_may_be_words(log_file: Path) -> None:
    production_logger.get_logger("component").error("failed", error="no answer")
    assert fields(lines(log_file)[0]) == {"event": "failed", "error": "no answer"}


def test_a_field_cannot_take_the_place_of_what_a_line_has_anyway(log_file: Path) -> None:
    production_logger.get_logger("component").info("true", level="forged", logger="forged", event="forged", timestamp=0)
    (line,) = lines(log_file)
    assert (line["event"], line["level"], line["logger"]) == ("true", "info", "component")
    assert (line["event_"], line["timestamp_"]) == ("forged", 0)


@pytest.mark.parametrize(
    "name",
    [
        *("password", "PASSWORD", "db_password", "userPasswd", "api_key", "apiKey", "X-API-Key", "authorization"),
        *("token", "access_token", "refreshToken", "csrf_tokens", "jwt_secret_key", "private_key", "Set-Cookie"),
        *("client_secret", "aws_secret_access_key", "credentials", "bearer", "session_token", "otp"),
    ],
)
def test_a_name_that_looks_secret_is_masked(name: str) -> None:
    assert is_secret(name, "value")
    assert presentable(None, "", {"event": "e", name: "value"})[name] == MASK
    assert presentable(None, "", {"a": [{"b": {name: "value"}}]})["a"] == [{"b": {name: MASK}}]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("max_tokens", 100), ("tokens", 5), ("token_count", 7), ("secret_name", "db"), ("token_type", "bearer")),
        *(("author", "x"), ("tokenizer", "x"), ("key", "x"), ("session_id", "x"), ("monkey", "x"), ("token", None)),
    ],
)
def test_a_name_that_only_resembles_one_is_not_masked(name: str, value: object) -> None:
    assert presentable(None, "", {name: value})[name] == value


def test_passwords_in_addresses_and_bearer_tokens_are_masked_wherever_they_stand() -> None:
    assert text("at postgresql://user:pa55@db:5432/mcp?x=1") == "at postgresql://user:***@db:5432/mcp?x=1"
    assert text("Authorization: Bearer abcdefgh12345678.x") == "Authorization: Bearer ***"
    assert text("https://host/a:b@c") == "https://host/a:b@c"


def test_values_are_cut() -> None:
    line = presentable(
        None,
        "",
        {
            "long": "x" * 5000,
            "many": list(range(1000)),
            "bytes": b"payload",
            "huge": 10**5000,
            "deep": [[[[[[1]]]]]],
            "float": float("nan"),
        },
    )
    assert line["long"] == "x" * LONGEST_VALUE + "… (5000 characters)"
    assert (len(line["many"]), line["many"][-1]) == (21, "… (1000 in all)")
    assert (line["bytes"], line["deep"]) == ("<7 bytes>", [[["…"]]])
    assert line["huge"].startswith("<integer of")


def test_a_line_with_everything_in_it_stays_short_and_keeps_what_every_line_has() -> None:
    crowd = {f"field{number}": "x" * 900 for number in range(500)}
    line = presentable(None, "", {**crowd, "event": "e", "level": "info", "timestamp": "t"})
    assert len(line) == MOST_FIELDS + 1
    assert (line["event"], line["level"], line["timestamp"]) == ("e", "info", "t")
    assert len(json.dumps(line)) < 3 * LONGEST_LINE


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError


def test_what_cannot_be_shown_does_not_keep_a_line_from_being_written(log_file: Path) -> None:
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    logger = production_logger.get_logger("component")
    logger.info("odd", hostile=Hostile(), cyclic=cyclic, type=sys, mixed={1: {2: Hostile()}})
    (line,) = lines(log_file)
    assert line["hostile"] == "<Hostile that cannot be shown>"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.frozensets(st.integers()),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_any_line_becomes_one_line_of_json(line: dict[str, Any]) -> None:
    from mcp_server.production.log_setup import _render

    written = _render(None, "", presentable(None, "", line))
    assert len(written.splitlines()) == 1
    assert isinstance(json.loads(written), dict)
