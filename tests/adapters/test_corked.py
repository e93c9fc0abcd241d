"""What is written within a turn goes out as one, in order; nothing is lost by closing."""

import asyncio
from typing import Any, cast

import pytest

from adapters.corked import Cork


class Wire(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("somebody", 1)})
        self.came: list[bytes] = []
        self.ended: list[str] = []

    def write(self, data: Any) -> None:
        self.came.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 100

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended.append("closed")

    def abort(self) -> None:
        self.ended.append("aborted")

    def write_eof(self) -> None:
        self.ended.append("eof")


async def test_what_is_written_within_a_turn_goes_out_as_one() -> None:
    cork, first, second = Cork(), Wire(), Wire()
    one, other = cork.over(first), cork.over(second)
    one.write(b"a")
    other.write(b"x")
    one.writelines([b"b", b"c"])
    assert (first.came, second.came) == ([], [])
    assert one.get_write_buffer_size() == 103
    await asyncio.sleep(0)
    assert (first.came, second.came) == ([b"abc"], [b"x"])
    assert one.get_write_buffer_size() == 100
    one.write(b"d")
    await asyncio.sleep(0)
    assert first.came == [b"abc", b"d"]


@pytest.mark.parametrize("end", ["close", "write_eof"])
async def test_an_end_comes_after_what_was_written(end: str) -> None:
    wire = Wire()
    corked = Cork().over(wire)
    corked.write(b"a")
    getattr(corked, end)()
    assert (wire.came, len(wire.ended)) == ([b"a"], 1)
    await asyncio.sleep(0)
    assert wire.came == [b"a"]


async def test_nothing_goes_out_after_an_abort() -> None:
    wire = Wire()
    corked = Cork().over(wire)
    corked.write(b"a")
    corked.abort()
    await asyncio.sleep(0)
    assert (wire.came, wire.ended) == ([], ["aborted"])
    assert corked.is_closing()


async def test_a_peer_that_left_meanwhile_costs_nothing() -> None:
    wire = Wire()
    corked = Cork().over(wire)
    corked.write(b"a")
    wire.close()
    await asyncio.sleep(0)
    assert wire.came == []


async def test_all_else_is_the_transport_s_own() -> None:
    corked = Cork().over(cast(asyncio.Transport, Wire()))
    assert corked.get_extra_info("peername") == ("somebody", 1)
    assert corked.get_extra_info("none", "default") == "default"
