"""What a figure is: a measured value beside what it is to reach."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec


class Goal(msgspec.Struct, frozen=True):
    """What a figure is to reach: ``floor`` at least, ``aim`` if it can. ``rising`` says whether more is better."""

    floor: float
    aim: float
    unit: str
    rising: bool = True

    def verdict(self, value: float) -> str:
        """One word."""
        sign = 1 if self.rising else -1
        if sign * value >= sign * self.aim:
            return "aim"
        return "ok" if sign * value >= sign * self.floor else "MISSED"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that was measured.

    Attributes:
        value: What is judged; the median where there were several rounds.
        low: The least of the rounds.
        high: The most of them.
        goal: None for a figure that is only told.
        unit: Of such a figure.
        words: The measured quantities behind the value, for people.
        details: The same for programs.
    """

    name: str
    value: float
    low: float
    high: float
    goal: Goal | None
    words: str
    unit: str = "x"
    details: dict[str, Any] = {}

    @property
    def verdict(self) -> str:
        return self.goal.verdict(self.value) if self.goal else ""


class Setting(msgspec.Struct, frozen=True):
    """How long and where to measure.

    Attributes:
        quick: Whether a rough answer soon is wanted.
        scratch: An empty folder on the disk whose speed counts; removed afterwards.
        say: Told what is going on.
    """

    quick: bool
    scratch: Path
    say: Callable[[str], None]

    @property
    def rounds(self) -> int:
        return 3 if self.quick else 7

    @property
    def tries(self) -> int:
        """How often a window is measured at most, while the machine's host gives its processors to others."""
        return 4 if self.quick else 8

    @property
    def window(self) -> float:
        """Seconds for which each round counts."""
        return 2.0 if self.quick else 4.0


class Figures(msgspec.Struct, frozen=True):
    """Figures that are measured together. ``names`` are what ``--only`` takes."""

    names: tuple[str, ...]
    measure: Callable[[Setting, Sequence[str]], list[Result]]


def judged(name: str, values: Sequence[float], goal: Goal | None, words: str, **details: Any) -> Result:
    """Make a result of several rounds."""
    return Result(
        name=name,
        value=median(values),
        low=min(values),
        high=max(values),
        goal=goal,
        words=words,
        unit=goal.unit if goal else "x",
        details={"rounds": list(values), **details},
    )


def told(name: str, values: Sequence[float], unit: str, words: str) -> Result:
    """Make a result of several rounds that has nothing to reach."""
    return Result(
        name=name, value=median(values), low=min(values), high=max(values), goal=None, unit=unit, words=words,
        details={"rounds": list(values)},
    )  # fmt: skip
