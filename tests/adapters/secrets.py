"""Secrets of every kind that the server knows, made up: none of them opens anything."""

import base64
import json
import random
import string
from typing import Final

_LETTERS: Final = string.ascii_letters + string.digits


def _some(chance: random.Random, length: int, letters: str = _LETTERS) -> str:
    return "".join(chance.choices(letters, k=length))


def tokens(chance: random.Random) -> dict[str, str]:
    """One secret of each kind that is known by its look."""
    jwt = ".".join(
        base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
        for part in (json.dumps({"alg": "HS256"}), json.dumps({"sub": _some(chance, 12)}), _some(chance, 24))
    )
    return {
        "aws": "AKIA" + _some(chance, 16, string.ascii_uppercase + string.digits),
        "github": "ghp_" + _some(chance, 36),
        "github pat": "github_pat_" + _some(chance, 22) + "_" + _some(chance, 59),
        "gitlab": "glpat-" + _some(chance, 20),
        "slack": f"xoxb-{_some(chance, 12, string.digits)}-{_some(chance, 24)}",
        "stripe": "sk_live_" + _some(chance, 24),
        "anthropic": "sk-ant-api03-" + _some(chance, 80),
        "openai": "sk-proj-7" + _some(chance, 40),
        "google": "AIza" + _some(chance, 35),
        "google oauth": "ya29." + _some(chance, 60),
        "huggingface": "hf_" + _some(chance, 34),
        "npm": "npm_" + _some(chance, 36),
        "pypi": "pypi-" + _some(chance, 80),
        "sendgrid": f"SG.{_some(chance, 22)}.{_some(chance, 43)}",
        "jwt": jwt,
        "pem": f"-----BEGIN PRIVATE KEY-----\n{_some(chance, 64)}\n{_some(chance, 40)}\n-----END PRIVATE KEY-----",
    }


def canary(chance: random.Random) -> str:
    """A text that looks like nothing: only where it stands says that it is a secret."""
    return f"Canary{_some(chance, 18)}"


def encoded(text: str) -> str:
    """``text`` in base64."""
    return base64.b64encode(text.encode()).decode()
