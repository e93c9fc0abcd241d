"""The servers that other tests stand on are real."""

import psycopg
import redis


def test_redis_answers(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
        assert client.info("server")["redis_version"] >= "6.2"


def test_postgresql_answers(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute("select version()").fetchone()
    assert found is not None
    assert found[0].startswith("PostgreSQL")
