"""Texts that could follow, as a distribution over tokens: what follows is as likely as the texts that go on with it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mcp_server.protocol.advanced.template.tokens import END, tokens_of


class Candidate(NamedTuple):
    """A whole continuation, and how much it is to be preferred (above 0)."""

    text: str
    weight: float


class Candidates:
    """The candidates that begin with the tokens taken so far."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._left = [(tokens_of(each.text), each.weight) for each in candidates]
        self._taken = 0

    def options(self) -> Mapping[str, float]:
        """The tokens that the candidates have next, each with the weight of all that have it."""
        options: dict[str, float] = {}
        for tokens, weight in self._left:
            token = tokens[self._taken] if self._taken < len(tokens) else END
            options[token] = options.get(token, 0.0) + weight
        return options

    def take(self, token: str) -> None:
        """Keep those that go on with ``token``."""
        at = self._taken
        self._left = [each for each in self._left if at < len(each[0]) and each[0][at] == token]
        self._taken += 1
