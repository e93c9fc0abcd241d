"""Ends a text before the first of some strings, although it comes in pieces."""

from collections.abc import Sequence


class Stops:
    """Lets text through as far as it cannot be the beginning of a string that ends it.

    Attributes:
        met: Whether one of the strings has come. What is added then is dropped.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.met = False
        self._stops = stops
        self._held = ""

    def add(self, text: str) -> str:
        """Take the next piece; returns what of the text so far is certain, and was not returned before."""
        if self.met:
            return ""
        held = self._held + text
        found = [(place + len(stop), place) for stop in self._stops if (place := held.find(stop)) >= 0]
        if found:  # the one that is complete first, as if the text came letter by letter
            self.met, self._held = True, ""
            return held[: min(found)[1]]
        keep = max((_overlap(held, stop) for stop in self._stops), default=0)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]

    def rest(self) -> str:
        """What was held back, when nothing more comes."""
        rest, self._held = self._held, ""
        return rest


def _overlap(text: str, stop: str) -> int:
    """The longest end of ``text`` that ``stop`` begins with."""
    longest = min(len(text), len(stop) - 1)
    return next((length for length in range(longest, 0, -1) if text.endswith(stop[:length])), 0)
