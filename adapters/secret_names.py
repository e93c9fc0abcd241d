"""Names that say that the value behind them is a secret: ``api_key``, ``clientSecret``, ``X-Auth-Token``.

Names are read word by word, so that ``token_count``, ``max_tokens`` and ``tokenizer`` are none.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

LONGEST: Final = 128
"""Characters of a name that is looked at."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_ANYWHERE: Final = (
    *("password", "passwords", "passwd", "passphrase", "passcode", "pwd", "credential", "credentials"),
    *("api key", "api keys", "apikey", "apikeys", "access key", "accesskey", "secret key", "secretkey"),
    *("private key", "privatekey", "signing key", "encryption key", "master key", "shared key", "account key"),
    *("access token", "accesstoken", "refresh token", "refreshtoken", "id token", "auth token", "authtoken"),
    *("bearer token", "session token", "security token", "client secret", "clientsecret", "authorization"),
    *("connection string", "pin code", "pincode"),
)
"""Words that make a secret of whatever follows them: ``password_confirmation``."""

_LAST: Final = ("secret", "secrets", "token", "jwt", "otp", "pin", "cookie", "cookies")
"""Words that do only where a name ends with them, but for one of :data:`_CARRIERS`."""

_CARRIERS: Final = frozenset({"value", "values", "text", "string", "header", "base64", "b64", "plain", "raw"})

_ABOUT: Final = frozenset(
    {
        *("count", "counts", "limit", "limits", "length", "size", "type", "types", "name", "names", "used", "usage"),
        *("total", "expires", "expiry", "expiration", "ttl", "ms", "id", "ids", "url", "uri", "endpoint", "policy"),
        *("hint", "label", "field", "required", "enabled", "valid", "age", "at", "in", "format", "algorithm", "path"),
        *("file", "env", "rules", "strength", "min", "max", "index", "status"),
    }
)
"""A name that ends so tells something about a secret, and not the secret."""

_OTHER_TOKENS: Final = frozenset(
    {
        *("progress", "next", "previous", "prev", "page", "continuation", "cancel", "cancellation", "sync", "delta"),
        *("start", "end", "first", "last", "stop", "eos", "bos", "pad", "unk", "sep", "mask", "cls", "special"),
        *("max", "min", "per", "input", "output", "prompt", "completion", "cost", "price", "gpio", "map", "header"),
    }
)
"""What stands before ``token`` or ``pin`` where it is a mark in a list, a piece of text, or a place."""


class SecretNames:
    """Knows a secret by its name.

    Args:
        more: Names besides; a name that ends with one of them counts too, word by word.
        allow: Names that are no secrets, whatever they look like.
    """

    def __init__(self, more: Iterable[str] = (), allow: Iterable[str] = ()) -> None:
        self._more = [words for name in more if (words := _words(name))]
        self._allow = frozenset("".join(_words(name)) for name in allow)
        self.is_secret = lru_cache(4096)(self._is_secret)

    @property
    def parts(self) -> tuple[str, ...]:
        """Texts in small letters one of which is in every name that may mean a secret."""
        own = ("pass", "pwd", "secret", "token", "key", "credential", "cookie", "authorization", "jwt", "otp", "pin")
        return (*own, "connection", *(words[-1] for words in self._more))

    def _is_secret(self, name: str) -> bool:
        if len(name) > LONGEST:
            return False
        words = _words(name)
        if not words or "".join(words) in self._allow:
            return False
        if any(words[-len(more) :] == more for more in self._more):
            return True
        if words[-1] in _ABOUT:
            return False
        if _MADE_OF.search(f" {' '.join(words)} ") or words[-1].endswith(("password", "passwd")):
            return True
        if len(words) > 1 and words[-1] in _CARRIERS:
            words = words[:-1]
        return words[-1] in _LAST and (len(words) == 1 or words[-2] not in _OTHER_TOKENS)


_MADE_OF: Final = re.compile(rf" (?:{'|'.join(_ANYWHERE)}) ")


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]
