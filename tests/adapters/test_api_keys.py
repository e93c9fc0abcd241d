import os
import random
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from adapters.api_keys import ApiKeys, KeyEntry, UnusableKeys, append, entries, new_key
from adapters.grant import BadCredential, Grant


def test_who_shows_a_key_is_whose_it_is_and_the_file_does_not_hold_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "keys"
    key, entry = new_key("ci", ("read",), ("bots",), 2000.0)
    append(file, entry)
    other, another = new_key("other")
    append(file, another)
    keys = ApiKeys(file)
    assert keys.grant(key, 1000.0) == Grant("key:ci", ("read",), ("bots",), 2000.0)
    assert keys.grant(other, 1e12) == Grant("key:other")
    assert file.stat().st_mode & 0o777 == 0o600
    secret = key.rpartition("_")[2]
    assert secret not in file.read_text()
    with pytest.raises(BadCredential, match="expired"):
        keys.grant(key, 2000.0)


def test_of_hundreds_of_keys_that_are_nearly_right_none_is_taken(tmp_path: Path) -> None:
    key, entry = new_key("ci")
    append(tmp_path / "keys", entry)
    keys, chance, taken = ApiKeys(tmp_path / "keys"), random.Random(3), []
    wrong = [new_key("ci")[0] for _ in range(50)] + [key[: chance.randrange(len(key))] for _ in range(50)]
    for _ in range(300):
        place = chance.randrange(len(key))
        wrong.append(key[:place] + chance.choice("abcdefXYZ0189_-\u00e4") + key[place + 1 :])
    wrong += [key + "=", key + "\n", " " + key, key.upper(), entry.hash, f"mrk_{entry.id}_{entry.hash[:43]}", ""]
    for each in wrong:
        if each != key:
            with suppress(BadCredential):
                taken.append(keys.grant(each, 0.0))
    assert taken == []
    assert keys.grant(key, 0.0).principal == "key:ci"


def test_a_file_that_changes_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    keys = ApiKeys(file)
    key, entry = new_key("ci")
    with pytest.raises(BadCredential):
        keys.grant(key, 0.0)
    append(file, entry)
    assert (keys.follow(), keys.follow()) == (True, False)
    assert keys.grant(key, 0.0).principal == "key:ci"
    file.write_text("")
    assert keys.follow()
    with pytest.raises(BadCredential):
        keys.grant(key, 0.0)


def test_a_file_that_is_taken_away_takes_its_keys_with_it_and_one_that_is_damaged_does_not(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    key, entry = new_key("ci")
    append(file, entry)
    keys = ApiKeys(file)
    with file.open("a") as opened:
        opened.write("{\n")
    with pytest.raises(UnusableKeys, match="line 2"):
        keys.follow()
    assert keys.grant(key, 0.0).principal == "key:ci"
    file.unlink()
    assert keys.follow()
    with pytest.raises(BadCredential):
        keys.grant(key, 0.0)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"id": "short"}, "hexadecimal digits"),
        ({"hash": "0" * 63}, "fromhex|hexadecimal digits"),
        ({"salt": ""}, "hexadecimal digits"),
        ({"name": ""}, "1 to 256 characters"),
        ({"name": "a\nb"}, "1 to 256 characters"),
        ({"scopes": ["a b"]}, "no spaces"),
        ({"more": 1}, "unknown field"),
        ({"expires": "soon"}, "Expected `float | null`"),
    ],
    ids=str,
)
def test_a_wrong_line_is_told_with_its_place(tmp_path: Path, changed: dict[str, object], problem: str) -> None:
    file = tmp_path / "keys"
    _, entry = new_key("ci")
    append(file, entry)
    _, second = new_key("two")
    with file.open("ab") as opened:
        opened.write(msgspec.json.encode({**msgspec.to_builtins(second), **changed}))
    with pytest.raises(UnusableKeys, match=f"keys, line 2: .*({problem})"):
        ApiKeys(file)


def test_two_keys_of_one_name_or_one_id_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    _, entry = new_key("ci")
    append(file, entry)
    with pytest.raises(UnusableKeys, match="has a key of the name 'ci'"):
        append(file, new_key("ci")[1])
    assert [each.name for each in entries(file)] == ["ci"]
    with file.open("ab") as opened:
        opened.write(msgspec.json.encode(msgspec.structs.replace(entry, name="other")))
    with pytest.raises(UnusableKeys, match=f"line 2: the id {entry.id} is there already"):
        entries(file)


def test_a_line_without_an_end_is_not_run_into_the_next(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    append(file, new_key("one")[1])
    file.write_text(file.read_text().rstrip("\n"))
    append(file, new_key("two")[1])
    assert [each.name for each in entries(file)] == ["one", "two"]


def test_a_file_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    append(file, new_key("one")[1])
    os.chmod(file, 0o620)  # noqa: PTH101 - as whoever made the mistake did
    with pytest.raises(UnusableKeys, match="chmod 600"):
        ApiKeys(file)


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnusableKeys, match="cannot be written"):
        append(tmp_path, new_key("one")[1])


def test_no_two_keys_are_the_same_and_each_has_256_random_bits() -> None:
    made = [new_key("ci") for _ in range(100)]
    assert len({key for key, _ in made}) == len({entry.salt for _, entry in made}) == 100
    assert {len(key.split("_", 2)[2]) for key, _ in made} == {43}
    assert isinstance(made[0][1], KeyEntry)
