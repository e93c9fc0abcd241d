"""Which era a request belongs to: decided anew for each request, by how the client opens (MCP 2026-07-28, basic)."""

from events.message import Message
from events.observed import Headers
from operators.versions import LEGACY, META_VERSION


def is_modern(message: Message, headers: Headers | None) -> bool:
    """Whether a request is stateless (2026-07-28) rather than part of a session with a handshake.

    A version header of the legacy era settles it; any other version header, known or not, is modern; without one the
    request's own metadata tells.
    """
    if headers is not None and headers.protocol_version is not None:
        return headers.protocol_version not in LEGACY
    return META_VERSION in message.meta
