"""A model of up to four words that backs off to shorter contexts by linear interpolation (Jelinek and Mercer 1980)."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from mcp_server.protocol.advanced.template.tokens import END

_ORDER = 4
_START = "\0"
_LONGER = 0.8  # the share of the longer context; with more, a small corpus only repeats its own sentences
_ENDS = frozenset({".", "!", "?"})


class Markov:
    """Which tokens follow which, learned from paragraphs."""

    def __init__(
        self, paragraphs: Iterable[tuple[Sequence[str], float]], joints: Collection[str] = frozenset()
    ) -> None:
        """Learn; the number with a paragraph says how often it counts.

        ``joints`` are the tokens that may follow any word.
        """
        self._follow: dict[tuple[str, ...], dict[str, float]] = {}
        for tokens, weight in paragraphs:
            padded = [_START] * (_ORDER - 1) + [*tokens, END]
            for end in range(_ORDER - 1, len(padded)):
                for length in range(_ORDER):
                    following = self._follow.setdefault(tuple(padded[end - length : end]), {})
                    following[padded[end]] = following.get(padded[end], 0.0) + weight

        #: What may follow a word that was never seen.
        whole = self._follow.get((), {})
        self._joints = {token: count for token, count in whole.items() if token in joints} or whole

    def walk(self, tokens: Sequence[str]) -> "Walk":
        """Go on after ``tokens``; a paragraph begins when there are none."""
        return Walk(self._follow, self._joints, ([_START] * (_ORDER - 1) + list(tokens))[1 - _ORDER :])


class Walk:
    """One way through a model: a source of tokens."""

    def __init__(
        self,
        follow: Mapping[tuple[str, ...], Mapping[str, float]],
        joints: Mapping[str, float],
        before: list[str],
    ) -> None:
        self._follow = follow
        self._joints = joints
        self._before = before

    def options(self) -> Mapping[str, float]:
        """What followed the last three tokens, and the last two.

        What followed the last one alone counts where nothing else is known, and where a sentence begins: in the middle
        of one, two that share no more than a word do not go together.
        """
        contexts = [tuple(self._before[_ORDER - 1 - length :]) for length in range(1, _ORDER)]
        known = [self._follow[context] for context in contexts if context in self._follow] or [self._joints]
        if len(known) > 1 and self._before[-1] not in _ENDS:
            known = known[1:]
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
