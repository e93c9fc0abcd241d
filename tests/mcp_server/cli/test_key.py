import json
import time
from pathlib import Path

import jwt
import pytest

from adapters.api_keys import ApiKeys, entries
from adapters.grant import Grant
from tests.mcp_server.cli.conftest import Run

SECRET = "a secret of more than thirty-two bytes"


def test_a_new_key_is_printed_once_and_its_hash_is_kept(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    arguments = ("ci", "--file", str(file), "--scope", "read", "--scope", "write", "--group", "bots", "--days", "2")
    code, out, err = run("key", "new", *arguments)
    key = out.strip()
    assert (code, out) == (0, f"{key}\n")
    assert key not in err
    assert key.rpartition("_")[2] not in file.read_text()
    grant = ApiKeys(file).grant(key, time.time())
    assert grant == Grant("key:ci", ("read", "write"), ("bots",), grant.expires)
    assert grant.expires == pytest.approx(time.time() + 2 * 86_400, abs=60)


def test_the_settings_say_where_keys_are_kept(run: Run, tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"api_keys_file": str(tmp_path / "keys")}))
    assert run("key", "new", "one", "--config", str(settings)).code == 0
    assert run("key", "new", "two", "--config", str(settings)).code == 0
    assert [entry.name for entry in entries(tmp_path / "keys")] == ["one", "two"]


def test_a_token_is_one_for_this_server(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)
    monkeypatch.setenv("MCP_AUTH_AUDIENCE", "https://mcp.example/mcp")
    code, out, err = run("key", "token", "ada", "--scope", "a", "--scope", "b", "--group", "ops", "--minutes", "5")
    assert (code, err) == (0, "")
    claims = jwt.decode(out.strip(), SECRET, ["HS256"], audience="https://mcp.example/mcp", issuer="mcp-rewind")
    assert (claims["sub"], claims["scope"], claims["groups"]) == ("ada", "a b", ["ops"])
    assert claims["exp"] - claims["iat"] == 300


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["new", "ci"], "there is no file of keys: set api_keys_file, or name one with --file"),
        (["new", "", "--file", "keys"], "1 to 256 characters"),
        (["new", "ci", "--file", "keys", "--scope", "a b"], "a scope has no spaces"),
        (["new", "ci", "--file", "/dev/null/keys"], "cannot be written"),
        (["new", "ci", "--file", "keys", "--days", "0"], "'0' is no number from 1 up"),
        (["token", "ci"], "jwt_secret_key is not set"),
        (["new"], "NAME"),
        (["old"], "old"),
        ([], "KIND"),
    ],
    ids=str,
)
def test_what_cannot_be_made_is_told_in_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JWT_SECRET_KEY", raising=False)
    code, out, err = run("key", *arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "keys").exists() or not entries(tmp_path / "keys")


def test_a_name_is_taken_once(run: Run, tmp_path: Path) -> None:
    file = str(tmp_path / "keys")
    assert run("key", "new", "ci", "--file", file).code == 0
    code, _, err = run("key", "new", "ci", "--file", file)
    assert code == 2
    assert "has a key of the name 'ci'" in err
