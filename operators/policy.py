"""The policy that decisions follow: frozen values, stored with each session as canonical JSON."""

from collections import Counter
from functools import lru_cache

import msgspec
from msgspec import Struct

from operators.access import AccessRule, Otherwise, check_rules
from operators.limits.limit import Limit
from operators.param_headers import ParamHeader

__all__ = ["AccessRule", "CacheRule", "Limit", "Policy", "dump", "load"]


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
        access: Who may do what: the first rule that is about a request decides. Without rules everything is allowed.
        access_default: What becomes of a request that none of the rules is about.
        headers: The headers that repeat arguments of tools.
    """

    anonymous: bool = True
    limits: tuple[Limit, ...] = ()
    cache: tuple[CacheRule, ...] = ()
    extensions: tuple[str, ...] = ()
    access: tuple[AccessRule, ...] = ()
    access_default: Otherwise = "deny"
    headers: tuple[ParamHeader, ...] = ()

    def __post_init__(self) -> None:
        for name, times in Counter(limit.name for limit in self.limits).items():
            if times > 1:
                raise ValueError(f"limit {name!r}: name is given to {times} limits; each needs one of its own")
        check_rules(self.access)


def dump(policy: Policy) -> bytes:
    """The policy as canonical JSON: equal policies give equal bytes."""
    return msgspec.json.encode(policy, order="deterministic")


@lru_cache(maxsize=64)
def load(document: bytes) -> Policy:
    """The policy that :func:`dump` wrote.

    Raises:
        ValueError: It is no policy.
    """
    return msgspec.json.decode(document, type=Policy)
