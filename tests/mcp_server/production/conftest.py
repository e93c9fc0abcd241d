import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from mcp_server.production import log_setup


@pytest.fixture
def log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the lines of this test go; afterwards the process logs as before."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    monkeypatch.setenv("LOG_FILE", str(tmp_path / "app.log"))
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    yield tmp_path / "app.log"
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    log_setup.clear_context()
