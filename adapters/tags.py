"""What stands where a secret was: ``[redacted:hmac:`` with 32 hexadecimal digits and ``]``."""

import hmac
import re
from typing import Final

MARK: Final = b"[redacted:"
"""What every tag begins with."""

TAG: Final = re.compile(rb"\[redacted:hmac:[0-9a-f]{32}\]")


class Tags:
    """Makes tags: the first half of HMAC-SHA256 (RFC 2104), so that one secret has the same tag wherever it stands.

    Args:
        key: Of the server. Who has it can look for a secret that he knows; nobody can get one back.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, secret: bytes) -> bytes:
        """What stands where ``secret`` was."""
        return b"[redacted:hmac:%b]" % hmac.digest(self._key, secret, "sha256")[:16].hex().encode()

    def digest(self, data: bytes) -> bytes:
        """32 bytes that tell ``data`` from others, and nothing about it to who has no key."""
        return hmac.digest(self._key, b"digest\0" + data, "sha256")
