import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mcp_server.config import Database, Origin, Settings, SettingsError, load_settings, read_settings
from mcp_server.config.given import Given
from mcp_server.config.names import variables
from mcp_server.effects import Durability
from operators.policy import Limit

GUIDE_FILE = {
    "transport_type": "websocket",
    "websocket_host": "0.0.0.0",
    "websocket_port": 8080,
    "debug": False,
    "enabled_plugins": ["python_plugin", "js_plugin", "c_plugin"],
    "cache_max_entries": 10000,
    "cache_max_memory_mb": 500,
    "log_file": "/var/log/mcp-server/app.log",
    "advanced_features_enabled": True,
    "streaming_enabled": True,
    "batch_operations_enabled": True,
    "prompts_enabled": True,
    "memory_monitor_interval": 30,
    "gc_frequency": 60,
    "database": {"pool_size": 20, "max_overflow": 40, "pool_timeout": 30},
    "rate_limit_requests": 1000,
    "rate_limit_window": 3600,
    "rate_limit_algorithm": "token_bucket",
}
GUIDE_VARIABLES = {
    "TRANSPORT_TYPE": ("websocket", "transport_type", "websocket"),
    "WEBSOCKET_HOST": ("0.0.0.0", "host", "0.0.0.0"),
    "WEBSOCKET_PORT": ("8081", "port", 8081),
    "LOG_LEVEL": ("DEBUG", "log_level", "DEBUG"),
    "LOG_FILE": ("/tmp/app.log", "log_file", "/tmp/app.log"),
    "CACHE_MAX_ENTRIES": ("7", "cache_max_entries", 7),
    "MEMORY_MONITOR_INTERVAL": ("31", "memory_monitor_interval", 31.0),
    "RATE_LIMIT_REQUESTS": ("100", "rate_limit_requests", 100),
    "RATE_LIMIT_WINDOW": ("61", "rate_limit_window", 61.0),
    "ADVANCED_FEATURES_ENABLED": ("false", "advanced_features_enabled", False),
    "STREAMING_ENABLED": ("false", "streaming_enabled", False),
    "BATCH_OPERATIONS_ENABLED": ("false", "batch_operations_enabled", False),
    "ENVIRONMENT": ("production", "environment", "production"),
    "DEBUG": ("true", "debug", True),
    "DATABASE_URL": ("postgresql://user:pass@db:5432/mcp", "database_url", "postgresql://user:pass@db:5432/mcp"),
    "REDIS_URL": ("redis://redis:6379", "redis_url", "redis://redis:6379"),
    "JWT_SECRET_KEY": ("your-secure-secret-key", "jwt_secret_key", "your-secure-secret-key"),
}


def write(folder: Path, **values: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(values))
    return path


def test_without_a_word_a_server_listens_on_loopback_and_records_strictly() -> None:
    settings = load_settings(None, {}, {})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.durability) == ("127.0.0.1", 8080, Durability.STRICT)
    assert settings.store == "sqlite:///var/events.db"


def test_what_is_in_force_has_every_setting_that_can_be_given() -> None:
    parts_of_a_limit = {"rate_limit_requests", "rate_limit_window", "rate_limit_algorithm"}
    assert set(Given.model_fields) - parts_of_a_limit == set(Settings.__struct_fields__)


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


def test_every_key_of_the_guide_counts(tmp_path: Path) -> None:
    given = read_settings(write(tmp_path, **GUIDE_FILE), {}, {}).given
    assert given.model_dump(include={"transport_type", "host", "port", "log_file", "gc_frequency"}) == {
        "transport_type": "websocket",
        "host": "0.0.0.0",
        "port": 8080,
        "log_file": "/var/log/mcp-server/app.log",
        "gc_frequency": 60.0,
    }
    settings = given.settled()
    assert settings.database == Database(pool_size=20, max_overflow=40, pool_timeout=30.0)
    assert settings.enabled_plugins == ("python_plugin", "js_plugin", "c_plugin")
    (limit,) = settings.limits
    assert (limit.name, limit.requests, limit.window, limit.algorithm) == ("default", 1000.0, 3600.0, "token_bucket")


@pytest.mark.parametrize("prefix", ["", "MCP_"])
@pytest.mark.parametrize("name", GUIDE_VARIABLES)
def test_every_variable_of_the_guide_counts_with_and_without_its_prefix(name: str, prefix: str) -> None:
    text, setting, value = GUIDE_VARIABLES[name]
    read = read_settings(None, {prefix + name: text}, {})
    found = getattr(read.given, setting)
    assert (found.get_secret_value() if hasattr(found, "get_secret_value") else found) == value
    assert read.origins == {setting: Origin("environment", prefix + name)}


@pytest.mark.parametrize("setting", Given.model_fields)
def test_every_setting_can_be_given_as_a_variable(setting: str) -> None:
    special = {
        "limits": '[{"name":"calls","per":"session","per_second":1,"burst":1}]',
        "database": '{"pool_size": 3}',
        "durability": "async",
        "transport_type": "stdio",
        "rate_limit_algorithm": "leaky_bucket",
        "log_level": "error",
        "environment": "staging",
        "admin_token": "0123456789abcdef",
        "secret_key": "0123456789abcdef0123456789abcdef",
        "anonymous": "false",
        "access": '[{"who":{"group":"ops"}}]',
        "access_default": "allow",
        "limits_when_away": "fail_closed",
        "completion_models": '[{"name":"own","base_url":"http://localhost:8000/v1"}]',
    }
    default = getattr(Given(), setting)
    plain = {bool: "false" if default else "true", int: "9", float: "9.5"}.get(type(default), "9")
    for variable in variables(setting):
        read = read_settings(None, {variable: special.get(setting, plain)}, {})
        assert getattr(read.given, setting) != default
        assert [origin.name.startswith(variable) for origin in read.origins.values()] == [True]


def test_a_variable_of_ours_counts_before_one_that_others_may_have_meant() -> None:
    assert load_settings(None, {"LOG_LEVEL": "DEBUG", "MCP_LOG_LEVEL": "ERROR"}, {}).log_level == "ERROR"
    assert not load_settings(None, {"DEBUG": "express:*", "MCP_DEBUG": "false"}, {}).debug
    assert load_settings(None, {"WEBSOCKET_PORT": "1", "MCP_WEBSOCKET_PORT": "2", "MCP_PORT": "3"}, {}).port == 3
    assert load_settings(None, {"PORT": "1", "HOST": "elsewhere"}, {}) == Settings()


def test_lists_in_the_environment_are_words_or_json() -> None:
    for text in ("a, b", '["a", "b"]'):
        assert load_settings(None, {"MCP_ALLOWED_HOSTS": text}, {}).allowed_hosts == ("a", "b")


def test_an_empty_variable_empties_what_is_empty_by_default_and_says_nothing_else(tmp_path: Path) -> None:
    file = write(tmp_path, log_file="app.log", port=1, redis_url="redis://a")
    names = ("LOG_FILE", "MCP_PORT", "MCP_HOST", "MCP_ENVIRONMENT", "RATE_LIMIT_REQUESTS", "REDIS_URL", "MCP_LIMITS")
    settings = load_settings(file, dict.fromkeys(names, ""), {})
    assert (settings.log_file, settings.port, settings.host, settings.limits) == ("", 1, "127.0.0.1", ())
    assert settings.redis_url is not None
    assert load_settings(None, {}, {"redis_url": ""}).redis_url is None


def test_members_of_a_setting_come_together_from_several_places(tmp_path: Path) -> None:
    file = write(tmp_path, database={"pool_size": 7, "max_overflow": 8})
    read = read_settings(file, {"MCP_DATABASE__MAX_OVERFLOW": "9"}, {})
    assert read.given.settled().database == Database(pool_size=7, max_overflow=9)
    assert read.origins == {
        "database.pool_size": Origin("file", f"{file}: database.pool_size"),
        "database.max_overflow": Origin("environment", "MCP_DATABASE__MAX_OVERFLOW"),
    }


def test_the_parts_of_the_default_limit_come_together_from_several_places(tmp_path: Path) -> None:
    file = write(tmp_path, rate_limit_requests=10, limits=[{"name": "a", "per": "server", "per_second": 1, "burst": 1}])
    settings = load_settings(file, {"RATE_LIMIT_WINDOW": "5"}, {})
    assert [limit.name for limit in settings.limits] == ["a", "default"]
    assert (settings.limits[1].requests, settings.limits[1].window) == (10.0, 5.0)


def test_a_limit_of_ones_own_cannot_have_the_name_of_the_default_one(tmp_path: Path) -> None:
    own = {"name": "default", "per": "session", "per_second": 1, "burst": 1}
    assert load_settings(write(tmp_path, limits=[own]), {}, {}).limits[0].name == "default"
    with pytest.raises(SettingsError, match="'default' is taken by rate_limit_requests"):
        load_settings(write(tmp_path, limits=[own], rate_limit_requests=5), {}, {})


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"prot": 1}, "there is no setting 'prot': did you mean 'port'?"),
        ({"websocket_prot": 1}, "there is no setting 'websocket_prot': did you mean 'websocket_port'?"),
        ({"xyzzy": 1}, "there is no setting 'xyzzy'"),
        ({"database": {"poolsize": 1}}, "there is no setting 'database.poolsize': did you mean 'database.pool_size'?"),
        ({"database": {"pool_size": 0}}, "database.pool_size must be at least 1, not 0"),
        ({"port": "eighty"}, "port must be a valid integer, not 'eighty'"),
        ({"websocket_port": 65536}, "websocket_port must be at most 65535, not 65536"),
        ({"port": True}, "port must be a number, not True"),
        ({"port": 1, "websocket_port": 2}, "port and websocket_port are the same setting"),
        (
            {"transport_type": "carrier pigeon"},
            "transport_type must be 'websocket', 'http' or 'stdio', not 'carrier pigeon'",
        ),
        ({"call_timeout": 0}, "call_timeout must be more than 0, not 0"),
        ({"call_timeout": 1e999}, "Infinity"),
        ({"server_window": 0}, "server_window must be at least 1, not 0"),
        ({"host": 1, "debug": "perhaps"}, "host must be a valid string, not 1; debug must be a valid boolean"),
        ({"host": ["x" * 1000]}, "..."),
        ({"allowed_hosts": ["a", 5]}, "allowed_hosts.1 must be a valid string, not 5"),
        ({"limits": [{"name": "a", "per": "user", "per_second": 1, "burst": 1}]}, "per must be principal"),
        ({"limits": [{"per": "session"}]}, "missing required field `name`, at `limits[0]"),
        (
            {"limits": [{"name": "a", "per_second": 1, "brust": 1}]},
            "limits: there is no 'brust': did you mean 'burst'?, at `limits[0]`",
        ),
        ({"limits": [{"name": "a", "per_second": 1, "xyzzy": 1}]}, "limits: there is no 'xyzzy'; there are name, per"),
        (
            {"completion_models": [{"name": "a", "bse_url": "http://x"}]},
            "completion_models: there is no 'bse_url': did you mean 'base_url'?, at `completion_models[0]`",
        ),
        ({"limits": [{"name": "a", "per_second": 1, "burst": 1}] * 2}, "limits: the name 'a' is given to 2 of them"),
        ({"rate_limit_algorithm": "dice"}, "rate_limit_algorithm must be "),
        ({"environment": "a b"}, "environment"),
        ({"admin_token": "short"}, "admin_token must have at least 16 characters; make one with"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, values: dict[str, Any], problem: str) -> None:
    file = write(tmp_path, **values)
    with pytest.raises(SettingsError) as told:
        load_settings(file, {}, {})
    assert str(told.value).startswith(f"{file}")
    assert problem in str(told.value)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < len(str(file)) + 200


def test_a_mistake_in_the_environment_is_told_with_its_variable() -> None:
    for variable in ("MCP_PORT", "MCP_WEBSOCKET_PORT", "WEBSOCKET_PORT"):
        with pytest.raises(SettingsError, match=f"^the environment: {variable} must be a valid integer, not 'many'$"):
            load_settings(None, {variable: "many"}, {})
    with pytest.raises(SettingsError, match=r"^the environment: MCP_DATABASE__POOL_SIZE must be at least 1, not '0'$"):
        load_settings(None, {"MCP_DATABASE__POOL_SIZE": "0"}, {})
    with pytest.raises(SettingsError, match=r"^the environment: MCP_DATABASE: a setting with members"):
        load_settings(None, {"MCP_DATABASE": "big"}, {})
    with pytest.raises(SettingsError, match=r"^the environment: MCP_LIMITS must be a JSON array"):
        load_settings(None, {"MCP_LIMITS": "many"}, {})


def test_a_mistake_on_the_command_line_is_told_with_its_option() -> None:
    with pytest.raises(SettingsError, match=r"^the command line: --port must be at least 0, not -1$"):
        load_settings(None, {}, {"port": -1})
    with pytest.raises(SettingsError, match=r"^the command line: there is no setting 'prot'"):
        load_settings(None, {}, {"prot": 1})


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"[]", "is no JSON object"),
        (b'{"port": 1,\n "host" 2}', "is no JSON object: line 2, column 9"),
        (b'{"port": 1, "port": 2}', "'port' is there twice"),
        (b'{"call_timeout": NaN}', "NaN is no number in JSON"),
        (b'{"host": "\xff"}', "is no JSON object"),
        (b"[" * 100_000, "is no JSON object"),
        (b" " * (1 << 20) + b"{}", "has more than 1048576 bytes"),
    ],
)
def test_a_file_that_holds_something_else_is_told(tmp_path: Path, document: bytes, told: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(document)
    with pytest.raises(SettingsError) as error:
        load_settings(file, {}, {})
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.json cannot be read: No such file or directory"):
        load_settings(tmp_path / "none.json", {}, {})
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load_settings(tmp_path, {}, {})


def test_a_secret_is_in_no_text_that_is_made_of_the_settings(tmp_path: Path) -> None:
    hidden = "hunter2-hunter2"
    variables = {"JWT_SECRET_KEY": hidden, "DATABASE_URL": f"postgresql://u:{hidden}@h/d", "REDIS_URL": hidden}
    given = read_settings(None, variables, {}).given
    told = [repr(given), str(given), given.model_dump_json(), repr(given.settled()), str(given.settled())]
    for problem in ({"jwt_secret_key": [hidden]}, {"redis_url": {"password": hidden}}):
        with pytest.raises(SettingsError) as error:
            load_settings(write(tmp_path, **problem), {}, {})
        told += [str(error.value), repr(error.value), str(error.value.__cause__)]
    assert [text for text in told if hidden in text] == []
    assert hidden in str(given.database_url.get_secret_value() if given.database_url else "")


def test_a_key_is_refused_only_when_it_is_used_and_too_short() -> None:
    with pytest.raises(SettingsError, match="jwt_secret_key has 22 bytes, and a key has at least 32; make one with"):
        load_settings(None, {"JWT_SECRET_KEY": "your-secure-secret-key"}, {}).signing_key()
    with pytest.raises(SettingsError, match="jwt_secret_key is not set"):
        Settings().signing_key()
    assert load_settings(None, {"JWT_SECRET_KEY": "k" * 32}, {}).signing_key() == b"k" * 32


def test_settings_in_code_are_checked_when_they_are_set() -> None:
    given = Given()
    given.websocket_port = 9000
    given.websocket_host = "::1"
    given.database.pool_size = 6
    assert (given.port, given.websocket_port, given.websocket_host) == (9000, 9000, "::1")
    assert given.settled().database.pool_size == 6
    for name, value, told in (
        ("port", "many", "settings: port must be a valid integer, not 'many'"),
        ("websocket_port", 65536, "settings: websocket_port must be at most 65535, not 65536"),
        ("prot", 1, "settings: there is no setting 'prot': did you mean 'port'?"),
        ("jwt_secret_key", 5, "settings: jwt_secret_key must be a valid string"),
    ):
        with pytest.raises(SettingsError) as error:
            setattr(given, name, value)
        assert str(error.value) == told
    with pytest.raises(SettingsError, match=r"^settings: database\.pool_size must be at least 1, not 0$"):
        given.database.pool_size = 0
    with pytest.raises(SettingsError, match=r"there is no setting 'database\.pol_size': did you mean 'database\.pool"):
        given.database.pol_size = 1
    given.fix("while the server runs")
    with pytest.raises(SettingsError, match=r"^settings: port cannot be changed while the server runs$"):
        given.port = 1
    assert given.port == 9000


def test_the_constructor_reads_nothing_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("MCP_PORT", "2")
    assert Given().port == 8080


def test_a_schema_may_be_named_in_the_file(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, **{"$schema": "schema.json", "port": 1}), {}, {}).port == 1


def test_settings_in_force_can_be_stored_as_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Settings()))["durability"] == "strict"


def test_only_reading_settings_brings_in_pydantic() -> None:
    program = (
        "import sys, mcp_server.app, mcp_server.serving, mcp_server.cli.what_if, mcp_server.config as c;"
        "assert 'pydantic' not in sys.modules; c.load_settings(None, {}, {}); assert 'pydantic' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=50)
