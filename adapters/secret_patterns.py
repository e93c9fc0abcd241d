"""Secrets that are known by their look: the keys and tokens of well-known services, and a few forms of text.

Every pattern takes time linear in the text: it begins where no character of its own kind stands before, so a run of
characters is gone through once, and what repeats is possessive or bounded.
"""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

Span = tuple[int, int]


class Pattern(NamedTuple):
    """One kind of secret.

    Attributes:
        kind: What it is called in the metrics.
        needles: Texts one of which is in all that fit, for a quick look.
        regex: The secret is its group ``secret``.
        check: What the secret must be besides.
    """

    kind: str
    needles: tuple[bytes, ...]
    regex: re.Pattern[bytes]
    check: Callable[[bytes], bool] | None = None

    def found(self, text: bytes) -> Iterator[Span]:
        """Where secrets of this kind stand in ``text``."""
        if not any(needle in text for needle in self.needles):
            return
        for match in self.regex.finditer(text):
            if self.check is None or self.check(match["secret"]):
                yield match.span("secret")


def _is_user_and_password(text: bytes) -> bool:
    """Whether this is what ``Basic`` carries (RFC 7617): two texts with a colon between them, in base64."""
    try:
        plain = base64.b64decode(text + b"=" * (-len(text) % 4), b"-_" if b"-" in text or b"_" in text else None)
        return b":" in plain and plain.decode().isprintable()
    except ValueError:
        return False


def _is_no_word(text: bytes) -> bool:
    """Whether this is no word of a sentence about bearers."""
    return len(text) >= 24 or not text.rstrip(b".,").isalpha()


def _pattern(
    kind: str, needles: str | tuple[str, ...], body: str, check: Callable[[bytes], bool] | None = None
) -> Pattern:
    marks = (needles,) if isinstance(needles, str) else needles
    return Pattern(kind, tuple(mark.encode() for mark in marks), re.compile(body.encode()), check)


_W: Final = r"(?<![A-Za-z0-9_-])"
_N: Final = r"(?<![A-Za-z0-9])"

PATTERNS: Final = (
    _pattern(
        "aws", ("AKIA", "ASIA", "ABIA", "ACCA"), _N + r"(?P<secret>A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16})(?![A-Za-z0-9])"
    ),
    _pattern(
        "github",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"(?<![A-Za-z0-9_])(?P<secret>gh[pousr]_[A-Za-z0-9]{30,255}+|github_pat_[A-Za-z0-9_]{30,255}+)",
    ),
    _pattern(
        "gitlab",
        "gl",
        _W + r"(?P<secret>gl(?:pat|dt|rt|cbt|ptt|ft|oas|soat|agent|imt|ffct)-[A-Za-z0-9_-]{16,255}+)",
    ),
    _pattern("slack", "xox", _N + r"(?P<secret>xox[abceoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,255}+)"),
    _pattern("slack", "xapp-", _N + r"(?P<secret>xapp-[A-Za-z0-9-]{20,255}+)"),
    _pattern(
        "slack", "hooks.slack.com", r"hooks\.slack\.com/(?P<secret>(?:services|workflows)/[A-Za-z0-9/_-]{20,255}+)"
    ),
    _pattern(
        "stripe",
        ("k_live_", "k_test_", "whsec_"),
        r"(?<![A-Za-z0-9_])(?P<secret>[rsp]k_(?:live|test)_[A-Za-z0-9]{10,255}+|whsec_[A-Za-z0-9+/=]{20,255}+)",
    ),
    _pattern("anthropic", "sk-ant-", _W + r"(?P<secret>sk-ant-[A-Za-z0-9_-]{16,255}+)"),
    _pattern("openai", "sk-", _W + r"(?P<secret>sk-(?!ant-)(?=[A-Za-z0-9_-]{0,80}[0-9])[A-Za-z0-9_-]{20,255}+)"),
    _pattern("google", "AIza", _W + r"(?P<secret>AIza[A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])"),
    _pattern(
        "google", ("ya29.", "GOCSPX-"), _W + r"(?P<secret>ya29\.[A-Za-z0-9_-]{20,2048}+|GOCSPX-[A-Za-z0-9_-]{20,64}+)"
    ),
    _pattern("huggingface", "hf_", r"(?<![A-Za-z0-9_])(?P<secret>hf_[A-Za-z0-9]{30,64}+)"),
    _pattern("npm", "npm_", r"(?<![A-Za-z0-9_])(?P<secret>npm_[A-Za-z0-9]{36})(?![A-Za-z0-9])"),
    _pattern("pypi", "pypi-", _W + r"(?P<secret>pypi-[A-Za-z0-9_-]{50,2048}+)"),
    _pattern("sendgrid", "SG.", _W + r"(?P<secret>SG\.[A-Za-z0-9_-]{16,64}+\.[A-Za-z0-9_-]{16,128}+)"),
    _pattern(
        "jwt",
        "eyJ",
        _W + r"(?P<secret>eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+(?:\.[A-Za-z0-9_-]*+){0,2})",
    ),
    _pattern(
        "bearer",
        ("earer ", "EARER "),
        r"(?<![A-Za-z0-9])(?i:bearer) {1,3}+(?P<secret>[A-Za-z0-9._~+/=-]{8,}+)",
        _is_no_word,
    ),
    _pattern(
        "basic",
        ("asic ", "ASIC "),
        r"(?<![A-Za-z0-9])(?i:basic) {1,3}+(?P<secret>[A-Za-z0-9+/=_-]{8,}+)",
        _is_user_and_password,
    ),
    _pattern(
        "url",
        "://",
        r"://(?:\[redacted:hmac:[0-9a-f]{32}\]|[^/\s@:\"'<>\[]){0,256}+:"
        r"(?!\[redacted:)(?P<secret>[^/\s@\"'<>]{1,1024}+)@",
    ),
)
"""All kinds, the more particular ones first: a token behind ``Bearer`` has its own kind."""

KINDS: Final = (*dict.fromkeys(pattern.kind for pattern in PATTERNS), "pem", "name", "known", "base64", "many")
"""What a secret is counted as: by its look, else by its name, because the call was made with it, as the name of a
member that has one in base64, or as a text that gave way as a whole."""

_BEGIN: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END: Final = re.compile(rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")


def private_keys(text: bytes) -> Iterator[Span]:
    """Where private keys in PEM stand (RFC 7468); one without an end goes on to the end of the text."""
    if b"-----BEGIN " not in text:
        return
    begin = _BEGIN.search(text)
    while begin is not None:
        end = _END.search(text, begin.end())
        stop = len(text) if end is None else end.end()
        yield begin.start(), stop
        begin = _BEGIN.search(text, stop)


_QUICK: Final = (
    r"-----BEGIN",
    r"\\u00|:\\/",
    r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{8}",
    r"gh[pousr]_[A-Za-z0-9]{8}|github_pat_",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|oas|soat|agent|imt|ffct)-[A-Za-z0-9_-]{8}",
    r"xox[abceoprs][-.]|xapp-|hooks\.slack\.com",
    r"[rsp]k_(?:live|test)_|whsec_",
    r"sk-[A-Za-z0-9_-]{20}",
    r"AIza[A-Za-z0-9_-]{8}|ya29\.|GOCSPX-",
    r"hf_[A-Za-z0-9]{8}|npm_[A-Za-z0-9]{8}|pypi-[A-Za-z0-9_-]{8}|SG\.[A-Za-z0-9_-]{8}",
    r"eyJ[A-Za-z0-9_-]{8,}\.",
    r"(?i:(?:api|access|secret|private|signing|encryption|master|shared|account) keys?)",
    r"(?i:(?:access|auth|refresh|id|session|bearer|security) tokens?|client secret|pin code|connection string)",
    r"(?i:bearer|basic) +[A-Za-z0-9._~+/=-]{8}",
    r"://[^/\s@]*:[^/\s]*@",
)

QUICK: Final = "|".join(_QUICK)
"""What all texts fit that fit one of :data:`PATTERNS`, in JSON too: without looking back, for a quick look."""
