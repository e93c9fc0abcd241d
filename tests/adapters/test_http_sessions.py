"""How stateless clients on one connection are told apart, where nobody is asked who they are."""

from adapters.http_sessions import MOST_CLIENTS
from events.observed import SessionClosed, SessionOpened
from operators.versions import META_CLIENT
from tests.serving import serving


async def test_clients_that_come_when_there_are_many_share_a_session_and_end_none() -> None:
    async with serving() as served:
        assert (await served.modern(0, "tools/list")).status == 200  # one that does not say who it is
        for number in range(MOST_CLIENTS + 6):
            client = {"_meta": {META_CLIENT: {"name": f"client {number}", "version": "1"}}}
            assert (await served.modern(number, "tools/list", client)).status == 200
        assert len(served.recorded(SessionOpened)) == MOST_CLIENTS
        assert served.recorded(SessionClosed) == []
