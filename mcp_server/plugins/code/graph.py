"""What files import from each other."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from mcp_server.features.results import ToolError
from mcp_server.plugins.code.budget import FILE_SECONDS, Budget, OutOfTime
from mcp_server.plugins.code.cycles import cycles
from mcp_server.plugins.code.language import Import, Language
from mcp_server.plugins.code.parsing import Parsed, parse, walk
from mcp_server.plugins.code.source import Source
from mcp_server.plugins.code.values import ImportFound, Imports
from mcp_server.plugins.workspace import Listing, Unreadable, Workspace

if TYPE_CHECKING:
    from tree_sitter import Node

IMPORTS: Final = 5000
"""The most imports of an answer."""

FILES: Final = 2000
"""The most files of a folder that are read."""

_EXTERNAL: Final = 1000
_UNREAD: Final = 100
_NAMES: Final = 50
_EVERY: Final = 1000  # nodes between two looks at the clock


class Graph:
    """What has been read so far."""

    def __init__(self, language: Language, exists: Callable[[str], bool]) -> None:
        self._language = language
        self._exists = exists
        self._imports: list[ImportFound] = []
        self._edges: dict[str, list[str]] = {}
        self._external: set[str] = set()
        self._left: list[str] = []
        self.unread: list[str] = []

    def add(self, parsed: Parsed, budget: Budget) -> None:
        """Take in the imports of a file.

        Raises:
            OutOfTime: It takes too long.
        """
        path = parsed.source.path
        edges = self._edges.setdefault(path, [])
        for found in _find(parsed, budget):
            targets = tuple(self._language.resolve(path, found, self._exists))
            if not found.deferred:
                edges.extend(targets)
            if not targets:
                self._external.add(found.module)
            if len(self._imports) < IMPORTS:
                line = parsed.source.position(found.at.start_byte)[0]
                self._imports.append(
                    ImportFound(path, line, found.module, found.names[:_NAMES], targets, found.deferred)
                )
            else:
                self.leave(f"imports after the first {IMPORTS}")

    def leave(self, what: str) -> None:
        """Say what is left out."""
        if what not in self._left:
            self._left.append(what)

    def imports(self) -> Imports:
        """The answer."""
        if len(self._external) > _EXTERNAL:
            self.leave(f"external modules after the first {_EXTERNAL}")
        if len(self.unread) > _UNREAD:
            self.leave(f"unread files after the first {_UNREAD}")
        return Imports(
            files=len(self._edges),
            imports=tuple(self._imports),
            external=tuple(sorted(self._external)[:_EXTERNAL]),
            cycles=tuple(tuple(cycle) for cycle in cycles(self._edges)),
            unread=tuple(self.unread[:_UNREAD]),
            truncated="; ".join(self._left),
        )


def file_imports(parsed: Parsed, workspace: Workspace | None, budget: Budget) -> Imports:
    """What one file imports; a file of the workspace may mean others of it.

    Raises:
        OutOfTime: It takes too long.
    """
    known = _paths(workspace.walk()) if workspace is not None and parsed.source.path else set[str]()
    graph = Graph(parsed.language, known.__contains__)
    graph.add(parsed, budget)
    return graph.imports()


def folder_imports(folder: str, language: Language, workspace: Workspace, budget: Budget) -> Imports:
    """What the files of a folder import, with the cycles among them. Stops where the bounds are, and says so.

    Raises:
        ToolError: There is no such folder.
    """
    try:
        files = workspace.walk(folder, language.suffixes)
    except Unreadable as error:
        raise ToolError(str(error)) from error
    graph = Graph(language, _paths(workspace.walk()).__contains__)
    if len(files.files) > FILES or not files.complete:
        graph.leave(f"files after the first {FILES}")
    for found in files.files[:FILES]:
        if budget.spent():
            graph.leave(f"files from {found.path} on, because of the time it takes")
            break
        try:
            source = Source(language.decode(workspace.read_text(found.path)), found.path)
            part = budget.part(FILE_SECONDS)
            graph.add(parse(source, language, part), part)
        except (Unreadable, OutOfTime, ToolError) as error:
            graph.unread.append(f"{found.path}: {error}")
    return graph.imports()


def _paths(listing: Listing) -> set[str]:
    return {found.path for found in listing.files}


def _find(parsed: Parsed, budget: Budget) -> Iterator[Import]:
    language = parsed.language
    functions: list[int] = []  # depths of the functions around

    def into(node: "Node") -> bool:
        return node.type in language.opened if language.opened else node.child_count > 0

    for number, (node, depth) in enumerate(walk(parsed.root, into)):
        if number % _EVERY == 0:
            budget.check()
        while functions and functions[-1] >= depth:
            functions.pop()
        yield from language.find_imports(node, bool(functions), parsed.source)
        if node.type in language.functions:
            functions.append(depth)
