"""Searching a file with a tree-sitter query that the caller gives."""

import difflib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from mcp_server.features.results import ToolError
from mcp_server.plugins.code.budget import Budget, OutOfTime
from mcp_server.plugins.code.parsing import Parsed
from mcp_server.plugins.code.source import Source, one_line
from mcp_server.plugins.code.values import Capture, Match, Matches

QUERY_LENGTH: Final = 4096
"""The most characters of a query."""

SECONDS: Final = 5.0
"""The most seconds that a query may take."""

MEMORY: Final = 1024 * 1024 * 1024
"""The most bytes that the process may have that runs a query."""

_WORKER: Final = Path(__file__).with_name("query_worker.py")
_WHERE: Final = re.compile(r"at row (\d+)(?:, column (\d+))?(?:: (.*))?", re.DOTALL)
_TEXT: Final = 200
_NOT_ANY_OF: Final = "#not-any-of?"


def run_query(parsed: Parsed, query: str, most: int, budget: Budget) -> Matches:
    """The first matches of a query, in the matcher's order.

    It runs in a process of its own, which is killed when it takes too long: nothing stops the matcher otherwise.

    Raises:
        ToolError: The query is wrong, or takes too much time or memory.
    """
    if _NOT_ANY_OF in query:
        # The library lets everything pass that is not equal to all of the values.
        raise ToolError(f"the query has {_NOT_ANY_OF}, which is not evaluated rightly; write a #not-eq? for each value")
    source = parsed.source
    task = {
        "grammar": parsed.language.module,
        "query": query,
        "text": source.content.decode(),
        "matches": most,
        "memory": MEMORY,
    }
    answer = _ask(json.dumps(task).encode(), budget)
    if "error" in answer:
        raise ToolError(_explained(answer, query))
    matches = (Match(number, tuple(_capture(source, *each) for each in found)) for number, found in answer["matches"])
    return Matches(tuple(matches), answer["more"])


def _ask(task: bytes, budget: Budget) -> dict[str, Any]:
    seconds = min(SECONDS, budget.left())
    command = [sys.executable, "-I", str(_WORKER)]
    try:
        # Its arguments are ours alone; what the caller gave goes through the pipe.
        done = subprocess.run(command, input=task, capture_output=True, timeout=seconds, check=False, cwd="/")  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise OutOfTime(f"the query took more than {SECONDS:g} s; make it narrower, or search less code") from error
    except OSError as error:
        raise ToolError(f"the process for queries could not be started: {error.strerror}") from error
    if done.returncode:
        return {"error": "memory"}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _explained(answer: dict[str, Any], query: str) -> str:
    if answer["error"] == "memory":
        return "the query needed too much memory; make it narrower, or search less code"
    if answer["error"] == "predicate":
        known = ", ".join(f"#{name}?" if name != "set" else "#set!" for name in answer["kinds"])
        return f"the query has a predicate #{answer['text']} that is not known; there are {known}"
    return f"the query is wrong{_located(answer['text'], query, answer['kinds'])}"


def _located(text: str, query: str, kinds: list[str]) -> str:
    """What the library says about a query, with its position counted from 1 and the nearest known name."""
    if (where := _WHERE.search(text)) is None:
        return f": {text}" + (": a bracket or quote is not closed" if "EOF" in text else "")
    row, column, what = int(where[1]), where[2], (where[3] or "").strip()
    place = f" at line {row + 1}" + (f", column {_column(query, row, int(column))}" if column else "")
    said = text[: where.start()].strip().lower()
    # The library quotes all the rest of the line; the name is its first word.
    word = re.match(r"[\w.-]*", what)
    name = word[0] if word is not None else ""
    if said.startswith(("invalid node type", "invalid field name")):
        near = difflib.get_close_matches(name, kinds, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{place}: {said} {name!r}{hint}"
    return f"{place}: {said}" + (f": {one_line(what, 80)}" if what else "")


def _column(query: str, row: int, column: int) -> int:
    lines = query.encode().split(b"\n")
    return len(lines[row][:column].decode("utf-8", "replace")) + 1 if row < len(lines) else column + 1


def _capture(source: Source, name: str, kind: str, start: int, end: int) -> Capture:
    text = one_line(source.text(start, min(end, start + 4 * _TEXT)), _TEXT)
    return Capture(name, kind, text, *source.position(start), *source.position(end))
