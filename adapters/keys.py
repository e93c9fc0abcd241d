"""The secret of a server, and the keys that are derived from it, one for each purpose."""

import base64
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_BYTES: Final = 32
"""The fewest bytes of a secret."""

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class NoSecret(Exception):
    """The file of a server's secret cannot be used; says which and why."""


class Keys:
    """Derives keys from a secret (HKDF with SHA-256, RFC 5869): to know one of them tells nothing of the others.

    Raises:
        ValueError: The secret is too short.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SECRET_BYTES:
            raise ValueError(f"a secret has at least {SECRET_BYTES} bytes, and this one has {len(secret)}")
        self._secret = secret

    def key(self, purpose: str, salt: bytes = b"") -> bytes:
        """The 32 bytes for ``purpose``; with another salt, others."""
        return HKDF(SHA256(), 32, salt or None, f"mcp-rewind {purpose}".encode()).derive(self._secret)


def new_secret() -> bytes:
    """A secret that nobody has had before."""
    return secrets.token_bytes(SECRET_BYTES)


def secret_in(file: Path) -> bytes:
    """The secret that a file holds; a new one, which it holds from then on, if there is no such file.

    Raises:
        NoSecret: The file cannot be read or made, others may read it, or it holds something else.
    """
    try:
        return _made(file)
    except FileExistsError:
        return _read(file)
    except OSError as error:
        raise NoSecret(f"the secret cannot be kept in {file}: {error.strerror}") from error


def _made(file: Path) -> bytes:
    secret = new_secret()
    made = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(base64.b64encode(secret) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        os.link(made, file)  # whoever finds it finds it whole, and of two that make it one wins
    finally:
        made.unlink()
    return secret


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as source:
            if os.fstat(source.fileno()).st_mode & _OTHERS:
                raise NoSecret(f"others may read the secret in {file}: chmod 600 {file}")
            text = source.read(1024)
    except OSError as error:
        raise NoSecret(f"the secret in {file} cannot be read: {error.strerror}") from error
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        secret = b""
    if len(secret) < SECRET_BYTES:
        raise NoSecret(f"{file} holds no secret: restore it, or remove it for a new one")
    return secret
