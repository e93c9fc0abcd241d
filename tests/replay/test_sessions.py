"""From what a user types to the session that is meant."""

import pytest

from replay.sessions import UnknownSession, resolve
from tests.replay.live import ONE, TWO, Live


def two_sessions() -> Live:
    live = Live()
    live.open(ONE)
    live.open(TWO)
    return live


@pytest.mark.parametrize(("text", "session"), [(ONE, ONE), (TWO, TWO), ("last", TWO), (TWO.upper(), TWO)])
def test_an_id_or_last_names_a_session(text: str, session: str) -> None:
    assert resolve(two_sessions().reader(), text) == session


def test_the_beginning_of_an_id_is_enough_when_it_is_unique() -> None:
    live = Live()
    live.open(ONE)
    assert resolve(live.reader(), ONE[:4]) == ONE


@pytest.mark.parametrize(("text", "told"), [("0190", "begins several sessions"), ("f", "there is no session 'f'")])
def test_anything_else_is_refused_with_what_to_do(text: str, told: str) -> None:
    with pytest.raises(UnknownSession, match=told):
        resolve(two_sessions().reader(), text)


def test_an_empty_log_says_how_to_begin() -> None:
    with pytest.raises(UnknownSession, match="mcp-rewind serve"):
        resolve(Live().reader(), "last")
