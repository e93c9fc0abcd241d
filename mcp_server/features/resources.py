"""Resources: what a client may read, by URI or by template (MCP, server/resources)."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from events.codes import INTERNAL_ERROR, INVALID_PARAMS, RESOURCE_NOT_FOUND
from mcp_server.calls import Answer, Call, CallRefused, Teller
from mcp_server.features.completions import choices
from mcp_server.features.content import Contents
from mcp_server.features.convert import text_converter
from mcp_server.features.encode import to_json
from mcp_server.features.envelope import Frame
from mcp_server.features.icons import shown
from mcp_server.features.options import ResourceOptions
from mcp_server.features.rounds import InputNeeded, input_required
from mcp_server.features.running import Runner
from mcp_server.features.signature import read_signature
from mcp_server.features.typed import check_type
from mcp_server.features.unusable import Unusable, unusable
from mcp_server.features.uris import UriTemplate
from mcp_server.features.validate import clip
from operators.versions import MODERN

_encode = msgspec.json.Encoder().encode


class Resource:
    """One resource, or all that fit one template.

    Attributes:
        uri: Where it is; its variables make it a template.
        name: What programs call it.
        options: What its author said about it.
        choices: What each variable can be, when its type says so; else empty.
    """

    def __init__(
        self, uri: str, name: str, function: Callable[..., Any], options: ResourceOptions, frame: Frame
    ) -> None:
        """Prepare everything that does not depend on a request.

        Raises:
            Unusable: The function cannot be a resource; the text says why.
        """
        self.uri = UriTemplate(uri)
        self.name = name
        self.options = options
        with unusable(f"resource {uri}"):
            signature = read_signature(function)
            self._runner = Runner(function, signature.context, frame.threads)
            if self._runner.streams:
                raise Unusable("a resource is returned as a whole; only tools yield")
            types = {parameter.name: parameter.hint for parameter in signature.parameters}
            for parameter in signature.parameters:
                check_type(parameter.hint, f"the parameter {parameter.name}")
                if parameter.required and parameter.name not in self.uri.names:
                    raise Unusable(f"the parameter {parameter.name} is no variable of the URI")
            if missing := [variable for variable in self.uri.names if variable not in types]:
                raise Unusable(f"the function has no parameter for {' and '.join(missing)}")
        self.choices = {name: choices(types[name]) for name in self.uri.names}
        self._converters = {name: text_converter(hint) for name, hint in types.items()}
        self._description = options.get("description", signature.text)
        self._frame = frame

    def listing(self) -> dict[str, Any]:
        """The resource as the lists show it."""
        annotations = self.options.get("annotations")
        entry = {
            "uriTemplate" if self.uri.names else "uri": self.uri.text,
            "name": self.name,
            "title": self.options.get("title"),
            "icons": shown(self.options.get("icons", ())),
            "description": self._description or None,
            "mimeType": self.options.get("mime_type"),
            "size": None if self.uri.names else self.options.get("size"),
            "annotations": annotations and msgspec.to_builtins(annotations),
            "_meta": self.options.get("meta"),
        }
        return {key: value for key, value in entry.items() if value is not None}

    async def read(self, call: Call, teller: Teller, uri: str, variables: dict[str, str]) -> Answer:
        """Read it. ``variables`` are the template's values.

        Raises:
            CallRefused: There is nothing at ``uri``.
        """
        arguments = self._converted(call, uri, variables)
        try:
            value = await self._runner.run(arguments, call, teller)
        except InputNeeded as needed:
            return input_required(call, needed, self._frame.envelope)
        contents = self._contents(value, uri)
        if not contents:
            raise not_found(uri, call.version)
        body = b'{"contents":%b' % _encode(contents)
        if len(body) > self._frame.result_limit:
            problem = f"the resource has {len(body)} bytes; at most {self._frame.result_limit} are sent"
            raise CallRefused(INTERNAL_ERROR, problem)
        if call.version in MODERN:
            scope = b"public" if self.options.get("public", False) else b"private"
            body += b',"ttlMs":%d,"cacheScope":"%b"' % (self.options.get("cacheable", 0) * 1000, scope)
        return Answer(body + self._frame.envelope.end(call.version))

    def _converted(self, call: Call, uri: str, variables: dict[str, str]) -> dict[str, Any]:
        try:
            return {name: self._converters[name](value) for name, value in variables.items()}
        except ValueError as error:
            raise not_found(uri, call.version, clip(str(error))) from error

    def _contents(self, value: Any, uri: str) -> Sequence[Contents]:
        kind = self.options.get("mime_type")
        match value:
            case None:
                return ()
            case str():
                return (Contents(uri, text=value, mime_type=kind or "text/plain"),)
            case bytes() | bytearray() | memoryview():
                return (Contents(uri, blob=bytes(value), mime_type=kind or "application/octet-stream"),)
            case Contents():
                uri, kind = value.uri or uri, value.mime_type or kind
                return (msgspec.structs.replace(value, uri=uri, mime_type=kind),)
            case list() | tuple() if all(isinstance(item, Contents) for item in value):
                return tuple(contents for item in value for contents in self._contents(item, uri))
        return (Contents(uri, text=to_json(value).decode(), mime_type=kind or "application/json"),)


def not_found(uri: str, version: str, reason: str = "") -> CallRefused:
    """There is nothing at ``uri``: an own code before 2026-07-28, invalid params since."""
    uri = clip(uri, 2000)
    code = INVALID_PARAMS if version in MODERN else RESOURCE_NOT_FOUND
    return CallRefused(code, f"resource not found: {uri}" + (f" ({reason})" if reason else ""), {"uri": uri})
