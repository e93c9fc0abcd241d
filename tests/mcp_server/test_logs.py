import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from mcp_server.logs import configure
from mcp_server.production.log_file import LogFile
from mcp_server.production.log_setup import lost


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """How this process logs is the next test's business."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "server.log"


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def say(count: int = 1, **fields: object) -> None:
    for number in range(count):
        structlog.get_logger("mine").info("said", number=number, **fields)


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


def test_a_level_that_there_is_not_is_told(file: Path) -> None:
    with pytest.raises(ValueError, match="LOUD"):
        configure("LOUD", str(file))


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


@pytest.mark.parametrize(
    "text", ["two\nlines", "\x1b[31mred", "\u2028 and \x85 and \u2029", "\ud800", "\0", '"}\n{"event": "forged"}']
)
def test_a_line_is_one_line_whatever_is_in_it(file: Path, text: str) -> None:
    configure("INFO", str(file))
    structlog.get_logger("mine").info(text, value=text, **{text: 1})
    written = file.read_bytes()
    assert written.count(b"\n") == 1
    assert len(written.decode().splitlines()) == 1
    assert json.loads(written)["level"] == "info"
    assert b"\x1b" not in written


def test_a_watched_folder_with_the_log_file_in_it_does_not_fill_it(file: Path) -> None:
    configure("DEBUG", str(file))
    watcher = logging.getLogger("watchfiles.main")
    watcher.info("1 change detected")
    watcher.warning("too many folders to watch")
    assert [line["event"] for line in lines(file)] == ["too many folders to watch"]


def test_a_file_that_is_full_is_followed_by_another_and_only_so_many_are_kept(file: Path) -> None:
    configure("INFO", str(file), max_bytes=1000, backups=2)
    say(100)
    kept = sorted(file.parent.iterdir())
    assert [each.name for each in kept] == ["server.log", "server.log.1", "server.log.2"]
    assert all(each.stat().st_size <= 1000 for each in kept)
    numbers = [line["number"] for each in reversed(kept) for line in lines(each)]
    assert numbers == list(range(100 - len(numbers), 100))


def test_a_file_that_was_moved_is_not_written_any_more(file: Path) -> None:
    configure("INFO", str(file), max_bytes=0)
    say(2)
    moved = file.rename(file.with_suffix(".old"))
    say(3)
    file.unlink()
    say(1)
    assert (len(lines(moved)), len(lines(file))) == (2, 1)


def test_a_full_disk_stops_nothing_and_what_was_lost_is_told_when_there_is_room_again(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.parent.mkdir()
    file.symlink_to("/dev/full")
    configure("INFO", str(file))
    say(3)
    assert lost() == 3
    assert capsys.readouterr().err.count("No space left on device") == 1
    file.unlink()
    say(2)
    told, *rest = lines(file)
    assert (told["event"], told["lost"], [line["number"] for line in rest]) == ("log lines were lost", 3, [0, 1])
    assert lost() == 3


def test_a_line_that_was_cut_off_by_a_full_disk_spoils_none_after_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("INFO", str(file))
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
        say()
    say()
    torn, *whole = file.read_text().splitlines()
    assert len(torn) == 10
    assert [json.loads(line)["event"] for line in whole] == ["log lines were lost", "said"]


def test_a_folder_that_cannot_be_changed_costs_no_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    configure("INFO", str(file), max_bytes=300)
    monkeypatch.setattr(Path, "replace", refuse)
    say(10)
    assert len(lines(file)) == 10


def test_a_file_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        configure("INFO", str(tmp_path))


def test_it_can_be_configured_again_and_lets_go_of_the_file_before(file: Path, tmp_path: Path) -> None:
    configure("INFO", str(file))
    say()
    (before,) = (each for each in logging.getLogger().handlers if isinstance(each, LogFile))
    configure("INFO", str(tmp_path / "other.log"))
    say()
    assert (len(lines(file)), len(lines(tmp_path / "other.log"))) == (1, 1)
    assert before._fd < 0


def test_no_value_of_a_line_has_a_secret_in_it_not_even_across_the_end_of_what_is_written(file: Path) -> None:
    token = "ghp_" + "aB3d" * 9
    configure("INFO", str(file))
    say(reason=f"it is {token} there", other=["password=hunter2 x", f"{'x ' * 490}{token}"], plain="max_tokens=1")
    (line,) = lines(file)
    assert line["reason"] == "it is *** there"
    assert line["other"][0] == "password=*** x"
    assert "ghp_" not in line["other"][1]
    assert line["plain"] == "max_tokens=1"
