import json
from pathlib import Path
from typing import Any

import pytest

from mcp_server.config import Settings, SettingsError, load_settings
from mcp_server.effects import Durability
from operators.policy import Limit


def write(folder: Path, **values: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(values))
    return path


def test_without_a_word_a_server_listens_on_loopback_and_records_strictly() -> None:
    settings = load_settings(None, {}, {})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.durability) == ("127.0.0.1", 8080, Durability.STRICT)
    assert settings.store == "sqlite:///var/events.db"


def test_the_command_line_counts_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, host="file", port=1, log_level="ERROR")
    settings = load_settings(file, {"MCP_HOST": "environment", "MCP_PORT": "2"}, {"port": 3, "host": None})
    assert (settings.host, settings.port, settings.log_level) == ("environment", 3, "ERROR")


def test_a_file_may_hold_every_kind_of_setting(tmp_path: Path) -> None:
    limit = {"name": "calls", "per": "principal", "per_second": 5, "burst": 10}
    file = write(tmp_path, limits=[limit], allowed_hosts=["a"], durability="group", anonymous=False, call_timeout=1.5)
    settings = load_settings(file, {}, {})
    assert settings.limits == (Limit("calls", "principal", 5.0, 10.0),)
    assert (settings.allowed_hosts, settings.durability, settings.anonymous) == (("a",), Durability.GROUP, False)


def test_the_names_of_the_guide_are_understood(tmp_path: Path) -> None:
    file = write(tmp_path, websocket_host="::1", websocket_port=9000)
    settings = load_settings(file, {"LOG_LEVEL": "DEBUG", "CACHE_MAX_ENTRIES": "7"}, {})
    assert (settings.host, settings.port, settings.log_level, settings.cache_max_entries) == ("::1", 9000, "DEBUG", 7)


def test_a_setting_of_ours_counts_before_the_bare_name() -> None:
    assert load_settings(None, {"LOG_LEVEL": "DEBUG", "MCP_LOG_LEVEL": "ERROR"}, {}).log_level == "ERROR"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"prot": 1}, "there is no setting 'prot'"),
        ({"port": "eighty"}, "at `port`"),
        ({"port": 65536}, "Expected `int` <= 65535, at `port`"),
        ({"transport_type": "carrier pigeon"}, "Invalid enum value 'carrier pigeon', at `transport_type`"),
        ({"call_timeout": 0}, "Expected `float` > 0.0, at `call_timeout`"),
        ({"server_window": 0}, "Expected `int` >= 1, at `server_window`"),
        ({"limits": [{"name": "a", "per": "user", "per_second": 1, "burst": 1}]}, "per must be principal"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, values: dict[str, Any], problem: str) -> None:
    file = write(tmp_path, **values)
    with pytest.raises(SettingsError) as told:
        load_settings(file, {}, {})
    assert str(told.value).startswith(f"{file}: ")
    assert problem in str(told.value)
    assert "\n" not in str(told.value)


def test_a_mistake_in_the_environment_or_on_the_command_line_is_told_so() -> None:
    with pytest.raises(SettingsError, match=r"^the environment: "):
        load_settings(None, {"MCP_PORT": "many"}, {})
    with pytest.raises(SettingsError, match=r"^the command line: "):
        load_settings(None, {}, {"port": -1})


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.json cannot be read: No such file or directory"):
        load_settings(tmp_path / "none.json", {}, {})
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(SettingsError, match=r"list\.json is no JSON object"):
        load_settings(tmp_path / "list.json", {}, {})
