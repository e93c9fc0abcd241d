"""The tools of one language, offered to a server."""

from typing import Annotated, TypeAlias

from msgspec import Meta

from mcp_server.context import Context
from mcp_server.features.options import ToolOptions
from mcp_server.features.results import ToolError
from mcp_server.features.server import MCPServer
from mcp_server.plugins.code.budget import FILE_SECONDS, FOLDER_SECONDS, Budget
from mcp_server.plugins.code.coverage import doc_coverage
from mcp_server.plugins.code.desk import Desk
from mcp_server.plugins.code.graph import file_imports, folder_imports
from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.metrics import metrics
from mcp_server.plugins.code.names import definition, name_at, references
from mcp_server.plugins.code.outline import outline
from mcp_server.plugins.code.parsing import Parsed
from mcp_server.plugins.code.query import QUERY_LENGTH, run_query
from mcp_server.plugins.code.syntax import syntax_errors
from mcp_server.plugins.code.values import DocCoverage, Imports, Matches, Metrics, Outline, Places, SyntaxErrors
from mcp_server.plugins.workspace import Workspace

Path: TypeAlias = Annotated[str | None, Meta(description="A file of the workspace.")]
FileOrFolder: TypeAlias = Annotated[
    str | None, Meta(description="A file or folder of the workspace; the empty path is all of it.")
]
Code: TypeAlias = Annotated[str | None, Meta(description="The code itself, instead of a path.")]
Name: TypeAlias = Annotated[str | None, Meta(description="A name, instead of a position.")]
Line: TypeAlias = Annotated[int | None, Meta(description="Counted from 1.")]
Column: TypeAlias = Annotated[int | None, Meta(description="Counted from 1, in characters (Unicode code points).")]
Everywhere: TypeAlias = Annotated[bool, Meta(description="Whether to search the other files of the workspace too.")]
Query: TypeAlias = Annotated[str, Meta(min_length=1, max_length=QUERY_LENGTH, description="A tree-sitter query.")]
Most: TypeAlias = Annotated[int, Meta(ge=1, le=1000, description="The most matches to return.")]
Private: TypeAlias = Annotated[bool, Meta(description="Whether what only the file itself uses counts, too.")]


class CodePlugin:
    """The tools for one language.

    Attributes:
        name: What settings call it.
        language: The language.
    """

    def __init__(self, language: Language) -> None:
        self.name = f"{language.name}_plugin"
        self.language = language

    def __repr__(self) -> str:
        return f"CodePlugin({self.name!r})"

    def register(self, server: MCPServer, workspace: Workspace | None) -> None:
        """Offer the tools.

        Raises:
            Unusable: The server has a tool of that name.
            ImportError: The grammar is not installed.
        """
        _ = self.language.grammar  # a grammar that cannot be loaded is told now, and not by every call
        desk = Desk(self.language, workspace)
        _offer_structure(server, desk)
        _offer_names(server, desk)
        _offer_figures(server, desk)
        _offer_query(server, desk)


def _offer_structure(server: MCPServer, desk: Desk) -> None:
    name, title = desk.language.name, desk.language.title

    @server.tool(f"{name}_outline", **_options(f"Outline of {title} code"))
    async def outline_tool(ctx: Context, path: Path = None, code: Code = None) -> Outline:
        """The symbols of a file, nested: each with its kind, signature, range and documentation."""
        budget = _budget(ctx)
        return await desk.work(budget, lambda: outline(desk.parse(path, code, budget), budget))

    @server.tool(f"{name}_syntax_errors", **_options(f"Syntax errors of {title} code"))
    async def syntax_errors_tool(ctx: Context, path: Path = None, code: Code = None) -> SyntaxErrors:
        """Where the syntax of a file is wrong, and what is missing or was not expected there."""
        budget = _budget(ctx)
        return await desk.work(budget, lambda: syntax_errors(desk.parse(path, code, budget), budget))

    @server.tool(f"{name}_imports", **_options(f"Imports of {title} code"))
    async def imports_tool(ctx: Context, path: FileOrFolder = None, code: Code = None) -> Imports:
        """What a file imports, or what all files below a folder do, with the files that are meant and the cycles."""
        budget = _budget(ctx, FOLDER_SECONDS)

        def work() -> Imports:
            if path is not None and code is None and desk.workspace.is_folder(path):
                return folder_imports(path, desk.language, desk.workspace, budget)
            return file_imports(desk.parse(path, code, budget), desk.optional_workspace, budget)

        return await desk.work(budget, work)


def _offer_names(server: MCPServer, desk: Desk) -> None:
    language = desk.language

    @server.tool(f"{language.name}_definition", **_options(f"Definition of a name in {language.title} code"))
    async def definition_tool(
        ctx: Context,
        path: Path = None,
        code: Code = None,
        line: Line = None,
        column: Column = None,
        name: Name = None,
        everywhere: Everywhere = True,
    ) -> Places:
        """Where a name is defined: give a position in a file, or a name.

        Scopes are followed within the file. What they do not settle (an import, a member, a name from elsewhere) is
        searched for by its name in the workspace.
        """
        budget = _budget(ctx, FOLDER_SECONDS)

        def work() -> Places:
            asked, parsed, offset = _asked(desk, budget, path, code, line, column, name)
            workspace = desk.optional_workspace if everywhere else None
            return definition(language, budget, asked, parsed, offset, workspace)

        return await desk.work(budget, work)

    @server.tool(f"{language.name}_references", **_options(f"References to a name in {language.title} code"))
    async def references_tool(
        ctx: Context,
        path: Path = None,
        code: Code = None,
        line: Line = None,
        column: Column = None,
        name: Name = None,
        everywhere: Everywhere = True,
    ) -> Places:
        """Where a name is used, its definitions among them: give a position in a file, or a name.

        Scopes are followed within the file. In other files only the name can be compared: `sure` is false there.
        """
        budget = _budget(ctx, FOLDER_SECONDS)

        def work() -> Places:
            asked, parsed, offset = _asked(desk, budget, path, code, line, column, name)
            workspace = desk.optional_workspace if everywhere else None
            return references(language, budget, asked, parsed, offset, workspace)

        return await desk.work(budget, work)


def _offer_figures(server: MCPServer, desk: Desk) -> None:
    name, title = desk.language.name, desk.language.title

    @server.tool(f"{name}_metrics", **_options(f"Metrics of {title} code"))
    async def metrics_tool(ctx: Context, path: Path = None, code: Code = None) -> Metrics:
        """How many lines a file has of what kind, and how long, branched and nested its functions are."""
        budget = _budget(ctx)
        return await desk.work(budget, lambda: metrics(desk.parse(path, code, budget), budget))

    @server.tool(f"{name}_doc_coverage", **_options(f"Documentation coverage of {title} code"))
    async def doc_coverage_tool(
        ctx: Context,
        path: Path = None,
        code: Code = None,
        private: Private = False,
    ) -> DocCoverage:
        """How much of a file has documentation, and what has none."""
        budget = _budget(ctx)
        return await desk.work(budget, lambda: doc_coverage(desk.parse(path, code, budget), budget, private=private))


def _offer_query(server: MCPServer, desk: Desk) -> None:
    @server.tool(f"{desk.language.name}_query", **_options(f"Search {desk.language.title} code by its syntax"))
    async def query_tool(
        ctx: Context, query: Query, path: Path = None, code: Code = None, limit: Most = 100
    ) -> Matches:
        """Search a file with a tree-sitter query, such as `(function_definition name: (identifier) @name)`."""
        budget = _budget(ctx)
        return await desk.work(budget, lambda: run_query(desk.parse(path, code, budget), query, limit, budget))


def _options(title: str) -> ToolOptions:
    return ToolOptions(title=title, read_only=True, idempotent=True, open_world=False)


def _budget(ctx: Context, seconds: float = 2 * FILE_SECONDS) -> Budget:
    return Budget(seconds, lambda: ctx.cancelled)


def _asked(
    desk: Desk,
    budget: Budget,
    path: str | None,
    code: str | None,
    line: int | None,
    column: int | None,
    name: str | None,
) -> tuple[str, Parsed | None, int | None]:
    """The name that is asked about, the file it was asked in, and where it stands there."""
    parsed = desk.parse(path, code, budget) if path is not None or code is not None else None
    if name is not None and line is None and column is None:
        if not name.strip() or len(name) > 200:
            raise ToolError("a name has 1 to 200 characters")
        if parsed is None and desk.optional_workspace is None:
            raise ToolError("give path or code: this server has no workspace to search")
        return name, parsed, None
    if name is None and parsed is not None and line is not None and column is not None:
        found, offset = name_at(parsed, line, column)
        return found, parsed, offset
    raise ToolError("give either a name, or a line and a column together with path or code")
