import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from mcp_server.logs import configure


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """How this process logs is the next test's business."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
            if isinstance(handler, logging.StreamHandler):
                handler.stream.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_line_is_a_json_object_with_its_level_logger_and_time(file: Path) -> None:
    configure("INFO", str(file))
    structlog.get_logger("mine").info("listening", port=1)
    logging.getLogger("other").warning("slow %s", "disk", extra={"session": "s", "request": 7, "password": "p"})
    first, second = lines(file)
    assert {key: first[key] for key in ("event", "level", "logger", "port")} == {
        "event": "listening",
        "level": "info",
        "logger": "mine",
        "port": 1,
    }
    assert first["timestamp"].endswith("Z")
    assert {key: second[key] for key in ("event", "level", "logger", "session", "request")} == {
        "event": "slow disk",
        "level": "warning",
        "logger": "other",
        "session": "s",
        "request": 7,
    }
    assert "password" not in second


def test_what_is_less_severe_than_asked_for_is_left_out(file: Path) -> None:
    configure("WARNING", str(file))
    logging.getLogger("mine").info("nothing much")
    structlog.get_logger("mine").error("something")
    assert [line["event"] for line in lines(file)] == ["something"]


@pytest.mark.parametrize("logger", ["structlog", "logging"])
def test_of_an_exception_its_type_and_place_are_told_and_never_its_text(file: Path, logger: str) -> None:
    configure("INFO", str(file))

    def fail() -> None:
        raise ValueError("the payload was: secret")

    try:
        fail()
    except ValueError:
        if logger == "structlog":
            structlog.get_logger("mine").exception("failed")
        else:
            logging.getLogger("mine").exception("failed")
    (line,) = lines(file)
    assert line["error"] == "builtins.ValueError"
    assert any("fail" in place for place in line["where"])
    assert "secret" not in file.read_text()
