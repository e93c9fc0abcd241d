"""The policy that decisions follow: frozen values, stored with each session as canonical JSON."""

import msgspec
from msgspec import Struct


class Limit(Struct, frozen=True, gc=False):
    """A token bucket that requests take from.

    Attributes:
        name: What refusals call it.
        per: Who shares a bucket: ``principal``, ``session``, or ``server`` for everyone.
        per_second: Tokens that come back each second.
        burst: Tokens that a full bucket holds.
        methods: The JSON-RPC methods that it covers.
    """

    name: str
    per: str
    per_second: float
    burst: float
    methods: tuple[str, ...] = ("tools/call",)

    def __post_init__(self) -> None:
        if self.per not in ("principal", "session", "server"):
            raise ValueError(f"limit {self.name!r}: per must be principal, session or server, not {self.per!r}")
        if self.per_second <= 0 or self.burst < 1:
            raise ValueError(f"limit {self.name!r}: per_second must be above 0 and burst at least 1")


class CacheRule(Struct, frozen=True, gc=False):
    """What may be answered from the cache.

    Attributes:
        method: The JSON-RPC method.
        name: The tool or resource; empty for whatever the method names.
        ttl: Seconds for which a result may be used again.
        public: Whether one principal's result may be given to another.
    """

    method: str
    name: str
    ttl: float
    public: bool = False


class Policy(Struct, frozen=True, gc=False):
    """All that the chain must know beforehand.

    Attributes:
        anonymous: Whether callers that nobody vouches for may use the server.
        limits: Every limit that covers a request must let it pass.
        cache: A rule for a name counts before one for all names of its method; what no rule covers is never cached.
        extensions: Requests that are taken besides those of the protocol (``operators.methods.EXTENSIONS``).
    """

    anonymous: bool = True
    limits: tuple[Limit, ...] = ()
    cache: tuple[CacheRule, ...] = ()
    extensions: tuple[str, ...] = ()


def dump(policy: Policy) -> bytes:
    """The policy as canonical JSON: equal policies give equal bytes."""
    return msgspec.json.encode(policy)


def load(document: bytes) -> Policy:
    """The policy that :func:`dump` wrote.

    Raises:
        ValueError: It is no policy.
    """
    return msgspec.json.decode(document, type=Policy)
