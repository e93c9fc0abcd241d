"""The chain with each of the caches: an answer that comes later is a fact of the asking session like any other."""

from collections.abc import AsyncIterator

import pytest

from events.event import Observed
from events.observed import CacheHit, CacheMissed
from mcp_server.cache import Storage
from operators.policy import CacheRule, Policy
from tests.adapters.cache_desk import opened, until
from tests.replay.live import ONE, TWO, Live

POLICY = Policy(
    cache=(CacheRule("tools/call", "mine", ttl=60.0), CacheRule("tools/call", "all", ttl=60.0, public=True))
)
FOUND = b'{"content":[{"type":"text","text":"found"}]}'


@pytest.fixture(params=["memory", "redis", "hybrid"])
async def cache(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Storage]:
    async with opened(request.param, redis_url) as made:
        yield made


@pytest.fixture
def live(cache: Storage, monkeypatch: pytest.MonkeyPatch) -> Live:
    monkeypatch.setattr("tests.replay.live.MemoryCache", lambda: cache)
    made = Live(POLICY)
    for session, principal in ((ONE, "alice"), (TWO, "bob")):
        made.open(session, principal)
        made.initialize(session)
    return made


async def told(live: Live, session: str, id: int) -> Observed:
    """What the cache said to a request."""

    def found() -> list[Observed]:
        facts = (step.fact for step in live.steps)
        return [
            fact
            for fact in facts
            if isinstance(fact, CacheHit | CacheMissed) and (fact.origin.session, fact.origin.request) == (session, id)
        ]

    async def there() -> bool:
        return bool(found())

    await until(there)
    (fact,) = found()
    return fact


async def test_a_result_is_found_once_for_a_principal_and_given_to_no_other(live: Live) -> None:
    live.call(1, "mine", ONE)
    assert isinstance(await told(live, ONE, 1), CacheMissed)
    live.call(2, "mine", ONE)
    live.returned(1, FOUND, ONE)
    again = await told(live, ONE, 2)
    assert isinstance(again, CacheHit)
    assert again.payload == FOUND
    live.call(3, "mine", TWO)
    assert isinstance(await told(live, TWO, 3), CacheMissed)


async def test_a_public_result_is_given_to_everyone(live: Live) -> None:
    live.call(1, "all", ONE)
    assert isinstance(await told(live, ONE, 1), CacheMissed)
    live.call(1, "all", TWO)
    live.returned(1, FOUND, ONE)
    assert isinstance(await told(live, TWO, 1), CacheHit)


async def test_when_the_finder_is_cancelled_the_next_finds_it(live: Live) -> None:
    live.call(1, "all", ONE)
    assert isinstance(await told(live, ONE, 1), CacheMissed)
    live.call(1, "all", TWO)
    live.cancel(1, ONE)
    assert isinstance(await told(live, TWO, 1), CacheMissed)
    live.returned(1, FOUND, TWO)
    live.call(2, "all", ONE)
    assert isinstance(await told(live, ONE, 2), CacheHit)


async def test_when_the_finders_session_closes_the_next_finds_it(live: Live) -> None:
    live.call(1, "all", ONE)
    live.close(ONE)
    live.call(1, "all", TWO)
    assert isinstance(await told(live, TWO, 1), CacheMissed)
