"""Which limits cover a request, whose share it takes, and how much of it."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

from operators.limits.limit import EVERY_METHOD, Limit
from operators.methods import BATCH

LONGEST_PART: Final = 128
"""Characters of a part of a key; of a longer one its beginning and a digest stand for it."""

SITE: Final = 64
"""Leading bits of an IPv6 address that count: whoever has one has all of its network (RFC 4291, 2.5.1)."""


class Caller(NamedTuple):
    """What limits may tell callers apart by."""

    principal: str
    session: str
    address: str


class Cover:
    """One limit, ready to be asked about requests."""

    __slots__ = ("_cost", "_part", "_patterns", "_tools", "limit", "parts")

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.parts = limit.parts
        self._part = _PARTS[self.parts[0]]
        self._tools = re.compile("|".join(map(translate, limit.tools))).match if limit.tools else None
        self._cost = limit.cost
        longest_first = sorted(limit.cost, key=lambda pattern: (-len(pattern), pattern))
        self._patterns = [(re.compile(translate(each)).match, limit.cost[each]) for each in longest_first]

    def cost(self, name: str) -> float:
        """What a request for ``name`` costs; 0 when it is not covered."""
        if self._tools is not None and not self._tools(name):
            return 0.0
        if not self._cost:
            return 1.0
        listed = self._cost.get(name)
        if listed is not None:
            return listed
        return next((cost for matches, cost in self._patterns if matches(name)), 1.0)

    def key(self, caller: Caller, method: str, name: str) -> str:
        """Whose share it takes."""
        if len(self.parts) == 1:
            return self._part(caller, method, name)
        parts = (_PARTS[part](caller, method, name) for part in self.parts)
        return "+".join(part.replace("%", "%25").replace("+", "%2B") for part in parts)


class Covers:
    """All limits of a policy, by method."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._covers = covers = [Cover(limit) for limit in limits]
        named = {method for cover in covers for method in cover.limit.methods} | {BATCH}
        self._by_method = {method: _covering(covers, method) for method in named}
        self._others = _covering(covers, EVERY_METHOD)

    def __len__(self) -> int:
        """Limits in all."""
        return len(self._covers)

    def of(self, method: str) -> Sequence[Cover]:
        """The limits that cover a method, for some names at least."""
        return self._by_method.get(method, self._others)


def address(peer: str) -> str:
    """What counts as one address: of IPv6 the network, of what is none the text."""
    try:
        found = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        network = int(found) >> (128 - SITE) << (128 - SITE)
        return f"{IPv6Address(network)}/{SITE}"
    return str(found)


def _covering(covers: Sequence[Cover], method: str) -> tuple[Cover, ...]:
    """A batch is not one of every method: its requests are counted each."""
    every = method != BATCH
    return tuple(
        cover for cover in covers if method in cover.limit.methods or (every and EVERY_METHOD in cover.limit.methods)
    )


def _short(text: str) -> str:
    if len(text) <= LONGEST_PART:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[: LONGEST_PART // 2]}~{digest[: LONGEST_PART // 2 - 1]}"


_PARTS: Final[dict[str, Callable[[Caller, str, str], str]]] = {
    "principal": lambda caller, _method, _name: _short(caller.principal),
    "session": lambda caller, _method, _name: caller.session,
    "address": lambda caller, _method, _name: caller.address,
    "method": lambda _caller, method, _name: method,
    "tool": lambda _caller, _method, name: _short(name),
    "server": lambda _caller, _method, _name: "",
}
