"""Results as Redis holds them."""

from typing import Final

import msgspec
from msgspec import Struct

ITEM_OVERHEAD: Final = 700
"""Bytes that an item takes in Redis besides its payload, and its key which it holds five times; measured on 6.2."""

ITEM_TAG_OVERHEAD: Final = 450
"""Bytes that each tag of an item takes besides its name and the key, when no other item has it; measured likewise."""


class Item(Struct, array_like=True, frozen=True, gc=False):
    """A result, packed with msgpack.

    Attributes:
        key: Its key again, so that an answer that belongs to another question is told from the right one.
        ttl: Milliseconds for which it was to live.
        tags: Its tags.
        payload: The result.
    """

    key: str
    ttl: int
    tags: tuple[str, ...]
    payload: bytes

    def age(self, left: float) -> float:
        """Seconds since it was stored, when it has ``left`` seconds to live."""
        return max(0.0, self.ttl / 1000 - left)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Item).decode


def pack(item: Item) -> bytes:
    """The bytes that Redis keeps."""
    return _encode(item)


def unpack(packed: bytes, key: str) -> Item | None:
    """What was kept under ``key``; None if these bytes are something else."""
    try:
        item = _decode(packed)
    except msgspec.MsgspecError:
        return None
    return item if item.key == key else None


def size_in_redis(key: str, payload: bytes, tags: tuple[str, ...] = ()) -> int:
    """What an item counts, in bytes: payload, key, tags, and what keeping them takes."""
    length = len(key.encode())
    size = len(payload) + 5 * length + ITEM_OVERHEAD
    return size + sum(3 * len(tag.encode()) + length + ITEM_TAG_OVERHEAD for tag in tags)


def milliseconds(seconds: float) -> int:
    """Seconds as Redis takes them; at least one."""
    return max(1, round(seconds * 1000))
