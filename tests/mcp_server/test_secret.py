from pathlib import Path

import pytest
from pydantic import SecretStr

from adapters.seal import Broken, Seal
from mcp_server.config import Settings, SettingsError
from mcp_server.secret import keys_of, secret_file


def test_a_server_keeps_its_secret_beside_its_log(tmp_path: Path) -> None:
    settings = Settings(store=f"sqlite:///{tmp_path}/var/events.db")
    text = Seal(keys_of(settings), "tests").close(b"value")
    assert Seal(keys_of(settings), "tests").open(text) == b"value"
    assert secret_file(settings.store) == tmp_path / "var" / "events.db.key"
    other = Settings(store=f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(Broken):
        Seal(keys_of(other), "tests").open(text)


def test_a_secret_that_is_given_counts_and_no_file_is_made(tmp_path: Path) -> None:
    settings = Settings(store=f"sqlite:///{tmp_path}/events.db", secret_key=SecretStr("s" * 32))
    assert keys_of(settings).key("a") == keys_of(Settings(store="memory:", secret_key=SecretStr("s" * 32))).key("a")
    assert not list(tmp_path.iterdir())


def test_a_log_in_memory_has_a_secret_that_is_gone_with_it() -> None:
    assert keys_of(Settings(store="memory:")).key("a") != keys_of(Settings(store="memory:")).key("a")


def test_a_file_that_cannot_be_used_is_a_wrong_setting(tmp_path: Path) -> None:
    settings = Settings(store=f"sqlite:///{tmp_path}/events.db")
    secret_file(settings.store).write_text("nothing")
    secret_file(settings.store).chmod(0o600)
    with pytest.raises(SettingsError, match=r"secret_key: .* holds no secret"):
        keys_of(settings)
    with pytest.raises(SettingsError, match="secret_key: the folder"):
        keys_of(Settings(store=f"sqlite:///{tmp_path}/events.db.key/x/events.db"))
