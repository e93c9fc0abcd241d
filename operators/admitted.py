"""A request on its way through the chain, once ``admit`` has let it in."""

from events.event import Event
from events.message import Message


class Admitted(Event, frozen=True, gc=False):
    """A request that follows the protocol. It lives between operators only and is never stored.

    Attributes:
        message: The request.
        method: Its method.
        name: The tool, prompt or resource that it is for; empty when the method needs none.
        version: The protocol version that it follows.
    """

    message: Message
    method: str
    name: str
    version: str
