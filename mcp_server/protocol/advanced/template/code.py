"""Continuations of code: what is known, where the prompt stops, kept when the whole of it parses."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from mcp_server.protocol.advanced.template import braced_code, knowledge, python_code
from mcp_server.protocol.advanced.template.candidates import Candidate
from mcp_server.protocol.advanced.template.parsing import parses
from mcp_server.protocol.advanced.template.point import Head, Point, context_of

_MOST: Final = 24  # each is parsed, with up to 2,000 characters of prompt before it
_COMMENT: Final = re.compile(r"(?:^[ \t]*(?:#|//|/?\*)[^\n]*\n?)+\s*\Z", re.MULTILINE)


def requested(language: str, request: str) -> list[Candidate]:
    """Programs that a sentence asks for."""
    is_class = True if re.search(r"\b(?:class|struct)\b", request, re.IGNORECASE) else None
    if is_class is None and re.search(r"\bfunction|\bmethod", request, re.IGNORECASE):
        is_class = False
    found = list(knowledge.wholes(language, request, is_class))
    return found or list(knowledge.wholes(language, "", None))


def continued(language: str, prompt: str) -> list[Candidate]:
    """What could follow code: the prompt and any of them are a program without a syntax error.

    A prompt that nothing can make whole is followed by a program of its own.
    """
    text = context_of(prompt)
    seen = python_code.points(text) if language == "python" else braced_code.points(language, text)
    kept: list[Candidate] = []
    for point in seen:
        ranked = sorted(_tails(language, point, text), key=lambda tail: -tail.weight)
        whole = []
        for tail in islice(ranked, _MOST):
            after = point.bridge + (point.lead + tail.text if tail.text else "") + point.closing
            if parses(language, text + after):
                whole.append(Candidate(after, tail.weight))
        sum_ = sum(each.weight for each in whole)  # a way to see the end is as likely as it is, whatever could follow
        kept += [Candidate(each.text, each.weight / sum_ * point.weight) for each in whole]
    if kept:
        return kept
    return [Candidate("\n\n" + each.text, each.weight) for each in knowledge.wholes(language, text[-200:], None)]


def _tails(language: str, point: Point, text: str) -> Iterator[Candidate]:
    whole = text + point.bridge
    match point.expected:
        case "function":
            head = point.head or Head("")
            yield from knowledge.bodies(language, point, head, _comment_above(text), text)
        case "class":
            yield from knowledge.classes(language, point, _comment_above(text), text)
        case "top":
            yield from _new(language, point, text)
        case "expression":
            yield from knowledge.expressions(language, point.head or Head(""))
        case "block":
            yield from knowledge.blocks(language, point, whole)
            if language != "python":
                yield Candidate("", 0.01)
        case "statement":
            following = list(knowledge.statements(language, point, whole))
            yield from following
            yield Candidate("", 0.05 if following else 1.0)


def _new(language: str, point: Point, text: str) -> Iterator[Candidate]:
    """A function or class about what the comment above says."""
    comment = _COMMENT.search(text)
    about = comment[0] if comment else ""
    for whole in knowledge.wholes(language, about, None):
        yield Candidate(whole.text.replace("\n", "\n" + point.indent), whole.weight)


def _comment_above(text: str) -> str:
    """The comments before the head that the text ends with."""
    lines = text.rstrip().splitlines()[:-1]
    above = []
    for line in reversed(lines[-8:]):
        if not line.strip().startswith(("#", "//", "*", "/*", '"""')):
            break
        above.append(line)
    return "\n".join(above)
