import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.keys import Keys
from adapters.seal import LONGEST, Broken, Seal

KEYS = Keys(b"k" * 32)
SEAL = Seal(KEYS, "tests")
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(max_size=300), st.text(max_size=50))
def test_what_is_closed_comes_back_to_its_owner(value: bytes, owner: str) -> None:
    text = SEAL.close(value, owner)
    assert SEAL.open(text, owner) == value
    assert set(text) <= set(CHARACTERS)


def test_no_bit_of_a_text_can_be_changed() -> None:
    for length in (0, 1, 2, 3, 40):  # the last character has bits that count for nothing in two of three lengths
        text = SEAL.close(b"x" * length, "alice")
        for place, character in enumerate(text):
            for bit in range(8):
                other = chr(ord(character) ^ 1 << bit)
                with pytest.raises(Broken):
                    SEAL.open(text[:place] + other + text[place + 1 :], "alice")
        assert SEAL.open(text, "alice") == b"x" * length  # the one that was not changed opens


def test_a_text_is_refused_that_is_anothers_or_for_something_else_or_of_another_server() -> None:
    text = SEAL.close(b"value", "alice")
    for seal, owner in (
        (SEAL, "bob"),
        (SEAL, ""),
        (Seal(KEYS, "other"), "alice"),
        (Seal(Keys(b"j" * 32), "tests"), "alice"),
    ):
        with pytest.raises(Broken, match="none of ours"):
            seal.open(text, owner)
    assert Seal(Keys(b"k" * 32), "tests").open(text, "alice") == b"value"


@pytest.mark.parametrize("text", ["", "A", "====", "no text of ours", "\ud800", "é" * 30, "A" * (LONGEST + 1), " "])
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(Broken):
        SEAL.open(text)


@pytest.mark.parametrize("around", ["{}=", "{}\n", " {}", "{}A", "A{}", "{}.", "{}-"])
def test_a_text_with_something_around_it_is_refused(around: str) -> None:
    text = SEAL.close(b"ab")
    with pytest.raises(Broken):
        SEAL.open(around.format(text))


def test_the_same_value_gives_another_text_each_time_and_does_not_show() -> None:
    texts = {SEAL.close(b"a plain value") for _ in range(100)}
    assert len(texts) == 100
    assert not any(b"plain" in base64.urlsafe_b64decode(text + "==") for text in texts)
