"""Where a piece of code stops, and what is expected there."""

import re
from typing import Final, Literal, NamedTuple, TypeAlias

from mcp_server.protocol.advanced.template.corpus import Param

CONTEXT_LIMIT: Final = 2000
"""How much of a prompt's end is looked at, in characters."""

_ATTEMPTS: Final = 30_000  # characters that are parsed to find out where a prompt stops, each way to see it twice

UNIT: Final = {"python": "    ", "javascript": "  ", "c": "    "}
"""One step of indentation."""

_TOP: Final = re.compile(r"^(?!else|elif|except|finally)[\w@#/$]", re.MULTILINE)

Expected: TypeAlias = Literal["function", "class", "block", "statement", "top", "expression"]
"""The body of a function, class or other block, more statements, something new at the top level, or a value."""


class Head(NamedTuple):
    """The head of a function or class.

    Attributes:
        name: What it is called; empty when it has no name.
        params: Those that it must be called with, and the others.
        is_method: Whether it belongs to a class.
        returns: In C, the type of what it returns.
    """

    name: str
    params: tuple[Param, ...] = ()
    is_method: bool = False
    returns: str = ""


class Point(NamedTuple):
    """One way to see the end of a prompt.

    Attributes:
        bridge: What makes the last line of the prompt whole.
        expected: What can come after the bridge.
        lead: What stands between the bridge and that.
        indent: The indentation of its lines.
        closing: What must come after it.
        head: The function or class that it stands in.
        is_documented: Whether that has a docstring already.
        weight: How likely it is seen like this (above 0).
    """

    bridge: str
    expected: Expected
    lead: str = ""
    indent: str = ""
    closing: str = ""
    head: Head | None = None
    is_documented: bool = False
    weight: float = 1.0


def context_of(prompt: str) -> str:
    """The end of the prompt, from the beginning of something at its top level."""
    if len(prompt) <= CONTEXT_LIMIT:
        return prompt
    end = prompt[-CONTEXT_LIMIT:]
    first = _TOP.search(end, end.find("\n") + 1)
    return end[first.start() :] if first else end


def lead_to(indent: str, typed: str | None) -> str:
    """What comes before a line of this indentation; ``typed`` is what the prompt has of it, None when no line began."""
    if typed is None:
        return "\n" + indent
    return indent[len(typed) :]


def typed_indent(prompt: str) -> str | None:
    """The indentation of the line that the prompt ends with, when there is nothing else in it; None when there is."""
    line = prompt.rpartition("\n")[2]
    return line if "\n" in prompt and not line.strip() else (None if prompt.strip() else "")


def with_names(text: str, head: Head | None, middles: tuple[str, ...]) -> tuple[str, ...]:
    """What an unfinished line may lack: nothing, a parameter of its function, or one of the others."""
    names = tuple(f" {param.name}" for param in head.params[:2]) if head else ()
    wants_value = re.search(r"\b(?:return|yield|await)\s*\Z", text) is not None
    ranked = (*names, *middles) if wants_value else (middles[0], *names, *middles[1:])
    return tuple(each.lstrip() for each in ranked) if text[-1:].isspace() else ranked


def attempts(text: str) -> int:
    """How many ways to see the end of a text are tried: text that is no program costs a parser some time."""
    return max(12, _ATTEMPTS // (len(text) + 1))


def point_weight(rank: int) -> float:
    """How likely the way that was found as the first, second and so on is."""
    return 0.1 ** (rank - 1)
