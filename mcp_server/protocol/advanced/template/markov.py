"""A model of up to four words that backs off to shorter contexts by linear interpolation (Jelinek and Mercer 1980)."""

from collections.abc import Iterable, Mapping, Sequence

from mcp_server.protocol.advanced.template.tokens import END

_ORDER = 4
_START = "\0"
_LONGER = 0.8  # the share of the longer context; with more, a small corpus only repeats its own sentences


class Markov:
    """Which tokens follow which, learned from paragraphs."""

    def __init__(self, paragraphs: Iterable[tuple[Sequence[str], float]]) -> None:
        """Learn; the number with a paragraph says how often it counts."""
        self._follow: dict[tuple[str, ...], dict[str, float]] = {}
        for tokens, weight in paragraphs:
            padded = [_START] * (_ORDER - 1) + [*tokens, END]
            for end in range(_ORDER - 1, len(padded)):
                for length in range(_ORDER):
                    following = self._follow.setdefault(tuple(padded[end - length : end]), {})
                    following[padded[end]] = following.get(padded[end], 0.0) + weight

    def walk(self, tokens: Sequence[str]) -> "Walk":
        """Go on after ``tokens``; a paragraph begins when there are none."""
        return Walk(self._follow, ([_START] * (_ORDER - 1) + list(tokens))[1 - _ORDER :])


class Walk:
    """One way through a model: a source of tokens."""

    def __init__(self, follow: Mapping[tuple[str, ...], Mapping[str, float]], before: list[str]) -> None:
        self._follow = follow
        self._before = before

    def options(self) -> Mapping[str, float]:
        """What followed the last three tokens, the last two, and the last one; any token only after one never seen."""
        contexts = [tuple(self._before[_ORDER - 1 - length :]) for length in range(1, _ORDER)]
        known = [self._follow[context] for context in contexts if context in self._follow] or [self._follow[()]]
        shares: dict[str, float] = {}
        for following in known:  # from the shortest context to the longest
            longer = _LONGER if shares else 1.0
            scale = longer / sum(following.values())
            shares = {token: share * (1 - longer) for token, share in shares.items()}
            for token, count in following.items():
                shares[token] = shares.get(token, 0.0) + count * scale
        return shares

    def take(self, token: str) -> None:
        """Go on from ``token``."""
        self._before = [*self._before[1:], token]
