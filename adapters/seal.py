"""Texts that are given to clients and come back: nobody else can make, change or read one.

A text is a random salt and what AES-256-GCM (NIST SP 800-38D) makes of the value under a key of that salt's own, so
that no nonce is ever used twice. Whose it is goes in as associated data, and is compared with everything else at once:
a text that was changed, that is another's, or that was never made here is refused in the same words and the same time.
"""

import base64
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.keys import Keys

LONGEST: Final = 64 * 1024
"""Characters of a text that is looked at."""

_SALT: Final = 16
_NONCE: Final = bytes(12)  # each key is used once


class Broken(ValueError):
    """A text is none of ours, or not this owner's."""


class Seal:
    """Closes values into texts, and opens those that it has closed.

    Args:
        keys: Of the server.
        purpose: What the texts are for: one for another purpose does not open.
    """

    def __init__(self, keys: Keys, purpose: str) -> None:
        self._keys = keys
        self._purpose = f"seal {purpose}"

    def close(self, value: bytes, owner: str = "") -> str:
        """A text of letters, digits, ``-`` and ``_`` that only ``owner`` can bring back."""
        salt = os.urandom(_SALT)
        return _text(salt + self._cipher(salt).encrypt(_NONCE, value, owner.encode()))

    def open(self, text: str, owner: str = "") -> bytes:
        """What was closed into ``text``.

        Raises:
            Broken: It was not closed here for ``owner``.
        """
        data = _data(text) if len(text) <= LONGEST else b""
        try:
            return self._cipher(data[:_SALT]).decrypt(_NONCE, data[_SALT:], owner.encode())
        except (InvalidTag, ValueError):
            raise Broken("this is none of ours") from None

    def _cipher(self, salt: bytes) -> AESGCM:
        return AESGCM(self._keys.key(self._purpose, salt))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _data(text: str) -> bytes:
    """The bytes that are written so; none if they would be written in another way."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
    return data if _text(data) == text else b""  # the last character may have bits that count for nothing
