"""Where a name is defined and where it is used."""

from collections.abc import Callable, Iterable
from typing import Final

from mcp_server.features.results import ToolError
from mcp_server.plugins.code.budget import FILE_SECONDS, Budget, OutOfTime
from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.parsing import Parsed, parse
from mcp_server.plugins.code.scopes import CLASS, MEMBER, Book, Use
from mcp_server.plugins.code.source import Source
from mcp_server.plugins.code.uses import read_names
from mcp_server.plugins.code.values import Place, Places
from mcp_server.plugins.workspace import Unreadable, Workspace

MOST: Final = 500
"""The most places of an answer."""

FILES: Final = 2000
"""The most files of a workspace that are searched."""

REFERENCE: Final = "reference"
_TEXT: Final = 200

Wanted = Callable[[Use, Book], bool]


class Search:
    """One question about a name, and the places found so far."""

    def __init__(self, name: str, language: Language, budget: Budget) -> None:
        self.name = name
        self._language = language
        self._budget = budget
        self._places: dict[tuple[str, int], Place] = {}
        self._searched = 0
        self._left = ""

    def answer(self) -> Places:
        """What was found."""
        return Places(self.name, tuple(self._places.values()), self._searched, self._left)

    @property
    def found(self) -> bool:
        """Whether anything was found."""
        return bool(self._places)

    def take(self, uses: Iterable[Use], source: Source, *, sure: bool) -> None:
        """Add places; each is told once."""
        for use in uses:
            if len(self._places) == MOST:
                self._left = f"places after the first {MOST}"
                return
            self._places.setdefault((source.path, use.start), _place(use, source, sure=sure))

    def read(self, parsed: Parsed) -> Book:
        """The uses of the name in a file.

        Raises:
            OutOfTime: It takes too long.
        """
        self._searched += 1
        return read_names(parsed, self._budget, self.name)

    def workspace(self, workspace: Workspace, but: str, wanted: Wanted) -> None:
        """Add the places in other files of the workspace where the name is what is ``wanted``.

        Only files that hold the name at all are parsed. Stops where the bounds are, and says so.
        """
        needle = self.name.encode()
        files = workspace.walk("", self._language.suffixes)
        if len(files.files) > FILES or not files.complete:
            self._left = self._left or f"files after the first {FILES}"
        for found in files.files[:FILES]:
            if self._left.startswith("places"):
                return
            if self._budget.spent():
                self._left = f"files from {found.path} on, because of the time it takes"
                return
            if found.path != but:
                self._file(workspace, found.path, needle, wanted)

    def _file(self, workspace: Workspace, path: str, needle: bytes, wanted: Wanted) -> None:
        try:
            content = workspace.read_text(path)
            if needle not in content:
                self._searched += 1
                return
            source = Source(self._language.decode(content), path)
            book = self.read(parse(source, self._language, self._budget.part(FILE_SECONDS)))
        except (Unreadable, OutOfTime, ToolError):
            return  # it is not counted as searched
        self.take((use for use in book.uses if wanted(use, book)), source, sure=False)


def definition(
    language: Language,
    budget: Budget,
    name: str,
    parsed: Parsed | None,
    offset: int | None,
    workspace: Workspace | None,
) -> Places:
    """Where a name is defined: what the name at ``offset`` means, or everything of that name when there is no offset.

    The scopes of the file decide. Where they do not - an import, a member, a name that the file does not define - other
    files are searched for what bears the name.

    Raises:
        OutOfTime: It takes too long.
    """
    search = Search(name, language, budget)
    use = None
    if parsed is not None:
        book = search.read(parsed)
        use = next((use for use in book.uses if use.start == offset), None)
        if use is None or use.key[0] == MEMBER:
            alike = (each for each in book.uses if _defines(each) and (use is None or _is_member(each)))
            search.take(alike, parsed.source, sure=False)
        elif (binding := use.scope.find(use.key)) is not None:
            bound = (each for each in book.uses if _defines(each) and each.scope.find(each.key) is binding)
            search.take(bound, parsed.source, sure=True)
            if binding.kind != "import":
                return search.answer()
    if workspace is not None:
        search.workspace(workspace, _path(parsed), lambda each, book: _is_offered(each, book, use))
    return search.answer()


def references(
    language: Language,
    budget: Budget,
    name: str,
    parsed: Parsed | None,
    offset: int | None,
    workspace: Workspace | None,
) -> Places:
    """Where a name is used, its definitions among them: what the name at ``offset`` means, or everything of that name.

    Other files are searched when they could mean the same: not for what only a function knows.

    Raises:
        OutOfTime: It takes too long.
    """
    search = Search(name, language, budget)
    members = False
    if parsed is not None:
        book = search.read(parsed)
        use = next((use for use in book.uses if use.start == offset), None)
        binding = use.scope.find(use.key) if use is not None else None
        members = use is not None and _is_member(use)
        if use is None or members:
            search.take((each for each in book.uses if not members or _is_member(each)), parsed.source, sure=False)
        else:
            same = (each for each in book.uses if each.key == use.key and each.scope.find(each.key) is binding)
            search.take(same, parsed.source, sure=binding is not None)
        if binding is not None and not members and binding.scope is not book.file:
            return search.answer()
    if workspace is not None:
        wanted = (lambda each, _book: _is_member(each)) if members else _is_shared
        search.workspace(workspace, _path(parsed), wanted)
    return search.answer()


def name_at(parsed: Parsed, line: int, column: int) -> tuple[str, int]:
    """The name at a position, or the one that ends there, and the byte offset where it starts.

    Raises:
        ToolError: There is none.
    """
    source = parsed.source
    offset = source.offset(line, column)
    if offset is None:
        short = line > len(source.starts)
        problem = f"it has {source.lines} lines" if short else f"the line has {len(source.line(line))} characters"
        raise ToolError(f"there is no line {line}, column {column}: {problem}")
    for start in (offset, offset - 1):
        node = parsed.root.descendant_for_byte_range(start, start + 1) if start >= 0 else None
        if node is not None and node.type in parsed.language.identifiers and node.end_byte > node.start_byte:
            return source.text(node.start_byte, node.end_byte), node.start_byte
    raise ToolError(f"there is no name at line {line}, column {column}: {source.around(offset, 80)}")


def _path(parsed: Parsed | None) -> str:
    return parsed.source.path if parsed is not None else ""


def _defines(use: Use) -> bool:
    return use.kind != REFERENCE


def _is_member(use: Use) -> bool:
    """Whether a name belongs to a class or object: written after a dot, or bound in the body of a class."""
    if use.key[0] == MEMBER:
        return True
    binding = use.scope.find(use.key)
    return binding is not None and binding.scope.kind == CLASS


def _is_offered(use: Use, book: Book, asked: Use | None) -> bool:
    """Whether a definition is one that the name in another file could mean; imports only pass something on."""
    if not _defines(use) or use.kind == "import":
        return False
    if asked is not None and asked.key[0] == MEMBER:
        return _is_member(use) or use.scope is book.file  # of a module: `module.name`
    return (use.scope is book.file or use.scope.kind == CLASS) and (asked is None or asked.key[0] == use.key[0])


def _is_shared(use: Use, book: Book) -> bool:
    """Whether a use could mean what another file offers: nothing of this file, or what the file itself offers."""
    binding = use.scope.find(use.key)
    return binding is None or binding.scope is book.file or binding.scope.kind == CLASS


def _place(use: Use, source: Source, *, sure: bool) -> Place:
    line, column = source.position(use.start)
    _, end = source.position(use.end)
    return Place(source.path, line, column, end, use.kind, source.around(use.start, _TEXT), sure)
