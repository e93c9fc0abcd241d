"""What every campaign is given, and what it has to say at the end."""

from collections.abc import Callable, Coroutine
from pathlib import Path

from msgspec import Struct, field

MOST_TOLD = 20
"""Violations that are kept word for word; the others are only counted."""


class Setting(Struct, frozen=True, kw_only=True):
    """How to run one campaign.

    Attributes:
        seed: Everything that chance decides follows from it, apart from what the scheduler does.
        count: How much to do, in the campaign's own unit.
        short: Whether a few seconds are all there is.
        scratch: An empty folder.
        tell: Called now and then with how much is done, and a few words.
    """

    seed: int
    count: int
    short: bool
    scratch: Path
    tell: Callable[[int, str], None] = lambda _done, _words: None


class Control(Struct, frozen=True):
    """A run that must go wrong, to show that the campaign would notice.

    Attributes:
        name: What was broken on purpose.
        caught: Whether the campaign noticed.
        words: What it noticed, or that it did not.
    """

    name: str
    caught: bool
    words: str


class Outcome(Struct):
    """What a campaign found.

    Attributes:
        counts: Figures by name, for the table.
        broken: How many promises were broken.
        violations: The first of those, in words.
        controls: What the campaign was shown to notice.
        notes: What a reader must know to judge the figures.
    """

    counts: dict[str, int | float | str] = field(default_factory=dict)
    broken: int = 0
    violations: list[str] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, number: float) -> None:
        """Count something."""
        before = self.counts.get(name, 0)
        self.counts[name] = number + (before if isinstance(before, int | float) else 0)

    def most(self, name: str, number: float) -> None:
        """Keep the largest of some figures."""
        before = self.counts.get(name, 0.0)
        self.counts[name] = max(number, before if isinstance(before, int | float) else 0.0)

    def violation(self, words: str) -> None:
        """A promise was broken."""
        self.broken += 1
        if len(self.violations) < MOST_TOLD:
            self.violations.append(words)

    @property
    def holds(self) -> bool:
        """Whether nothing was broken, and every control was noticed."""
        return not self.broken and all(control.caught for control in self.controls)


class Campaign(Struct, frozen=True):
    """One campaign.

    Attributes:
        name: For the command line.
        unit: What ``count`` counts.
        full: The count of a full run.
        short: The count of the run that is part of ``make test``.
        run: Runs it.
    """

    name: str
    unit: str
    full: int
    short: int
    run: Callable[[Setting], Coroutine[None, None, Outcome]]
