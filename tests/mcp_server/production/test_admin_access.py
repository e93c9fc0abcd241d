"""Who may call ``/admin``."""

import pytest
from multidict import CIMultiDict

from mcp_server.production.admin_access import refusal

TOKEN = "a token of some length"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_a_caller_on_this_machine_needs_nothing(address: str) -> None:
    assert refusal(address, {}, "") is None


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "", None, "localhost", "unix:"])
def test_any_other_caller_is_turned_away(address: str | None) -> None:
    refused = refusal(address, {"Authorization": "Bearer x"}, "")
    assert refused is not None
    assert refused.status == 403


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.1", None])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_a_token_counts_wherever_it_comes_from(address: str | None, scheme: str) -> None:
    shown = CIMultiDict({"authorization": f"{scheme} {TOKEN}", "X-Forwarded-For": "192.0.2.1"})
    assert refusal(address, shown, TOKEN) is None


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \udce9"]
)
def test_nothing_else_does(shown: str) -> None:
    refused = refusal("127.0.0.1", {"Authorization": shown}, TOKEN)
    assert refused is not None
    assert (refused.status, TOKEN in refused.reason) == (401, False)
