"""Icons of servers, tools, resources and prompts (MCP 2025-11-25 and later, ``Icon``)."""

import base64
import mimetypes
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal, Self

import msgspec
from msgspec import Struct

from mcp_server.features.unusable import Unusable

LARGEST: Final = 64 * 1024
"""Bytes of a file that is put into a list as it is: each client gets it with every list."""

_SOURCE: Final = re.compile(r"https?://[^\s/]\S*|data:image/[\w.+-]+;base64,[A-Za-z0-9+/]+=*")
_SIZE: Final = re.compile(r"[1-9][0-9]*x[1-9][0-9]*|any")


class Icon(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One picture that stands for something.

    Attributes:
        src: Where it is, ``https://...``, or the picture itself, ``data:image/...;base64,...``.
        mime_type: Its type, when ``src`` does not tell.
        sizes: Such as ``48x48``, or ``any`` for what can be scaled; none given: any.
        theme: The background that it is made for.

    Raises:
        Unusable: ``src`` is something else, or a size is none.
    """

    src: str
    mime_type: str | None = None
    sizes: tuple[str, ...] = ()
    theme: Literal["light", "dark"] | None = None

    def __post_init__(self) -> None:
        if not _SOURCE.fullmatch(self.src):
            raise Unusable(f"an icon is at https://... or is data:image/...;base64,..., not {self.src[:64]!r}")
        for size in self.sizes:
            if not _SIZE.fullmatch(size):
                raise Unusable(f"the size of an icon is like '48x48', or 'any', not {size[:64]!r}")

    @classmethod
    def of(cls, file: Path | str, sizes: tuple[str, ...] = (), theme: Literal["light", "dark"] | None = None) -> Self:
        """A file's picture itself, so that clients need not fetch it.

        Raises:
            OSError: The file cannot be read.
            Unusable: It is no picture by its name, or has more than :data:`LARGEST` bytes.
        """
        kind, _ = mimetypes.guess_type(str(file))
        if kind is None or not kind.startswith("image/"):
            raise Unusable(f"{file} is no picture by its name")
        data = Path(file).read_bytes()
        if len(data) > LARGEST:
            raise Unusable(f"{file} has {len(data)} bytes; every list would bring them; at most {LARGEST} are taken")
        return cls(f"data:{kind};base64,{base64.b64encode(data).decode()}", kind, sizes, theme)


def shown(icons: Iterable[Icon]) -> list[dict[str, Any]] | None:
    """Icons as lists show them; None when there are none."""
    return [msgspec.to_builtins(icon) for icon in icons] or None
