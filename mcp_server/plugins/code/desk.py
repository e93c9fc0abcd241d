"""Where the tools get what they work on: a file of the workspace or a text, checked, read and parsed."""

from collections.abc import Callable
from typing import Final, TypeVar

from mcp_server.features.results import ToolError
from mcp_server.features.threads import Threads
from mcp_server.plugins.code.budget import FILE_SECONDS, Budget
from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.parsing import Parsed, parse
from mcp_server.plugins.code.source import Source
from mcp_server.plugins.workspace import FILE_BYTES, Unreadable, Workspace

SLOTS: Final = 2
"""How many files are worked on at once, whatever the language: a tree takes memory, and Python runs one thread."""

T = TypeVar("T")

_threads = Threads(SLOTS)  # their own, so that whoever waits for a turn takes no thread from other tools


class Desk:
    """Reads and parses for the tools of one language."""

    def __init__(self, language: Language, workspace: Workspace | None) -> None:
        self.language = language
        self._workspace = workspace

    @property
    def workspace(self) -> Workspace:
        """The workspace.

        Raises:
            ToolError: This server has none.
        """
        if self._workspace is None:
            raise ToolError("this server has no workspace, so there are no paths; give the code itself")
        return self._workspace

    @property
    def optional_workspace(self) -> Workspace | None:
        """The workspace, when there is one."""
        return self._workspace

    async def work(self, budget: Budget, job: Callable[[], T]) -> T:
        """Do a job in one of the threads for source code, when it is its turn; its time begins then.

        Raises:
            ToolError: Its turn did not come in time.
        """

        def turn() -> T:
            if budget.spent():
                raise ToolError("the server is busy with other source code; try again")
            budget.begin()
            return job()

        return await _threads.run(turn)

    def parse(self, path: str | None, code: str | None, budget: Budget) -> Parsed:
        """The file at ``path``, or ``code`` itself, parsed.

        Raises:
            ToolError: Not exactly one of them is given; there is no such file; it is no source code; it is too much.
        """
        return parse(self._source(path, code), self.language, budget.part(FILE_SECONDS))

    def _source(self, path: str | None, code: str | None) -> Source:
        if path is None and code is not None:
            size = len(code.encode("utf-8", "replace"))
            if size > FILE_BYTES:
                raise ToolError(f"the code has {size} bytes; at most {FILE_BYTES} are read")
            return Source(code)
        if path is None or code is not None:
            raise ToolError("give either path or code")
        if not path.endswith(self.language.suffixes):
            raise ToolError(
                f"{path} is no {self.language.title} file: those end in {', '.join(self.language.suffixes)}"
            )
        try:
            return Source(self.language.decode(self.workspace.read_text(path)), path)
        except Unreadable as error:
            raise ToolError(str(error)) from error
