"""Text that ends before the first of some strings."""

from hypothesis import given
from hypothesis import strategies as st

from mcp_server.protocol.advanced.stops import Stops

LETTERS = st.text("ab", max_size=12)


def letter_by_letter(text: str, stops: list[str]) -> tuple[str, bool]:
    """The oracle: add letters until the text ends with a stop."""
    for end in range(len(text) + 1):
        begins = [end - len(stop) for stop in stops if text[:end].endswith(stop)]
        if begins:
            return text[: min(begins)], True
    return text, False


@given(st.lists(LETTERS, max_size=8), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_a_text_ends_where_it_would_if_it_came_letter_by_letter(pieces: list[str], stops: list[str]) -> None:
    through = Stops(stops)
    told = "".join(through.add(letter) for piece in pieces for letter in piece) + through.rest()
    assert (told, through.met) == letter_by_letter("".join(pieces), stops)


@given(st.lists(LETTERS, max_size=8), st.text("ab", min_size=1, max_size=4))
def test_how_a_text_is_cut_into_pieces_makes_no_difference(pieces: list[str], stop: str) -> None:
    through = Stops([stop])
    told = "".join(map(through.add, pieces)) + through.rest()
    assert (told, through.met) == letter_by_letter("".join(pieces), [stop])


def test_only_what_could_still_become_a_stop_is_held_back() -> None:
    through = Stops(["END"])
    assert [through.add(piece) for piece in ("one E", "N", "d", " EN", "D two", "three")] == [
        "one ",
        "",
        "ENd",
        " ",
        "",
        "",
    ]
    assert through.met
