"""The text of Python files, in the encoding that they declare."""

import io
import tokenize

from mcp_server.plugins.code.source import decode as decode_any


def decode(content: bytes) -> str:
    """The text of a file: in the encoding of its coding line (PEP 263), else UTF-8, else Latin-1."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return decode_any(content)
