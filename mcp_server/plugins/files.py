"""A workspace's files as resources, and a tool that lists them."""

import mimetypes
from typing import Annotated, Final
from urllib.parse import unquote

from msgspec import Meta, Struct

from events.codes import INVALID_PARAMS
from mcp_server.calls import CallRefused
from mcp_server.features.content import Contents
from mcp_server.features.results import ToolError
from mcp_server.features.server import MCPServer
from mcp_server.plugins.watching import Changed
from mcp_server.plugins.workspace import NotThere, Unreadable, Workspace

_SCHEME: Final = "workspace://"

URI: Final = f"{_SCHEME}{{+path}}"
"""Where the files are; a path with characters that a URI does not have is percent-encoded."""

_SOURCES: Final = {".cjs": "text/javascript", ".jsx": "text/javascript", ".mjs": "text/javascript"}


class File(Struct, frozen=True, gc=False):
    """A file of the workspace.

    Attributes:
        path: As the tools take it.
        size: In bytes.
    """

    path: str
    size: Annotated[int, Meta(ge=0)]


class Files(Struct, frozen=True, gc=False):
    """A page of the list of files.

    Attributes:
        files: In the order of their paths.
        next: What to give as `after` for the next page; null when this is the last.
        complete: Whether all files could be looked at; else there are more than the server lists.
    """

    files: tuple[File, ...]
    next: str | None
    complete: bool


def offer_files(server: MCPServer, workspace: Workspace) -> None:
    """Offer the files as resources at ``workspace://path``, and the tool ``workspace_files``.

    Raises:
        Unusable: The server has a tool or resource of that name.
    """

    @server.resource(URI, name="workspace_file", title="A file of the workspace")
    def workspace_file(path: str) -> Contents | None:
        """A text file of the workspace. Hidden files, and those outside or too big, are not served."""
        try:
            content = workspace.read_text(path)
        except NotThere:
            return None
        except Unreadable as error:
            raise CallRefused(INVALID_PARAMS, str(error)) from error
        try:
            return Contents(text=content.decode(), mime_type=mime_type(path))
        except UnicodeDecodeError as error:
            problem = f"{path} is no UTF-8 text: byte {error.start} is wrong"
            raise CallRefused(INVALID_PARAMS, problem) from error

    @server.completion(URI, "path")
    def paths(typed: str) -> list[str]:
        return [found.path for found in workspace.walk("", ()).files if found.path.startswith(typed)]

    @server.tool(title="List the files of the workspace", read_only=True, idempotent=True, open_world=False)
    def workspace_files(
        folder: Annotated[str, Meta(max_length=1024)] = "",
        suffix: Annotated[str, Meta(max_length=64)] = "",
        after: Annotated[str, Meta(max_length=1024)] = "",
        limit: Annotated[int, Meta(ge=1, le=1000)] = 200,
    ) -> Files:
        """List the files of the workspace, a page at a time. Each can be read at `workspace://` and its path.

        Args:
            folder: Only files below this folder.
            suffix: Only files whose name ends so, such as `.py`.
            after: Where the last page ended: its `next`.
            limit: The most files of a page.
        """
        return list_files(workspace, folder, suffix, after, limit)


def is_concerned(changed: Changed, uri: str) -> bool:
    """Whether a resource is among the files that changed, or may be, where not all of them are named."""
    if not uri.startswith(_SCHEME):
        return False
    return changed.more or unquote(uri.removeprefix(_SCHEME)) in changed.paths


def list_files(workspace: Workspace, folder: str, suffix: str, after: str, limit: int) -> Files:
    """One page of the list; the file ``after`` itself need not be there any more.

    Raises:
        ToolError: There is no such folder.
    """
    try:
        listing = workspace.walk(folder, (suffix,) if suffix else ())
    except Unreadable as error:
        raise ToolError(str(error)) from error
    seen = after.split("/")
    left = [found for found in listing.files if not after or found.path.split("/") > seen]
    page = left[:limit]
    further = page[-1].path if len(left) > limit else None
    return Files(tuple(File(*found) for found in page), further, listing.complete)


def mime_type(path: str) -> str:
    """What a file of this name usually holds; ``text/plain`` when nobody knows."""
    kind = next((kind for suffix, kind in _SOURCES.items() if path.endswith(suffix)), None)
    return kind or mimetypes.guess_type(path, strict=False)[0] or "text/plain"
