"""Settings as they may be shown: nothing that is secret in a value is in its text."""

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr
from pydantic_core import to_jsonable_python

HIDDEN: Final = "***"


def shown(name: str, value: Any) -> Any:
    """The value of a setting as JSON has it, with what is secret hidden."""
    if isinstance(value, SecretStr):
        return address(value.get_secret_value()) if name.endswith("_url") else HIDDEN
    return to_jsonable_python(value, fallback=msgspec.to_builtins)


def address(url: str) -> str:
    """A URL without its user, password and options; of anything else nothing."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return HIDDEN
    after = f"{parts.path}{parts.query}{parts.fragment}"
    if (
        not parts.scheme or "://" not in url or "@" in after
    ):  # a password with a slash in it, and the host is in the rest
        return HIDDEN
    where = f"[{host}]" if ":" in host else host
    user = f"{HIDDEN}@" if "@" in parts.netloc else ""
    options = f"?{HIDDEN}" if parts.query or parts.fragment else ""
    return f"{parts.scheme}://{user}{where}{f':{port}' if port else ''}{parts.path}{options}"
