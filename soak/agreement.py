"""What the tools' answers about one file must agree with: the file's text, and each other."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Answers = Mapping[str, Any]
"""The structured content of each tool's answer, by the tool's name without its language."""

Lines = Callable[[str], list[str]]
"""The lines of a file of the workspace, without their ends."""

NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
"""What is a name in all three languages."""

_CUT: Final = 200
_MOST: Final = 1000
_STATEMENT: Final = 200  # lines, in which what is imported stands behind each of its names


def disagreements(path: str, lines_of: Lines, asked: str, answers: Answers) -> Iterator[str]:
    """What is wrong with the answers about the file at ``path``; ``asked`` is the name that was looked for, if any."""
    lines = lines_of(path)
    yield from _outline(lines, answers["outline"])
    yield from _errors(lines, answers["syntax_errors"], answers["outline"])
    yield from _metrics(lines, answers["metrics"])
    yield from _coverage(answers["doc_coverage"])
    yield from _imports(path, lines, answers["imports"])
    yield from _captures(lines, answers["query"])
    if asked:
        yield from _places(path, lines_of, asked, answers["definition"], answers["references"])


def symbols(outline: Any) -> Iterator[tuple[Any, Any]]:
    """All symbols of an outline, each with the one it is inside of; None at the top."""
    waiting = [(symbol, None) for symbol in outline["symbols"]]
    while waiting:
        symbol, parent = waiting.pop()
        yield symbol, parent
        waiting.extend((child, symbol) for child in symbol.get("children", ()))


def _outline(lines: list[str], outline: Any) -> Iterator[str]:
    for symbol, parent in symbols(outline):
        first, last = symbol["line"], symbol["end_line"]
        if not 1 <= first <= last <= len(lines):
            yield f"outline: {symbol['name']!r} is on the lines {first} to {last} of {len(lines)}"
        elif not any(symbol["name"].split(".")[-1] in line for line in lines[first - 1 : last]):
            yield f"outline: {symbol['name']!r} is not on the lines {first} to {last}"
        elif parent is not None and not parent["line"] <= first <= last <= parent["end_line"]:
            yield f"outline: {symbol['name']!r} is not inside {parent['name']!r}"


def _errors(lines: list[str], found: Any, outline: Any) -> Iterator[str]:
    if outline["has_errors"] != (found["count"] > 0):
        yield f"{found['count']} syntax errors, and the outline says has_errors={outline['has_errors']}"
    if len(found["errors"]) != min(found["count"], 200):
        yield f"{len(found['errors'])} of {found['count']} syntax errors are told"
    for error in found["errors"]:
        if not (1 <= error["line"] <= len(lines) + 1 and (error["line"], error["column"]) <= _end(error)):
            yield f"syntax_errors: there is no place {error['line']}:{error['column']}"


def _end(place: Any) -> tuple[int, int]:
    return place["end_line"], place["end_column"]


def _metrics(lines: list[str], found: Any) -> Iterator[str]:
    total = len(lines) - (lines[-1] == "")
    blank = sum(not line.encode("utf-8", "replace").strip() for line in lines[:total])
    if (found["lines"], found["blank"]) != (total, blank):
        yield f"metrics: {found['lines']} lines, {found['blank']} blank; there are {total} and {blank}"
    if found["code"] + found["comment"] + found["blank"] != found["lines"]:
        yield "metrics: the kinds of lines do not add up"
    for function in found["functions"]:
        if function["line"] + function["lines"] - 1 > max(total, 1) or function["complexity"] < 1:
            yield f"metrics: {function} in a file of {total} lines"


def _coverage(found: Any) -> Iterator[str]:
    lacking = found["total"] - found["documented"]
    if lacking < 0 or len(found["missing"]) != min(lacking, _MOST):
        yield f"doc_coverage: {found['documented']} of {found['total']}, and {len(found['missing'])} are missing"


def _imports(path: str, lines: list[str], found: Any) -> Iterator[str]:
    if found["files"] != 1:
        yield f"imports: {found['files']} files were read"
    for each in found["imports"]:
        words = NAME.findall(each["module"])
        near = "\n".join(lines[each["line"] - 1 : each["line"] - 1 + _STATEMENT])
        if each["path"] != path or not all(word in near for word in words):
            yield f"imports: {each['module']!r} is not on line {each['line']} of {each['path']}"


def _captures(lines: list[str], found: Any) -> Iterator[str]:
    for match in found["matches"]:
        for capture in match["captures"]:
            there = lines[capture["line"] - 1][capture["column"] - 1 : capture["end_column"] - 1]
            if capture["line"] != capture["end_line"] or there[:_CUT] != capture["text"]:
                yield f"query: {capture['text']!r} is said to be at {capture['line']}:{capture['column']}: {there!r}"


def _places(path: str, lines_of: Lines, asked: str, defined: Any, used: Any) -> Iterator[str]:
    for what, found in (("definition", defined), ("references", used)):
        if found["name"] != asked:
            yield f"{what}: {found['name']!r} was looked for, and not {asked!r}"
        for place in found["places"]:
            there = lines_of(place["path"])[place["line"] - 1][place["column"] - 1 : place["end_column"] - 1]
            if there != asked:
                yield f"{what}: {asked!r} is said to be at {place['path']}:{place['line']}:{place['column']}: {there!r}"
    here = [_where(place) for place in defined["places"] if place["path"] == path]
    if not here:
        yield f"definition: the outline has {asked!r}, and no definition of it is found"
    missing = set(here) - {_where(place) for place in used["places"]}
    if missing and not used["truncated"]:
        yield f"references: {asked!r} is defined at {min(missing)}, and that is none of the places"


def _where(place: Any) -> tuple[str, int, int]:
    return place["path"], place["line"], place["column"]
