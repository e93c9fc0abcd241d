"""Tools: functions that a model may call (MCP, server/tools)."""

import inspect
import re
import types
from collections.abc import Callable
from typing import Any, Final, Literal, Union, get_args, get_origin

import msgspec

from events.codes import INVALID_PARAMS
from events.incident import error_id
from mcp_server.calls import Answer, AskRefused, Call, CallRefused, Teller
from mcp_server.features.content import Block
from mcp_server.features.convert import converters, copied
from mcp_server.features.encode import Unencodable
from mcp_server.features.envelope import Frame
from mcp_server.features.headers import param_headers
from mcp_server.features.icons import shown
from mcp_server.features.options import ToolOptions
from mcp_server.features.results import Result, Results, ToolError, any_blocks, as_object
from mcp_server.features.rounds import InputNeeded, input_required
from mcp_server.features.running import Runner
from mcp_server.features.schema import input_schema
from mcp_server.features.signature import Signature, read_signature, without_notes
from mcp_server.features.typed import Schema, check_type, type_schema
from mcp_server.features.unusable import Unusable, unusable
from mcp_server.features.validate import Validator, clip
from mcp_server.incidents import described, internal_error
from operators.versions import MODERN

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}\Z")
_UNSTRUCTURED: Final = (inspect.Signature.empty, None, types.NoneType, str, Any, object, list, tuple)


class Tool:
    """One tool: how it is listed, and how it is called.

    Attributes:
        name: What clients call it.
        options: What its author said about it.
        headers: The headers that repeat its arguments.
    """

    def __init__(self, name: str, function: Callable[..., Any], options: ToolOptions, frame: Frame) -> None:
        """Prepare everything that does not depend on a call.

        Raises:
            Unusable: The function cannot be a tool; the text says why.
        """
        self.name = name
        self.options = options
        if not _NAME.match(name):
            raise Unusable(f"{name!r} is no name for a tool: 1 to 128 letters, digits, '_', '.' or '-'")
        with unusable(f"tool {name}"):
            signature = read_signature(function)
            self._input = options.get("input_schema") or input_schema(signature)
            self._runner = Runner(function, signature.context, frame.threads)
            self.headers = param_headers(name, self._input)
            self._output = None if self._runner.streams else _output_schema(signature, options.get("output_schema"))
            self._validator = Validator(self._input)
            self._envelope = frame.envelope
            self._results = Results(frame.envelope, self._output, frame.result_limit)
        if self._input.get("type") != "object":
            raise Unusable(f"tool {name}: the root of an input schema has the type object")
        self._description = options.get("description", signature.text)
        self._converters = converters(signature)
        self._function = function
        self._open = signature.open
        self._is_valid = self._validator.is_valid

    def listing(self, version: str) -> dict[str, Any]:
        """The tool as ``tools/list`` shows it."""
        output = self._output if version in MODERN or self._output is None else as_object(self._output)
        entry = {
            "name": self.name,
            "title": self.options.get("title"),
            "icons": shown(self.options.get("icons", ())),
            "description": self._description or None,
            "inputSchema": self._input,
            "outputSchema": output,
            "annotations": self._annotations() or None,
            "_meta": self.options.get("meta"),
        }
        return {key: value for key, value in entry.items() if value is not None}

    def _annotations(self) -> dict[str, Any]:
        options = self.options
        hints = {
            "readOnlyHint": options.get("read_only"),
            "destructiveHint": options.get("destructive"),
            "idempotentHint": options.get("idempotent"),
            "openWorldHint": options.get("open_world"),
        }
        return {key: value for key, value in hints.items() if value is not None}

    def schemas(self) -> tuple[Schema, Schema | None]:
        """Of what it is given, and of what it returns, where it has one."""
        return self._input, self._output

    async def call(self, call: Call, teller: Teller) -> Answer:
        """Run the tool. What the tool itself does wrong is an answer, not an exception.

        Raises:
            CallRefused: The request is malformed, or the tool refuses it with a JSON-RPC error.
        """
        arguments = call.params.get("arguments")
        if arguments is None:
            arguments = {}
        elif type(arguments) is not dict:
            raise CallRefused(INVALID_PARAMS, "params.arguments must be an object")
        if not self._is_valid(arguments):
            return self._results.error(self._validator.explain(arguments, "arguments"), call.version)
        runner = self._runner
        try:
            if self._converters or self._open:
                arguments = self._converted(arguments)
            if runner.direct:
                return self._results.of(await self._function(**arguments), call.version)
            if runner.streams:
                blocks = await runner.run(arguments, call, teller, _Meter(self._results.limit))
                return self._results.blocks(blocks, call.version)
            return self._results.of(await runner.run(arguments, call, teller), call.version)
        except CallRefused:
            raise
        except InputNeeded as needed:
            return input_required(call, needed, self._envelope)
        except (ToolError, AskRefused, _BadArgument, Unencodable) as error:
            return self._results.error(str(error), call.version)
        except (Exception, SystemExit) as error:  # noqa: BLE001 # whatever a tool raises is its result
            about = error_id(call.session, call.request)
            answer = self._results.error(internal_error(about), call.version)
            return msgspec.structs.replace(answer, detail=described(error, about))

    def _converted(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """A copy that holds what the function expects: the original belongs to the recording."""
        arguments = copied(arguments) if self._open else dict(arguments)
        for name, convert in self._converters:
            if name in arguments:
                try:
                    arguments[name] = convert(arguments[name])
                except (msgspec.ValidationError, ValueError, OverflowError) as error:
                    raise _BadArgument(f"arguments.{name}: {clip(str(error))}") from error
        return arguments


class _BadArgument(ValueError):
    """An argument that fits the schema and yet not the type: no such date, no such number."""


class _Meter:
    """Makes blocks of what a stream yields, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit

    def __call__(self, value: Any) -> list[bytes]:
        blocks = any_blocks(value)
        self._left -= sum(map(len, blocks))
        if self._left < 0:
            raise ToolError(f"the tool's result has more than {self._limit} bytes; no more are sent")
        return blocks


def _output_schema(signature: Signature, given: Schema | Literal[False] | None) -> Schema | None:
    """The schema of what the tool returns; None when it returns content for the model, or nobody said."""
    if given is not None:
        return given or None
    if _is_content(signature.returns):
        return None
    check_type(signature.returns, "what it returns (output_schema=False leaves the schema out)")
    return type_schema(signature.returns)


def _is_content(hint: Any) -> bool:
    """Whether values of this type are for the model, or could be."""
    hint = without_notes(hint)
    if hint in _UNSTRUCTURED:
        return True
    if isinstance(hint, type) and issubclass(hint, Block | Result):
        return True
    parts = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return any(part is not types.NoneType and _is_content(part) for part in parts)
    if get_origin(hint) in (list, tuple):
        return any(part is not str and _is_content(part) for part in parts if part is not Ellipsis)
    return False
