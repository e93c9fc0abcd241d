"""Continuations of prose."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from mcp_server.protocol.advanced.template.corpus import paragraphs
from mcp_server.protocol.advanced.template.markov import Markov
from mcp_server.protocol.advanced.template.tokens import tokens_of
from mcp_server.protocol.advanced.template.words import words_in

_NEAR: Final = 8.0  # how much more often a paragraph counts for each word that it shares with the prompt
_FAR: Final = 0.02  # how often one counts that shares none, where others do and an answer is asked for
_END: Final = 1000  # how much of a prompt is looked at, in characters
_ASKS: Final = re.compile(
    r"\s*(?:please |can you |could you |would you )*"
    r"(?:(?P<order>explain|describe|summari[sz]e|tell|write|give|generate|create|compose|draft|list|continue|say|translate)\b.*"
    r"|(?:what|who|why|how|when|where|which|is|are|do|does|can|should)\b.*\?)\s*",
    re.IGNORECASE | re.DOTALL,
)
"""A text that asks for another one, not for its own end."""

_JOINTS: Final = frozenset({" is", " and", " that", " in", " with", " when", ",", "."})
_COMMON: Final = frozenset(
    re.findall(
        r"\w+",
        """a about all an and any are as at be been before but by can could did do does explain for from had has have
        he her his how i if in into is it its me my no not of on once one only or our out s say she so some
        tell than that the their them then there they thing this time to too up upon us very was we were
        what when where which who why will with would you your write give generate create describe summarize
        please continue draft compose short text list""",
    )
)


def learn(prompt: str) -> Markov:
    """The model of all paragraphs, in which those count more that are about the same things as ``prompt``."""
    about = words_in(prompt[-_END:], _COMMON)
    shared = [len(about & words) for _, words in _known()]
    other = _FAR if asks(prompt) and any(shared) else 1.0
    weights = [_NEAR**count if count else other for count in shared]
    return Markov(((tokens, weight) for (tokens, _), weight in zip(_known(), weights, strict=True)), _JOINTS)


def asks(prompt: str) -> bool:
    """Whether the prompt is a question or an order, so that an answer follows and not the rest of its sentence."""
    return _ASKS.fullmatch(prompt[-_END:]) is not None


class Prose:
    """A source of prose that goes on from ``prompt``."""

    def __init__(self, model: Markov, prompt: str) -> None:
        end = prompt[-_END:]
        begins = asks(prompt) or _is_whole(end)
        self._walk = model.walk([] if begins else _spaced(end.rstrip()))
        self._has_space = not end or end[-1].isspace()
        self._lead = "\n\n" if asks(prompt) and not self._has_space else ""

    def options(self) -> Mapping[str, float]:
        """The tokens that can come next; the first has no space when the prompt brings it."""
        if self._lead:
            return {self._lead: 1.0}
        options = self._walk.options()
        return {token.removeprefix(" "): weight for token, weight in options.items()} if self._has_space else options

    def take(self, token: str) -> None:
        """Go on from ``token``."""
        if self._lead:
            self._lead, self._has_space = "", True
            return
        self._walk.take(f" {token}" if self._has_space else token)
        self._has_space = False


@cache
def _known() -> tuple[tuple[Sequence[str], frozenset[str]], ...]:
    """The tokens of each paragraph, and what it is about."""
    return tuple((_spaced(each.text), words_in(f"{each.text} {each.words}", _COMMON)) for each in paragraphs())


def _is_whole(text: str) -> bool:
    """Whether a sentence would begin next."""
    return not text.strip() or re.search(r"[.!?:][\"')]*\s*\Z|\n\s*\Z", text) is not None


def _spaced(text: str) -> Sequence[str]:
    """Tokens, the first with a space before it as if it stood in a sentence."""
    return tokens_of(" " + text)
