"""What the tests of the server's parts share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mcp_server.performance.databases import Database, Postgres, Sqlite


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Each of the two in turn."""
    if request.param == "sqlite":
        yield Sqlite(tmp_path)
    else:
        yield Postgres(request.getfixturevalue("postgres_url"))
