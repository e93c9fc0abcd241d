"""Frames that no honest client sends: JSON-RPC messages with something wrong in them, and bytes that are none."""

import random
from collections.abc import Callable
from typing import Any, Final

import orjson

from events.jsonrpc import FRAME_LIMIT, VALUE_LIMIT
from operators.versions import LATEST_LEGACY, META_CAPABILITIES, META_CLIENT, META_VERSION, MODERN

META: Final = {META_VERSION: MODERN[0], META_CAPABILITIES: {}, META_CLIENT: {"name": "soak", "version": "1"}}

_STRANGE: Final = (
    b"null", b"true", b"false", b"0", b"-0", b"-1", b"1.0", b"1e2", b"0.1", b'""', b'"1"', b"[]", b"{}", b"[[]]",
    b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"18446744073709551616",
    b"123456789012345678901234567890", b"1e400", b"-1e400", b"1e-400", b"0.1e1", b"9007199254740993",
    b"9007199254740993.0", b"NaN", b"Infinity", b"-Infinity", b"01", b"+1", b".5", b"1.", b"0x10", b"1_000", b"1e",
    b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"', b'"\xed\xa0\x80"', b'"\\u0000"', b'"\x00"', b'"\n"',
    b'"\xff"', b'"\xc0\x80"', b'"\\x"', b"'1'", b'"\xf0\x9f\x98\x80"', b"undefined", b"", b"// no", b"/**/1",
    b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'{"":1,"":2}', b"2.0", b'"2.0"', b'"tools/call"', b"1 2", b"\xc2\xa0",
    b'{"toString":1}', b'{"__proto__":{"id":1}}', b'"' + b"x" * 257 + b'"', b'"' + b"\xc3\xa9" * 256 + b'"',
)  # fmt: skip
"""Values that some parser somewhere takes for something."""

_MEMBERS: Final = (b"jsonrpc", b"id", b"method", b"params", b"result", b"error", b"_meta", b"x", b"", b"ID", b"id ")
_SPACES: Final = (b"", b"", b"", b" ", b"\n", b"\t", b"\r\n", b"  ", b"\xc2\xa0", b"\x0b", b"\xef\xbb\xbf")


class Mutator:
    """Makes frames; the same seed makes the same ones.

    Args:
        chance: What everything follows from.
        largest: How many bytes the longest of them have, about.
    """

    def __init__(self, chance: random.Random, largest: int = FRAME_LIMIT + 1) -> None:
        self._chance = chance
        self._largest = largest
        self._number = 0
        self._ways: tuple[Callable[[], bytes], ...] = (
            self._honest, self._member, self._member, self._value, self._value, self._twice, self._nested,
            self._spaced, self._cut, self._glued, self._bytes, self._bytes, self._bytes, self._several, self._number_in,
        )  # fmt: skip

    def frame(self) -> bytes:
        """The next frame."""
        if self._chance.random() < 1 / 5000:
            return self.huge()
        return self._chance.choice(self._ways)()

    def id(self) -> int:
        """An id that was not used before. Its digits begin with 77, so that flipped bits seldom make another's."""
        self._number += 1
        return 77_000_000_000 + self._number

    def members(self) -> dict[bytes, bytes]:
        """An honest message, as the JSON texts of its members."""
        chance = self._chance
        id: Any = self.id()
        if chance.random() < 0.3:
            id = f"id-{id}"
        method, params = chance.choice(_MESSAGES)(chance)
        meta = {"_meta": META} if chance.random() < 0.7 else {}
        body = {"jsonrpc": "2.0", "id": id, "method": method, "params": {**params, **meta}}
        kind = chance.random()
        if kind < 0.1:
            del body["id"]
        elif kind < 0.15:
            body = {"jsonrpc": "2.0", "id": id, "result": {}}
        return {name.encode(): orjson.dumps(value) for name, value in body.items()}

    def _honest(self) -> bytes:
        return _join(self.members())

    def _member(self) -> bytes:
        """A member of the envelope is missing, strange, or one too many."""
        members = self.members()
        lot = self._chance.random()
        name = self._chance.choice((*members, *_MEMBERS))
        if lot < 0.25:
            members.pop(name, None)
        else:
            members[name] = self._chance.choice(_STRANGE)
        if lot > 0.9:
            items = list(members.items())
            self._chance.shuffle(items)
            members = dict(items)
        return _join(members)

    def _value(self) -> bytes:
        """Something within the parameters is strange."""
        raw = _join(self.members())
        places = [place for place, byte in enumerate(raw) if byte in b":,["]
        at = self._chance.choice(places) + 1
        end = at
        while end < len(raw) and raw[end] not in b",}]":
            end += 1
        return raw[:at] + self._chance.choice(_STRANGE) + raw[end:]

    def _twice(self) -> bytes:
        """A key appears twice, in the envelope or somewhere below, now and then spelled in another way."""
        members = self.members()
        name = self._chance.choice(list(members))
        value = members[name] if self._chance.random() < 0.3 else self._chance.choice(_STRANGE)
        key = name if self._chance.random() < 0.7 else name[:-1] + b"\\u00%02x" % name[-1]
        if self._chance.random() < 0.6:
            return _join(members)[:-1] + b',"%b":%b}' % (key, value)
        members[b"params"] = b'{"name":"echo","arguments":{"text":"a","%b":1,"%b":2}}' % (name, key)
        return _join(members)

    def _nested(self) -> bytes:
        depth = self._chance.choice((5, 10, 60, 61, 62, 63, 64, 65, 66, 100))
        if self._chance.random() < 0.02:
            depth = self._chance.choice((1000, 5000, self._chance.randint(100, 10_000), 100_000))
        opening, closing = self._chance.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"[":', b"}]")))
        inner = self._chance.choice((b"1", b"", *_STRANGE[:8]))
        closings = closing * (depth if self._chance.random() < 0.8 else self._chance.randint(0, depth + 2))
        members = self.members()
        members[self._chance.choice((b"params", b"x", b"id"))] = opening * depth + inner + closings
        return _join(members)

    def _spaced(self) -> bytes:
        space = self._chance.choice
        parts = (
            b'%b"%b"%b:%b%b%b' % (space(_SPACES), name, space(_SPACES), space(_SPACES), value, space(_SPACES))
            for name, value in self.members().items()
        )
        return space(_SPACES) + b"{" + b",".join(parts) + b"}" + space(_SPACES)

    def _cut(self) -> bytes:
        raw = _join(self.members())
        cut = self._chance.randint(0, len(raw))
        return raw[:cut] if self._chance.random() < 0.7 else raw[cut:]

    def _glued(self) -> bytes:
        one, other = _join(self.members()), _join(self.members())
        form = self._chance.choice((b"%b%b", b"%b\n%b", b"[%b,%b]", b"%b,%b", b"[[%b,%b]]"))
        return form % (one, other)

    def _bytes(self) -> bytes:
        """A few bytes are flipped, put in, left out, doubled or put elsewhere."""
        raw = bytearray(_join(self.members()))
        chance = self._chance
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            at = chance.randrange(len(raw)) if raw else 0
            size = chance.randint(1, 8)
            match chance.randrange(5):
                case 0 if raw:
                    raw[at] ^= 1 << chance.randrange(8)
                case 1:
                    raw[at:at] = chance.randbytes(size)
                case 2:
                    del raw[at : at + size]
                case 3:
                    raw[at:at] = raw[at : at + size]
                case 4:
                    part = raw[at : at + size]
                    del raw[at : at + size]
                    to = chance.randint(0, len(raw))
                    raw[to:to] = part
        return bytes(raw)

    def _several(self) -> bytes:
        """Two things at once."""
        members = self.members()
        for _ in range(2):
            members[self._chance.choice((*members, *_MEMBERS))] = self._chance.choice(_STRANGE)
        return _join(members)

    def _number_in(self) -> bytes:
        """A number that is long, precise, or both, where a tool gets to see it."""
        digits = self._chance.choice((15, 16, 17, 18, 19, 20, 21, 40, 100, 300, 308, 309, 310))
        if self._chance.random() < 0.03:
            digits = self._chance.choice((4299, 4300, 4301, 5000))
        number = b"%d" % self._chance.randrange(10 ** min(digits, 60)) + b"7" * max(0, digits - 60)
        form = self._chance.choice((b"%b", b"-%b", b"%b.0", b"0.%b", b"%be-5", b"1e%b", b"%be3", b"%b.%%"))
        members = self.members()
        members[b"params"] = b'{"name":"echo","arguments":{"text":"n","n":%b}}' % (form.replace(b"%%", b"") % number)
        return _join(members)

    def huge(self) -> bytes:
        """As much as is read, of one thing."""
        sizes = (60_000, 70_000, 300_000, 1_000_000, FRAME_LIMIT - 200, FRAME_LIMIT + 1)
        size = min(self._largest, self._chance.choice(sizes))
        part = self._chance.choice(HUGE)
        members = self.members()
        times = size // len(part)
        space = self._chance.choice((b"", b" "))  # what is not compact takes the longer way through the parser
        members[b"params"] = b'{"name":"echo","arguments":{"text":' + space + b'["' + part * times + b'"]}}'
        if part.endswith(b","):
            most = self._chance.choice((VALUE_LIMIT - 100, VALUE_LIMIT // 3, times))
            members[b"params"] = b'{"name":"echo","arguments":{"text":[' + part * min(times, most) + b"1]}}"
        return _join(members)


HUGE: Final = (
    b"x", b"\\n", b"\\u0041", b"\\\\", b'\\"', b"\xc3\xa9", b"\\ud83d\\ude00", b"1,", b"1.5,", b"0.123456789012345678,",
    b"[],", b'{"a":1},', b"12345678901234567890123,", b'"\\u00e9",', b" 1,", b"[1,2,3],", b"1e300,", b"7" * 4000 + b",",
    b'{"a":1,"b":2},', b'"\\/",', b"[[[[[[1]]]]]],", b"-0.0,", b"null ,",
)  # fmt: skip
"""What a large message may be made of: each of these costs a parser something else."""


def _join(members: dict[bytes, bytes]) -> bytes:
    return b"{" + b",".join(b'"%b":%b' % member for member in members.items()) + b"}"


def _tool(chance: random.Random) -> tuple[str, dict[str, Any]]:
    name = chance.choice(("echo", "echo", "count", "missing"))
    arguments: dict[str, Any] = {"text": f"é {chance.getrandbits(40)}"} if name != "count" else {"to": 3}
    return "tools/call", {"name": name, "arguments": arguments}


def _plain(method: str, **params: Any) -> Callable[[random.Random], tuple[str, dict[str, Any]]]:
    return lambda _chance: (method, dict(params))


_MESSAGES: Final[tuple[Callable[[random.Random], tuple[str, dict[str, Any]]], ...]] = (
    _tool, _tool, _tool, _tool,
    _plain("ping"), _plain("tools/list"), _plain("server/discover"), _plain("prompts/list", cursor="x"),
    _plain("resources/read", uri="rewind://none"), _plain("no/such/method"), _plain("notifications/initialized"),
    _plain("initialize", protocolVersion=LATEST_LEGACY, capabilities={}, clientInfo={"name": "soak", "version": "1"}),
    _plain("logging/setLevel", level="debug"), _plain("completion/complete", ref={"type": "ref/prompt", "name": "x"}),
    _plain("notifications/cancelled", requestId="never sent"),
)  # fmt: skip
