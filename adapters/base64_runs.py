"""Base64 in texts: where it may stand, and what it may say."""

import binascii
import re
from collections.abc import Iterator
from typing import Final

RUN: Final = re.compile(rb"[A-Za-z0-9+/_-]{24,}+")
"""What may be base64, in the alphabet of RFC 4648 or in that for URLs. Anything shorter is too short for a secret."""

MARK: Final = "[A-Za-z0-9]{24}"
"""What stands in every run that says something in ASCII: there ``+`` and ``/`` are for three characters alone."""

_HEX: Final = re.compile(rb"[0-9a-fA-F-]++\Z")
_PLAIN: Final = bytes.maketrans(b"-_", b"+/")


def all_said(text: bytes) -> Iterator[bytes]:
    """What the base64 in ``text`` may say, each time all of it in one: for a look that costs a few calls."""
    together = b"".join(run for run in RUN.findall(text) if not _HEX.match(run)).translate(_PLAIN)
    if together:  # each run begins at a quartet in one of the four
        yield from (_quartets(together, offset) for offset in range(4))


def said(run: bytes) -> Iterator[bytes]:
    """What one run may say, from each place where a quartet may begin."""
    if not _HEX.match(run):  # else it is a digest or an id
        run = run.translate(_PLAIN)
        yield from (_quartets(run, offset) for offset in range(4))


def _quartets(run: bytes, offset: int) -> bytes:
    part = run[offset:]
    if len(part) % 4 == 1:
        part = part[:-1]
    return binascii.a2b_base64(part + b"==="[: -len(part) % 4])
