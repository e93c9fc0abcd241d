"""The quick look at a text: whether there may be a secret in it.

Most messages hold none, and for those it takes about a microsecond.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import jsonschema_rs

from adapters.base64_runs import MARK, all_said
from adapters.secret_names import LONGEST, SecretNames
from adapters.secret_patterns import QUICK

BASE64_LEVELS: Final = 2
"""How often base64 in base64 is looked into."""

_NAME: Final = re.compile(rb"[A-Za-z0-9_.-]++")


class SecretLook:
    """Looks.

    Args:
        names: Knows secrets by their names.
    """

    def __init__(self, names: SecretNames) -> None:
        parts = "|".join(map(re.escape, names.parts))
        self._names = names
        self._is_doubtful = _finder(f"{QUICK}|{MARK}|(?i:{parts})")
        self._is_likely = _finder(QUICK)
        self._has_part = _finder(f"(?i:{parts})")
        self._has_base64 = _finder(MARK)
        self._is_name = lru_cache(8192)(self._means_secret)
        self.is_secret = names.is_secret

    def may_hold(self, raw: bytes, levels: int = BASE64_LEVELS) -> bool:
        """Whether ``raw``, JSON or not, has to be gone through.

        Args:
            raw: The text.
            levels: How often base64 in it is looked into.
        """
        text = raw.decode("latin-1")  # everything that is looked for is ASCII
        if not self._is_doubtful(text):
            return False
        if self._is_likely(text):
            return True
        # MCP's own name for something that is none goes first: it is in every third message.
        if self._has_part(text.replace("progressToken", "")) and any(map(self._is_name, set(_NAME.findall(raw)))):
            return True
        return levels > 0 and self._has_base64(text) and self.may_say(raw, levels - 1)

    def may_hold_besides(self, name: bytes) -> bool:
        """Whether there may be a secret in a member's name, whatever the name means."""
        text = name.decode("latin-1")
        return self._is_doubtful(text) and (self._is_likely(text) or self.may_say(name, BASE64_LEVELS - 1))

    def may_say(self, raw: bytes, levels: int) -> bool:
        """Whether base64 in ``raw`` may say something that has to be gone through; ``levels`` is for what it says."""
        return any(self.may_hold(plain, levels) for plain in all_said(raw))

    def _means_secret(self, name: bytes) -> bool:
        return len(name) <= LONGEST and self.is_secret(name.decode())


def _finder(pattern: str) -> Callable[[str], bool]:
    """Whether a text has something that fits ``pattern``.

    By the validator of JSON schemas: its regular expressions need one pass however many things they look for. Python's
    own take sixty times as long, and a search for each of the things twenty times.
    """
    options = jsonschema_rs.RegexOptions(size_limit=1 << 24, dfa_size_limit=1 << 24)
    return jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=options).is_valid
