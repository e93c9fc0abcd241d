"""What a client is told in place of what went wrong inside."""

import hashlib

from events.event import RequestId, SessionId


def error_id(session: SessionId, request: RequestId | None) -> str:
    """16 hexadecimal digits that stand for what happened to a request: they tell a client nothing of the session."""
    return hashlib.sha256(f"{session}\0{request!r}".encode(errors="backslashreplace")).hexdigest()[:16]
