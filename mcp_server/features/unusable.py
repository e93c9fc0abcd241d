"""What is told to authors whose functions cannot be offered."""

from collections.abc import Iterator
from contextlib import contextmanager

from mcp_server.features.validate import BadSchema


class Unusable(TypeError):
    """A function that cannot be offered to clients; the text says what to change."""


@contextmanager
def unusable(what: str) -> Iterator[None]:
    """Name what cannot be used, whoever finds out.

    Raises:
        Unusable: The problem, with ``what`` in front of it.
    """
    try:
        yield
    except (Unusable, BadSchema) as error:
        raise Unusable(f"{what}: {error}") from error
