from collections.abc import Iterator

import pytest

from tests.children import Child, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """The built-in server, in a process of its own."""
    with running(tmp_path_factory.mktemp("server")) as child:
        assert child.port
        yield child
