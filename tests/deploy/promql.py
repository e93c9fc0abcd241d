"""What a PromQL expression names. Source: the lexer of Prometheus, promql/parser/lex.go."""

import re
from typing import NamedTuple

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_MATCHERS = re.compile(r"\{([^{}]*)\}")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_RANGE = re.compile(r"\[[^\]]*\]")
_NUMBER = re.compile(r"(?<![\w:])(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w:])")
_WORD = re.compile(r"([a-zA-Z_:][\w:]*)\s*(\(?)")
_KEYWORDS = {"and", "or", "unless", "bool", "offset", "sum", "topk", "max", "min", "avg", "count"}


class Named(NamedTuple):
    """The metrics and the labels in an expression."""

    metrics: set[str]
    labels: set[str]


def named(expression: str) -> Named:
    """What ``expression`` names. Its brackets are to be in pairs."""
    bare = _STRING.sub('""', expression)
    for left, right in ("()", "{}", "[]"):
        assert bare.count(left) == bare.count(right), f"{expression}: {left} and {right}"
    labels = {name for found in _MATCHERS.findall(bare) for name in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*""', found)}
    labels |= {name.strip() for _, names in _GROUPING.findall(bare) for name in names.split(",") if name.strip()}
    for pattern in (_MATCHERS, _GROUPING, _RANGE, _NUMBER):
        bare = pattern.sub(" ", bare)
    metrics = {word for word, call in _WORD.findall(bare) if not call and word not in _KEYWORDS}
    return Named(metrics, labels)
