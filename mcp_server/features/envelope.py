"""What every result of this server has in common."""

from typing import Any

import orjson
from msgspec import Struct

from mcp_server.features.encode import to_json
from mcp_server.features.icons import Icon, shown
from mcp_server.features.threads import Threads
from operators.versions import META_SERVER, MODERN


class Identity(Struct, frozen=True, kw_only=True):
    """Who the server is.

    Attributes:
        name: For programs.
        version: Of the server, not of the protocol.
        title: For people.
        website_url: Where to read more.
        instructions: How a model should use the server.
        icons: What stands for it where there is little room.
    """

    name: str
    version: str
    title: str | None = None
    website_url: str | None = None
    instructions: str | None = None
    icons: tuple[Icon, ...] = ()

    def info(self) -> dict[str, Any]:
        """The ``Implementation`` object of the protocol, with its icons."""
        return {**self.brief(), "icons": shown(self.icons)} if self.icons else self.brief()

    def brief(self) -> dict[str, Any]:
        """The same without icons, which are too large for every result."""
        members = {
            "name": self.name,
            "title": self.title,
            "version": self.version,
            "websiteUrl": self.website_url,
        }
        return {key: value for key, value in members.items() if value is not None}


class Envelope:
    """How results end: nothing is added in the legacy era; modern ones say what they are and who sent them.

    A result is ``{``, its members, and one of these endings, joined as bytes, so that nothing is encoded twice.
    """

    __slots__ = ("_ends", "_info", "_whole")

    def __init__(self, identity: Identity) -> None:
        self._info = identity.brief()
        self._whole = identity.info()
        modern = b',"resultType":"complete","_meta":%b}' % orjson.dumps({META_SERVER: self._info})
        self._ends = dict.fromkeys(MODERN, modern)

    def end(self, version: str, meta: dict[str, Any] | None = None) -> bytes:
        """What follows the members of a result; ``meta`` goes into its ``_meta``.

        Raises:
            Unencodable: ``meta`` has no JSON form.
        """
        if meta is None:
            return self._ends.get(version, b"}")
        if version in MODERN:
            return b',"resultType":"complete","_meta":%b}' % to_json({**meta, META_SERVER: self._info})
        return b',"_meta":%b}' % to_json(meta)

    def introduce(self, members: dict[str, Any]) -> bytes:
        """A modern result in which the server says all about itself."""
        return to_json({**members, "resultType": "complete", "_meta": {META_SERVER: self._whole}})

    def wrap(self, members: dict[str, Any], version: str, kind: str = "") -> bytes:
        """A whole result; ``members`` has at least one. ``kind`` is its ``resultType`` if it is not the complete one.

        Raises:
            Unencodable: They have no JSON form.
        """
        if kind:
            return to_json({**members, "resultType": kind, "_meta": {META_SERVER: self._info}})
        return to_json(members)[:-1] + self.end(version)


class Frame(Struct, frozen=True):
    """What the features of one server share.

    Attributes:
        envelope: How results end.
        threads: Where functions that are not async run.
        result_limit: The most bytes of JSON that a tool's result may have.
    """

    envelope: Envelope
    threads: Threads
    result_limit: int
