"""What a function takes and gives, read from its signature and its docstring."""

import inspect
import types
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from mcp_server.context import Context
from mcp_server.features.docstrings import read_doc
from mcp_server.features.unusable import Unusable


class Parameter(msgspec.Struct, frozen=True):
    """One parameter that clients fill in."""

    name: str
    hint: Any
    required: bool
    default: Any
    description: str


class Signature(msgspec.Struct, frozen=True):
    """What a function takes and gives.

    Attributes:
        parameters: Those that clients fill in, in order.
        context: The name of the parameter that takes the :class:`Context`; empty when there is none.
        returns: The annotation of what it returns; ``inspect.Signature.empty`` when there is none.
        text: The docstring without its sections.
        open: Whether it takes any other argument too (``**arguments``).
    """

    parameters: tuple[Parameter, ...]
    context: str
    returns: Any
    text: str
    open: bool


def read_signature(function: Callable[..., Any]) -> Signature:
    """Read what ``function`` takes.

    Raises:
        Unusable: An annotation cannot be resolved, or a parameter cannot be given by name.
    """
    bare: Any = function.func if isinstance(function, partial) else function
    if inspect.isclass(bare):
        raise Unusable("a class is no function; offer one of its methods")
    if not inspect.isroutine(bare):
        bare = type(bare).__call__
    try:
        hints = get_type_hints(bare, include_extras=True)
    except Exception as error:
        raise Unusable(f"an annotation cannot be resolved: {error}; types stand at the top of a module") from error
    doc = read_doc(function)
    parameters: list[Parameter] = []
    context = ""
    takes_any = False
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_any = True
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise Unusable(f"the parameter {name} cannot be given by name, and arguments come by name")
        elif _is_context(hint := hints.get(name, Any)):
            context = name
        else:
            description = _described(hint, doc.parameters.get(name, ""))
            required = parameter.default is parameter.empty
            default = None if required else parameter.default
            if not required and default is None and not _allows_none(hint):
                hint = hint | None  # "text: str = None" is meant so
            parameters.append(Parameter(name, hint, required, default, description))
    return Signature(tuple(parameters), context, hints.get("return", inspect.Signature.empty), doc.text, takes_any)


def without_notes(hint: Any) -> Any:
    """The type inside ``Annotated``."""
    return without_notes(get_args(hint)[0]) if get_origin(hint) is Annotated else hint


def _is_context(hint: Any) -> bool:
    bare = without_notes(hint)
    return bare is Context or (Context in get_args(bare) and get_origin(bare) in (Union, types.UnionType))


def _allows_none(hint: Any) -> bool:
    bare = without_notes(hint)
    return bare in (Any, types.NoneType) or types.NoneType in get_args(bare)


def _described(hint: Any, from_doc: str) -> str:
    notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((note for note in notes if isinstance(note, str)), from_doc)
