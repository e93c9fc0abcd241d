"""From ``path/to/file.py`` or ``module:attribute`` to the server that is meant."""

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from mcp_server.features.server import MCPServer

TAKEN: Final = ("events", "operators", "pipeline", "adapters", "replay", "mcp_server")
"""Top-level names of this distribution."""

_FRAMES: Final = 5


class LoadError(Exception):
    """There is no server to be had; the text says why and what to do, ready to be shown."""


def load(target: str) -> MCPServer:
    """The server that ``target`` names: a file, ``file.py:attribute``, ``module`` or ``module:attribute``.

    Raises:
        LoadError: There is none, or its code fails.
    """
    place, attribute = target, ""
    if not target.endswith(".py") and ":" in target:
        place, _, attribute = target.rpartition(":")
    is_file = place.endswith(".py")
    module = _load_file(Path(place)) if is_file else _load_module(place)
    return _named(module, place, attribute) if attribute else _only(module, place)


def _load_file(path: Path) -> ModuleType:
    path = path.absolute()
    if not path.is_file():
        raise LoadError(f"there is no file {path}")
    _check_folder(path.parent)
    _append(path.parent)
    name = path.stem
    if name in sys.modules or name in sys.stdlib_module_names or name in TAKEN:
        name = f"__served_{name}"  # so that a file called json.py replaces nothing
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LoadError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations of dataclasses are looked up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's file raises is told
        del sys.modules[name]
        raise LoadError(_told(str(path), error)) from error
    return module


def _load_module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise LoadError(f"{name!r} is neither a file that ends in .py nor the name of a module")
    _check_folder(Path.cwd())
    _append(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise LoadError(f"there is no module {error.name} here or among the installed packages") from error
        raise LoadError(_told(name, error)) from error
    except (Exception, SystemExit) as error:  # as above
        raise LoadError(_told(name, error)) from error


def _append(folder: Path) -> None:
    # At the end: a file of the user's must not stand in for a module that this server or a library needs.
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _check_folder(folder: Path) -> None:
    """Refuse files that bear a name of ours: once they are on the path, nobody can tell the two apart."""
    own = Path(__file__).resolve().parent.parent
    if folder.resolve() == own:
        return
    for name in TAKEN:
        for found in (folder / f"{name}.py", folder / name):
            if found.is_file() or (found.is_dir() and _has_python(found)):
                problem = f"{found} is in the way: mcp-rewind brings a package {name} itself"
                raise LoadError(f"{problem}; rename yours and try again")


def _has_python(folder: Path) -> bool:
    return any(folder.glob("*.py"))


def _named(module: ModuleType, place: str, attribute: str) -> MCPServer:
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise LoadError(f"{place} has no {attribute}{_candidates(module)}")
        found = getattr(found, part)
    if not isinstance(found, MCPServer):
        kind = type(found).__name__
        raise LoadError(f"{attribute} in {place} is no MCPServer but of type {kind}{_candidates(module)}")
    return found


def _only(module: ModuleType, place: str) -> MCPServer:
    servers = {id(server): server for server in _servers(module).values()}
    if not servers:
        raise LoadError(f"{place} has no MCPServer at its top level; make one: server = MCPServer('my-server')")
    if len(servers) > 1:
        names = ", ".join(_servers(module))
        raise LoadError(f"{place} has several servers ({names}); say which: {place}:{next(iter(_servers(module)))}")
    return next(iter(servers.values()))


def _servers(module: ModuleType) -> dict[str, MCPServer]:
    return {name: value for name, value in vars(module).items() if isinstance(value, MCPServer)}


def _candidates(module: ModuleType) -> str:
    names = ", ".join(_servers(module))
    return f"; there is {names}" if names else ""


def _told(place: str, error: BaseException) -> str:
    """The error with the lines of the user's own code that led to it: ours and the import system's say nothing."""
    own = str(Path(__file__).resolve().parent)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((own, "<frozen")) and "importlib" not in frame.filename
    ]
    lines = traceback.format_list(frames[-_FRAMES:])
    said = traceback.format_exception_only(error)
    return f"{place} could not be loaded\n{''.join(lines)}{''.join(said)}".rstrip()
