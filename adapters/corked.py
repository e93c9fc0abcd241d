"""Transports that send once a turn.

uvloop hands every write to the kernel at once. On a busy websocket a group of answers that became durable together
would cost a system call for each, which is as much as all that was decided about it.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, TypeAlias

Bytes: TypeAlias = "bytes | bytearray | memoryview[Any]"


class Cork:
    """Gathers what is written within one turn of the event loop, and sends it when the turn ends."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Corked] = []

    def over(self, transport: asyncio.Transport) -> "Corked":
        """``transport``, corked."""
        return Corked(self, transport)

    def add(self, corked: "Corked") -> None:
        """Have ``corked`` flushed at the end of this turn."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(corked)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for corked in waiting:
            corked.flush()


class Corked(asyncio.Transport):
    """A transport whose writes wait for the end of the turn; in all else the one that it was made over."""

    __slots__ = ("_cork", "_held", "_held_bytes", "_transport")

    def __init__(self, cork: Cork, transport: asyncio.Transport) -> None:
        """Made by :meth:`Cork.over`."""
        self._cork = cork
        self._transport = transport
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: Bytes) -> None:
        """Send ``data`` at the end of the turn."""
        if not self._held:
            self._cork.add(self)
        self._held.append(bytes(data))
        self._held_bytes += len(data)

    def writelines(self, list_of_data: Iterable[Bytes]) -> None:
        """Send all of it at the end of the turn."""
        self.write(b"".join(list_of_data))

    def flush(self) -> None:
        """Send what was gathered."""
        held, self._held = self._held, []
        self._held_bytes = 0
        if held and not self._transport.is_closing():
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def get_write_buffer_size(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._held_bytes + self._transport.get_write_buffer_size()

    def close(self) -> None:
        """Send what was gathered, then close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once, without sending anything more."""
        self._held = []
        self._transport.abort()

    def write_eof(self) -> None:
        """Send what was gathered, then the end."""
        self.flush()
        self._transport.write_eof()

    def can_write_eof(self) -> bool:
        return self._transport.can_write_eof()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._transport.get_write_buffer_limits()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)
