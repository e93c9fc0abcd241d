"""Prompts: messages that a user asks for by name (MCP, server/prompts)."""

from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct

from events.codes import INTERNAL_ERROR, INVALID_PARAMS
from mcp_server.calls import Answer, Call, CallRefused, Teller
from mcp_server.features.completions import choices
from mcp_server.features.content import Block
from mcp_server.features.convert import text_converter
from mcp_server.features.encode import Unencodable, to_json
from mcp_server.features.envelope import Frame
from mcp_server.features.icons import shown
from mcp_server.features.options import PromptOptions
from mcp_server.features.results import blocks_of
from mcp_server.features.rounds import InputNeeded, input_required
from mcp_server.features.running import Runner
from mcp_server.features.signature import read_signature
from mcp_server.features.typed import check_type
from mcp_server.features.unusable import Unusable, unusable
from mcp_server.features.validate import clip


class PromptMessage(Struct, frozen=True):
    """One message of a prompt: text or a content block, and who speaks."""

    content: Block | str
    role: Literal["user", "assistant"] = "user"


class Prompt:
    """One prompt: how it is listed, and how it is filled in.

    Attributes:
        name: What clients call it.
        choices: What each argument can be, when its type says so; else empty.
    """

    def __init__(self, name: str, function: Callable[..., Any], options: PromptOptions, frame: Frame) -> None:
        """Prepare everything that does not depend on a request.

        Raises:
            Unusable: The function cannot be a prompt; the text says why.
        """
        self.name = name
        with unusable(f"prompt {name}"):
            if not name or len(name) > 256:
                raise Unusable("a name has 1 to 256 characters")
            self._signature = read_signature(function)
            self._runner = Runner(function, self._signature.context, frame.threads)
            if self._runner.streams:
                raise Unusable("a prompt is returned as a whole; only tools yield")
            for parameter in self._signature.parameters:
                check_type(parameter.hint, f"the parameter {parameter.name}")
            types = {parameter.name: parameter.hint for parameter in self._signature.parameters}
            self._converters = {name: text_converter(hint) for name, hint in types.items()}
        self.choices = {name: choices(hint) for name, hint in types.items()}
        self._required = [parameter.name for parameter in self._signature.parameters if parameter.required]
        self._description = options.get("description", self._signature.text)
        self._options = options
        self._frame = frame

    def listing(self) -> dict[str, Any]:
        """The prompt as ``prompts/list`` shows it."""
        arguments = [
            {"name": parameter.name, "required": parameter.required}
            | ({"description": parameter.description} if parameter.description else {})
            for parameter in self._signature.parameters
        ]
        entry = {
            "name": self.name,
            "title": self._options.get("title"),
            "icons": shown(self._options.get("icons", ())),
            "description": self._description or None,
            "arguments": arguments or None,
            "_meta": self._options.get("meta"),
        }
        return {key: value for key, value in entry.items() if value is not None}

    async def get(self, call: Call, teller: Teller) -> Answer:
        """Fill the prompt in.

        Raises:
            CallRefused: The arguments are not those of this prompt.
        """
        try:
            value = await self._runner.run(self._arguments(call.params.get("arguments")), call, teller)
        except InputNeeded as needed:
            return input_required(call, needed, self._frame.envelope)
        messages = b",".join(_message(item) for item in (value if isinstance(value, list | tuple) else [value]))
        said = b'"description":%b,' % to_json(self._description) if self._description else b""
        body = b'{%b"messages":[%b]' % (said, messages)
        if len(body) > self._frame.result_limit:
            problem = f"the prompt has {len(body)} bytes; at most {self._frame.result_limit} are sent"
            raise CallRefused(INTERNAL_ERROR, problem)
        return Answer(body + self._frame.envelope.end(call.version))

    def _arguments(self, given: Any) -> dict[str, Any]:
        given = {} if given is None else given
        if type(given) is not dict:
            raise CallRefused(INVALID_PARAMS, "params.arguments must be an object of strings")
        problems = [f"{name} is missing" for name in self._required if name not in given]
        converted: dict[str, Any] = {}
        for name, text in given.items():
            if name not in self._converters:
                problems.append(f"{clip(name, 64)} is no argument of this prompt")
            elif type(text) is not str:
                problems.append(f"{name} must be a string")
            else:
                try:
                    converted[name] = self._converters[name](text)
                except ValueError as error:
                    problems.append(f"{name}: {clip(str(error))}")
        if problems:
            shown = problems[:5] + ([f"and {len(problems) - 5} more"] if len(problems) > 5 else [])
            raise CallRefused(INVALID_PARAMS, f"prompt {self.name}: {'; '.join(shown)}", {"name": self.name})
        return converted


def _message(item: Any) -> bytes:
    message = item if isinstance(item, PromptMessage) else PromptMessage(item)
    blocks = blocks_of(message.content) if isinstance(message.content, str | Block) else None
    if blocks is None:
        raise Unencodable(f"a prompt is made of text, content blocks and messages, not of {type(item).__name__}")
    return b'{"role":%b,"content":%b}' % (to_json(message.role), blocks[0])
