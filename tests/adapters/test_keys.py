import hmac
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.keys import Keys, NoSecret, new_secret, secret_in


def test_keys_differ_by_purpose_salt_and_secret_and_are_the_same_each_time() -> None:
    keys = Keys(b"s" * 32)
    found = {keys.key("a"), keys.key("b"), keys.key("a", b"salt"), Keys(b"t" * 32).key("a")}
    assert len(found) == 4
    assert {len(key) for key in found} == {32}
    assert Keys(b"s" * 32).key("a") in found


def test_a_key_is_what_rfc_5869_says() -> None:
    extracted = hmac.digest(b"salt", b"s" * 32, "sha256")
    assert Keys(b"s" * 32).key("seal", b"salt") == hmac.digest(extracted, b"mcp-rewind seal\x01", "sha256")


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes, and this one has 31"):
        Keys(b"s" * 31)


def test_a_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "events.db.key"
    secret = secret_in(file)
    assert secret_in(file) == secret
    assert len(secret) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert secret_in(tmp_path / "other.key") != secret != new_secret()


def test_of_many_that_make_the_file_at_once_one_wins(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        found = set(threads.map(secret_in, [tmp_path / "key"] * 64))
    assert found == {secret_in(tmp_path / "key")}


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    secret_in(file)
    file.chmod(0o640)
    with pytest.raises(NoSecret, match=f"chmod 600 {file}"):
        secret_in(file)


@pytest.mark.parametrize("text", [b"", b"c2hvcnQ=", b"not base64!", b"\xff" * 100])
def test_a_file_with_something_else_is_refused_and_kept(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(text)
    file.chmod(0o600)
    with pytest.raises(NoSecret, match="holds no secret"):
        secret_in(file)
    assert file.read_bytes() == text


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSecret, match=f"{tmp_path}/none/key: No such file"):
        secret_in(tmp_path / "none" / "key")
