"""What the page on authorization shows can be done as it stands."""

from pathlib import Path

import msgspec
import pytest

from adapters.api_keys import entries
from mcp_server.authentication import OPEN_PATHS, authenticator
from mcp_server.config import load_settings
from operators.access import DEFAULT, OPEN, Caller, Table
from tests.docs.pages import DOCS, blocks, coded, rows
from tests.docs.terminal import run

PAGE = DOCS / "authorization.md"
JSON = [block.text for block in blocks(PAGE, "json")]
SHELL = [block.text.strip() for block in blocks(PAGE, "shell")]


@pytest.mark.parametrize("text", JSON)
def test_the_settings_that_are_shown_are_settings(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(text)
    settings = load_settings(file, {}, {})
    assert set(msgspec.json.decode(text)) <= set(settings.__struct_fields__)
    authenticator(settings, 8080, lambda: 0.0)


def test_the_rules_that_are_shown_decide_as_is_said(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(JSON[1])
    settings = load_settings(file, {}, {})
    table = Table(settings.access, settings.access_default)
    guest, ada, ops = Caller("guest7", ("tools:any",)), Caller("ada", ("tools:any",)), Caller("o", (), ("ops",))
    assert [table.decide(who, "tools/call", "add").rule for who in (guest, ada, ops)] == ["no-guests", "tools", "ops"]
    refused = table.decide(ada, "tools/call", "delete_all")
    assert (refused.rule, refused.allowed, refused.scopes) == ("deleting", False, "files:write")
    assert table.decide(ada, "resources/read", "file:///private/a").rule == DEFAULT
    assert table.decide(ada, "tools/list", "").rule == OPEN
    assert not table.decide(guest, "tools/list", "").allowed


def test_the_commands_that_are_shown_do_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, token, audit = SHELL
    code, printed = run(new, tmp_path)
    assert (code, printed.startswith("mrk_")) == (0, True)
    (entry,) = entries(tmp_path / "keys.jsonl")
    assert (entry.name, entry.scopes, entry.groups) == ("ci", ("mcp", "files:read"), ("bots",))
    monkeypatch.setenv("JWT_SECRET_KEY", "k" * 32)
    code, printed = run(f"JWT_SECRET_KEY={'k' * 32} {token}", tmp_path)
    assert (code, printed.count(".")) == (0, 2)
    assert audit == "mcp-rewind audit --outcome denied"


def test_what_is_not_asked_is_listed() -> None:
    listed = [name for path, _ in rows(PAGE, "path") for name in coded(path)]
    assert set(OPEN_PATHS) <= set(listed)
