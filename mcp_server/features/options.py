"""What can be said about a tool, a resource or a prompt besides its function."""

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

from mcp_server.features.asking import Question
from mcp_server.features.content import Annotations
from mcp_server.features.icons import Icon
from mcp_server.features.typed import Schema


class ToolOptions(TypedDict, total=False):
    """What can be said about a tool.

    Attributes:
        title: What people call it.
        description: What it does, for the model; the docstring up to its first section unless given.
        read_only: It changes nothing.
        destructive: What it changes may be lost.
        idempotent: Calling it again with the same arguments changes nothing more.
        open_world: It reaches out to a world that nobody has listed.
        cacheable: Seconds for which the same arguments may be answered with the same result.
        public: One caller's cached result may be given to another.
        task: ``optional`` has it go on as a task for clients that know tasks; ``required`` refuses others.
        asks_first: Questions that are answered before the task begins, by key; the function finds the answers when it
            asks them.
        input_schema: A JSON Schema instead of the one made from the parameters.
        output_schema: A JSON Schema instead of the one made from the return annotation; False for none.
        icons: What stands for it where there is little room.
        meta: Its ``_meta`` in the list.
    """

    title: str
    description: str
    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool
    cacheable: float
    public: bool
    task: Literal["optional", "required"]
    asks_first: dict[str, Question]
    input_schema: Schema
    output_schema: Schema | Literal[False]
    icons: Sequence[Icon]
    meta: dict[str, Any]


class ResourceOptions(TypedDict, total=False):
    """What can be said about a resource.

    Attributes:
        title: What people call it.
        description: What it holds, for the model; the docstring up to its first section unless given.
        mime_type: What kind of text or bytes it holds.
        size: Bytes that it has; not for templates.
        cacheable: Seconds for which what was read may be used again.
        public: What one caller read may be given to another.
        annotations: Hints on who it is for.
        icons: What stands for it where there is little room.
        meta: Its ``_meta`` in the list.
    """

    title: str
    description: str
    mime_type: str
    size: int
    cacheable: float
    public: bool
    annotations: Annotations
    icons: Sequence[Icon]
    meta: dict[str, Any]


class PromptOptions(TypedDict, total=False):
    """What can be said about a prompt.

    Attributes:
        title: What people call it.
        description: What it is for; the docstring up to its first section unless given.
        icons: What stands for it where there is little room.
        meta: Its ``_meta`` in the list.
    """

    title: str
    description: str
    icons: Sequence[Icon]
    meta: dict[str, Any]
