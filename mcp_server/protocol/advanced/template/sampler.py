"""Draws the next token from what a source offers."""

from collections.abc import Mapping
from itertools import accumulate
from random import Random
from typing import Protocol

from mcp_server.protocol.advanced.sampling import SamplingConfig


class Source(Protocol):
    """A distribution over the next token, given those that were taken."""

    def options(self) -> Mapping[str, float]:
        """The tokens that can come next, each with its weight; the weights need not add up to anything."""

    def take(self, token: str) -> None:
        """``token`` is what came next."""


class Sampler:
    """Chooses by temperature, ``top_k`` and ``top_p``, in this order, with a generator of its own."""

    def __init__(self, sampling: SamplingConfig, seed: str) -> None:
        # From a string, Random makes its state with SHA-512: the same in every process.
        self._random = Random(seed)  # noqa: S311 - reproducible on purpose, and nothing secret depends on it
        self._sampling = sampling

    def pick(self, options: Mapping[str, float]) -> str:
        """One of the tokens; of equally likely ones, none is preferred for its place in ``options``."""
        ranked = sorted(options.items(), key=lambda option: (-option[1], option[0]))[: self._sampling.top_k]
        temperature, likeliest = self._sampling.temperature, ranked[0][1]
        if temperature == 0 or len(ranked) == 1:
            return ranked[0][0]
        shares = [(weight / likeliest) ** (1 / temperature) for _, weight in ranked]
        kept = list(accumulate(shares))
        limit = self._sampling.top_p * kept[-1]
        nucleus = next((count for count, sum_ in enumerate(kept, 1) if sum_ >= limit), len(kept))
        drawn = self._random.random() * kept[nucleus - 1]
        return next((ranked[place][0] for place in range(nucleus) if kept[place] > drawn), ranked[nucleus - 1][0])
