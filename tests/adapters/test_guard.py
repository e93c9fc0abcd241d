import pytest

from adapters.guard import Guard


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8080",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:65535",
        "mcp.example.org",
        "mcp.example.org:443",
        "exact.example.org:9000",
    ],
)
def test_a_server_is_called_by_its_loopback_names_and_those_it_was_given(host: str) -> None:
    assert Guard(["MCP.example.org", "exact.example.org:9000"]).problem(host, None) is None


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "example.org",
        "localhost.example.org",
        "example.localhost",
        "xlocalhost",
        "127.0.0.1.example.org",
        "127.0.0.2",
        "localhost:",
        "localhost:x",
        "localhost:8080:8080",
        "localhost:123456",
        "localhost:\u0661",
        "[::1]x",
        "[::2]",
        "::1",
        "user@localhost",
        "localhost/",
        "exact.example.org",
        "exact.example.org:9001",
    ],
)
def test_a_server_is_called_by_no_other_host(host: str | None) -> None:
    guard = Guard(["exact.example.org:9000"])
    for _ in range(2):
        problem = guard.problem(host, None)
        assert problem is not None
        assert problem[0] == 421


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "http://localhost",
        "https://localhost:3000",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "https://app.example.org",
        "https://APP.example.org",
        "https://mcp.example.org",
        "vscode-webview://panel",
    ],
)
def test_pages_of_the_server_and_those_it_was_given_may_call(origin: str | None) -> None:
    guard = Guard(["mcp.example.org"], ["https://app.example.org/", "vscode-webview://panel"])
    assert guard.problem("localhost", origin) is None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://example.org",
        "https://app.example.org:444",
        "http://app.example.org",
        "https://app.example.org.evil.example",
        "https://localhost.evil.example",
        "https://evil.example/localhost",
        "https://evil.example?localhost",
        "https://localhost@evil.example",
        "https://localhost/",
        "file://localhost",
        "localhost",
        "http://[::1",
        "http://localhost http://evil.example",
    ],
)
def test_no_other_page_may_call(origin: str) -> None:
    guard = Guard(["mcp.example.org"], ["https://app.example.org"])
    for _ in range(2):
        problem = guard.problem("localhost", origin)
        assert problem is not None
        assert problem[0] == 403


def test_the_host_is_looked_at_before_the_origin() -> None:
    assert Guard().problem("evil.example", "http://evil.example") == (
        421,
        "this server is not called by that Host; name it in allowed_hosts if it should be",
    )


def test_what_was_allowed_once_is_not_allowed_with_something_else() -> None:
    guard = Guard()
    assert guard.problem("localhost", "http://localhost") is None
    assert guard.problem("localhost", "http://evil.example") is not None
    assert guard.problem("evil.example", "http://localhost") is not None


def test_a_flood_of_good_names_changes_nothing() -> None:
    guard = Guard()
    for port in range(1000):
        assert guard.problem(f"localhost:{port}", None) is None
    assert guard.problem("evil.example", None) is not None
