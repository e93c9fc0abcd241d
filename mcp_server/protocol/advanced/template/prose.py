"""Continuations of prose."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from mcp_server.protocol.advanced.template.corpus import paragraphs
from mcp_server.protocol.advanced.template.markov import Markov
from mcp_server.protocol.advanced.template.tokens import tokens_of
from mcp_server.protocol.advanced.template.words import words_in

_NEAR: Final = 4.0  # how much more often a paragraph counts for each word that it shares with the prompt
_END: Final = 1000  # how much of a prompt is looked at, in characters
_COMMON: Final = frozenset(
    re.findall(
        r"\w+",
        """a about all an and any are as at be been before but by can could did do does explain for from had has have
        he her his how i if in into is it its me my no not of on once one only or our out s say she so some
        tell than that the their them then there they thing this time to too up upon us very was we were
        what when where which who why will with would you your""",
    )
)


def learn(prompt: str) -> Markov:
    """The model of all paragraphs, in which those count more that are about the same things as ``prompt``."""
    about = words_in(prompt[-_END:], _COMMON)
    return Markov((tokens, 1 + _NEAR * len(about & words)) for tokens, words in _known())


class Prose:
    """A source of prose that goes on from ``prompt``."""

    def __init__(self, model: Markov, prompt: str) -> None:
        end = prompt[-_END:]
        self._walk = model.walk([] if _is_whole(end) else _spaced(end.rstrip()))
        self._has_space = not end or end[-1].isspace()

    def options(self) -> Mapping[str, float]:
        """The tokens that can come next; the first has no space when the prompt brings it."""
        options = self._walk.options()
        return {token.removeprefix(" "): weight for token, weight in options.items()} if self._has_space else options

    def take(self, token: str) -> None:
        """Go on from ``token``."""
        self._walk.take(f" {token}" if self._has_space else token)
        self._has_space = False


@cache
def _known() -> tuple[tuple[Sequence[str], frozenset[str]], ...]:
    """The tokens of each paragraph, and what it is about."""
    return tuple((_spaced(each), words_in(each, _COMMON)) for each in paragraphs())


def _is_whole(text: str) -> bool:
    """Whether a sentence would begin next."""
    return not text.strip() or re.search(r"[.!?:][\"')]*\s*\Z|\n\s*\Z", text) is not None


def _spaced(text: str) -> Sequence[str]:
    """Tokens, the first with a space before it as if it stood in a sentence."""
    return tokens_of(" " + text)
