"""How these tests read code: parsed with bounds that they never meet, and places named by marks in it."""

import json
from typing import Any

from mcp_server.features.server import MCPServer
from mcp_server.plugins import c, js, python
from mcp_server.plugins.code.budget import Budget
from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.names import definition, name_at, references
from mcp_server.plugins.code.outline import outline
from mcp_server.plugins.code.parsing import Parsed, parse
from mcp_server.plugins.code.source import Source
from mcp_server.plugins.code.values import Place, Symbol
from mcp_server.plugins.plugin import Plugin
from mcp_server.plugins.workspace import Workspace
from tests.mcp_server.asking import text_of, use

PYTHON, JS, C = LANGUAGES = (python.LANGUAGE, js.LANGUAGE, c.LANGUAGE)
HERE = "¶"
"""Stands before a name in marked code."""


def budget(seconds: float = 60.0) -> Budget:
    return Budget(seconds)


def parsed(language: Language, code: str, path: str = "") -> Parsed:
    return parse(Source(code, path), language, budget())


def tree(language: Language, code: str) -> list[Any]:
    """The outline as nested lists: ``"kind name"``, followed by a list of what is inside when there is something."""

    def shown(symbols: tuple[Symbol, ...]) -> list[Any]:
        found: list[Any] = []
        for symbol in symbols:
            found.append(f"{symbol.kind} {symbol.name}")
            if symbol.children:
                found.append(shown(symbol.children))
        return found

    return shown(outline(parsed(language, code), budget()).symbols)


def flat(symbols: tuple[Symbol, ...]) -> list[Symbol]:
    """All symbols of an outline."""
    found: list[Symbol] = []
    waiting = list(reversed(symbols))
    while waiting:
        symbol = waiting.pop()
        found.append(symbol)
        waiting.extend(reversed(symbol.children))
    return found


def symbol(language: Language, code: str, name: str) -> Symbol:
    """The symbol of that name."""
    return next(each for each in flat(outline(parsed(language, code), budget()).symbols) if each.name == name)


def marked(code: str) -> tuple[str, list[tuple[int, int]]]:
    """The code without its marks, and the line and column after each mark."""
    places: list[tuple[int, int]] = []
    lines: list[str] = []
    for number, line in enumerate(code.split("\n"), 1):
        clean = ""
        for part, piece in enumerate(line.split(HERE)):
            if part:
                places.append((number, len(clean) + 1))
            clean += piece
        lines.append(clean)
    return "\n".join(lines), places


def check_definition(language: Language, code: str, kind: str) -> None:
    """Of two marks the first is the definition, of this kind, of the name at the second."""
    clean, (where, asked) = marked(code)
    (place,) = defined(language, clean, asked)
    assert (place.line, place.column, place.kind, place.sure) == (*where, kind, True)


def defined(language: Language, code: str, at: tuple[int, int]) -> tuple[Place, ...]:
    found = parsed(language, code)
    name, offset = name_at(found, *at)
    return definition(language, budget(), name, found, offset, None).places


def used(language: Language, code: str) -> None:
    """The marks are all the places where the name at the first of them is used."""
    clean, places = marked(code)
    found = parsed(language, clean)
    name, offset = name_at(found, *places[0])
    result = references(language, budget(), name, found, offset, None)
    assert sorted((place.line, place.column) for place in result.places) == sorted(places)


def serving(plugin: Plugin, workspace: Workspace | None = None) -> MCPServer:
    server = MCPServer("test")
    plugin.register(server, workspace)
    return server


async def told(server: MCPServer, tool: str, **arguments: Any) -> Any:
    """What a tool answers, read by its own output schema on the way; fails when it is an error."""
    result = await use(server, tool, **arguments)
    assert not result.get("isError"), text_of(result)
    assert json.loads(text_of(result)) == result["structuredContent"]
    return result["structuredContent"]


async def refused(server: MCPServer, tool: str, **arguments: Any) -> str:
    """The text of the error that a tool answers."""
    result = await use(server, tool, **arguments)
    assert result.get("isError"), result
    return text_of(result)
