"""A process that runs one tree-sitter query: a program of its own, without anything else of this distribution.

A query may take exponential time, a pattern in it too, its matches any amount of memory, and no call stops the matcher
on its way. So it runs where it can be killed, with a bound on its memory. Reads one JSON object from its standard
input: ``grammar``, ``query``, ``text``, ``matches``, ``memory``; writes one to its standard output: either ``matches``,
each the number of a pattern and its captures as name, kind, start and end byte, and ``more``; or ``error``.
"""

import contextlib
import importlib
import json
import resource
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tree_sitter import Node

BUILT_IN = (
    *("eq", "not-eq", "any-eq", "any-not-eq", "match", "not-match", "any-match", "any-not-match"),
    *("any-of", "is", "is-not", "set"),
)
"""The predicates that the library evaluates."""


def main() -> None:
    """Run the query that the standard input holds."""
    task: dict[str, Any] = json.load(sys.stdin.buffer)
    with contextlib.suppress(OSError, ValueError):  # where the system knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (task["memory"], task["memory"]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = run(task)
    except MemoryError:
        answer = {"error": "memory", "text": ""}
    json.dump(answer, sys.stdout)


def run(task: dict[str, Any]) -> dict[str, Any]:
    """The answer to a task."""
    from tree_sitter import Language, Parser, Query, QueryCursor, QueryError

    language = Language(importlib.import_module(task["grammar"]).language())
    try:
        query = Query(language, task["query"])
    except (QueryError, ValueError) as error:
        return {"error": "query", "text": str(error), "kinds": kinds(language)}
    unknown: set[str] = set()

    def refuse(predicate: str, args: object, pattern_index: int, captures: object) -> bool:  # noqa: ARG001 # by name
        unknown.add(predicate)
        return False

    root = Parser(language).parse(task["text"].encode()).root_node
    found = QueryCursor(query).matches(root, refuse)
    if unknown:
        return {"error": "predicate", "text": min(unknown), "kinds": list(BUILT_IN)}
    most = task["matches"]
    matches = [[pattern, captures_of(captures)] for pattern, captures in found[:most]]
    return {"matches": matches, "more": len(found) > most}


def captures_of(captures: "dict[str, list[Node]]") -> list[tuple[str, str, int, int]]:
    """Captures in the order of the source; at most 100 of a match."""
    listed = [(name, node.type, node.start_byte, node.end_byte) for name, nodes in captures.items() for node in nodes]
    return sorted(listed, key=lambda each: (each[2], -each[3]))[:100]


def kinds(language: Any) -> list[str]:
    """The kinds and fields that a query may name."""
    named = {language.node_kind_for_id(number) for number in range(language.node_kind_count)}
    fields = {language.field_name_for_id(number) for number in range(1, language.field_count + 1)}
    return sorted(name for name in named | fields if name)


if __name__ == "__main__":
    main()
