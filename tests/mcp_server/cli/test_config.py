import json
from pathlib import Path

import pytest

from mcp_server.config.schema import file_schema
from tests.mcp_server.cli.conftest import Run

HIDDEN = "hunter2-hunter2-hunter2-hunter2-hunter2"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings in the environment but a test's own."""
    for name in ("REDIS_URL", "DATABASE_URL", "LOG_LEVEL", "DEBUG"):
        monkeypatch.delenv(name, raising=False)


def found(out: str) -> dict[str, dict[str, object]]:
    return {row["setting"]: row for row in map(json.loads, out.splitlines())}


def test_every_setting_is_shown_with_where_it_comes_from(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"websocket_host": "::1", "port": 1, "log_level": "ERROR", "database": {"pool_size": 9}}')
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    code, out, err = run("config", "--config", str(file), "--port", "2", "--json")
    rows = found(out)
    assert (code, err) == (0, "")
    assert {
        name: (row["value"], row["source"], row["from"]) for name, row in rows.items() if row["source"] != "default"
    } == {
        "host": ("::1", "file", f"{file}: websocket_host"),
        "port": (2, "command line", "--port"),
        "log_level": ("DEBUG", "environment", "LOG_LEVEL"),
        "database.pool_size": (9, "file", f"{file}: database.pool_size"),
    }
    assert (rows["port"]["default"], rows["port"]["reload"], rows["limits"]["reload"]) == (8080, False, True)
    assert rows["durability"]["value"] == "strict"


def test_in_a_pipe_it_is_a_line_for_each_setting(run: Run) -> None:
    code, out, _ = run("config", "--transport", "stdio")
    assert code == 0
    assert "transport_type\tstdio\t--transport" in out.splitlines()
    assert "port\t8080\tdefault" in out.splitlines()


def test_secrets_are_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", f"https://{HIDDEN}")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://{HIDDEN}:{HIDDEN}@db:5432/mcp?sslpassword={HIDDEN}")
    monkeypatch.setenv("REDIS_URL", f"redis://:{HIDDEN}/x@redis:6379")
    monkeypatch.setenv("MCP_ADMIN_TOKEN", HIDDEN)
    for form in ((), ("--json",)):
        code, out, err = run("config", *form)
        assert code == 0
        assert HIDDEN not in out + err
    rows = found(run("config", "--json").out)
    assert rows["jwt_secret_key"]["value"] == rows["redis_url"]["value"] == "***"
    assert rows["database_url"]["value"] == "postgresql://***@db:5432/mcp?***"


def test_an_address_of_a_model_with_a_password_is_refused_and_not_repeated(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = {"name": "own", "base_url": f"http://me:{HIDDEN}@localhost:8000/v1"}
    monkeypatch.setenv("MCP_COMPLETION_MODELS", json.dumps([model]))
    code, out, err = run("config")
    assert (code, out) == (2, "")
    assert "must have no user, password or query" in err
    assert HIDDEN not in err


def test_a_wrong_setting_is_named_in_one_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"prot": 1}')
    code, out, err = run("config", "--config", str(file))
    assert (code, out) == (2, "")
    assert err == f"mcp-rewind: {file}: there is no setting 'prot': did you mean 'port'?\n"


def test_a_variable_that_is_misspelt_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_PROT", "1")
    code, _, err = run("config")
    assert (code, err) == (0, "mcp-rewind: MCP_PROT says nothing: there is no setting 'prot': did you mean 'port'?\n")


def test_the_schema_is_printed_for_editors(run: Run) -> None:
    code, out, _ = run("config", "--schema")
    assert (code, json.loads(out)) == (0, json.loads(json.dumps(file_schema())))
