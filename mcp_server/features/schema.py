"""From a function's signature to the JSON Schema of its arguments, and from arguments to what the function expects."""

import inspect
import types
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import orjson

from mcp_server.context import Context
from mcp_server.features.docstrings import read_doc

Schema = dict[str, Any]
_PLAIN: Final = (str, bool, types.NoneType, Any, dict, list)
_REF: Final = "#/$defs/{name}"


class Unusable(TypeError):
    """A function that cannot be offered to clients; the text says what to change."""


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
    if not inspect.isroutine(bare):
        bare = type(bare).__call__
    try:
        hints = get_type_hints(bare, include_extras=True)
    except Exception as error:
        raise Unusable(f"an annotation cannot be resolved: {error}") from error
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
            required = parameter.default is parameter.empty
            default = None if required else parameter.default
            if not required and default is None and not _allows_none(hint):
                hint = hint | None  # "text: str = None" is meant so
            parameters.append(Parameter(name, hint, required, default, _described(hint, doc.parameters.get(name, ""))))
    return Signature(tuple(parameters), context, hints.get("return", inspect.Signature.empty), doc.text, takes_any)


def input_schema(signature: Signature) -> Schema:
    """The schema of the arguments: an object with one property for each parameter, and no others.

    Raises:
        Unusable: A parameter's type has no JSON form.
    """
    if signature.open:
        raise Unusable("**arguments can be anything; give an input_schema")
    fields: list[Any] = []
    for parameter in signature.parameters:
        check_type(parameter.hint, f"the parameter {parameter.name}")
        hint = parameter.hint
        fields.append((parameter.name, hint) if parameter.required else (parameter.name, hint, _field(parameter)))
    arguments = msgspec.defstruct("arguments", fields, kw_only=True, forbid_unknown_fields=True)
    schema = type_schema(arguments)
    schema.pop("title")
    for parameter in signature.parameters:
        declared = schema["properties"][parameter.name]
        if parameter.description:
            declared.setdefault("description", parameter.description)
        if not parameter.required:
            _declare_default(declared, parameter.default)
    return schema


def type_schema(hint: Any) -> Schema:
    """The schema of a type, its root written out."""
    (root,), named = msgspec.json.schema_components((hint,), ref_template=_REF)
    root = dict(root)
    if reference := root.pop("$ref", None):
        name = reference.rpartition("/")[2]
        root = {**named.pop(name), **root}
        if _refers(root, name) or any(_refers(other, name) for other in named.values()):
            named[name] = dict(root)
    if named:
        root["$defs"] = named
    return root


def check_type(hint: Any, what: str) -> None:
    """Make sure that values of this type can be read from JSON.

    Raises:
        Unusable: They cannot.
    """
    try:
        msgspec.json.schema(hint)
        msgspec.json.Decoder(hint)
    except (TypeError, ValueError, NameError) as error:
        raise Unusable(f"{what} has a type without a JSON form: {str(error).splitlines()[-1]}") from error


Convert = Callable[[Any], Any]


def converters(signature: Signature) -> tuple[tuple[str, Convert], ...]:
    """For each parameter whose values are not already what they should be, how to make them so."""
    return tuple(
        (parameter.name, _converter(parameter.hint))
        for parameter in signature.parameters
        if not _is_plain(parameter.hint)
    )


def _converter(hint: Any) -> Convert:
    match without_notes(hint):
        case t if t is int:
            return _whole
        case t if t is float:
            return _real

    def convert(value: Any) -> Any:
        try:
            return msgspec.convert(value, hint)
        except msgspec.ValidationError:
            # 1.0 is an integer to JSON Schema and none to msgspec.
            return msgspec.convert(_wholes(value), hint)

    return convert


def _whole(value: Any) -> Any:
    return int(value) if type(value) is float else value


def _real(value: Any) -> Any:
    return float(value) if type(value) is int else value


def _wholes(value: Any) -> Any:
    """``value`` with every float that is whole as an integer."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _wholes(item) for key, item in value.items()}
        case list():
            return [_wholes(item) for item in value]
    return value


def _is_plain(hint: Any) -> bool:
    """Whether any valid value is already what the function expects, just as JSON gave it."""
    hint = without_notes(hint)
    if hint in _PLAIN:
        return True
    arguments = get_args(hint)
    match get_origin(hint):
        case origin if origin in (Union, types.UnionType):
            return all(_is_plain(part) for part in arguments if part not in (int, float)) and (
                (int in arguments) == (float in arguments)
            )
        case origin if origin is Literal:
            return all(isinstance(choice, str | None) for choice in arguments)
        case origin if origin is list:
            return _is_plain(arguments[0])
        case origin if origin is dict:
            return arguments[0] is str and _is_plain(arguments[1])
    return False


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


def _field(parameter: Parameter) -> Any:
    # A factory, because msgspec refuses defaults that could be changed; the function's own default is what counts.
    return msgspec.field(default_factory=lambda: parameter.default)


def _declare_default(declared: Schema, default: Any) -> None:
    try:
        declared["default"] = msgspec.to_builtins(default)
    except (TypeError, ValueError):
        declared.pop("default", None)  # a default that clients cannot write is not for their eyes


def _refers(schema: Schema, name: str) -> bool:
    return orjson.dumps({"$ref": _REF.format(name=name)})[1:-1] in orjson.dumps(schema)
