from typing import Any

import pytest

from mcp_server.cache import CacheBackendType, CacheConfig

HYBRID, REDIS = CacheBackendType.HYBRID, CacheBackendType.REDIS


def test_arguments_may_be_given_in_order() -> None:
    config = CacheConfig(HYBRID, 10_000, 500, 3600, "redis://cache:6379/2", "mine")
    assert config == CacheConfig(
        backend_type=HYBRID,
        max_entries=10_000,
        max_memory_mb=500,
        default_ttl=3600,
        redis_url="redis://cache:6379/2",
        namespace="mine",
    )
    assert config.max_bytes == 500 * 1024 * 1024


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"backend_type": "disk"}, "backend_type must be one of CacheBackendType"),
        ({"max_entries": 0}, "max_entries must be a whole number of at least 1, not 0"),
        ({"max_entries": 1.5}, "max_entries"),
        ({"max_memory_mb": 0}, "max_memory_mb must be above 0"),
        ({"max_memory_mb": "500"}, "max_memory_mb"),
        ({"default_ttl": 0}, "default_ttl must be above 0 seconds and at most 366 days, not 0"),
        ({"default_ttl": float("nan")}, "default_ttl"),
        ({"negative_ttl": -1}, "negative_ttl"),
        ({"near_ttl": True}, "near_ttl"),
        ({"lease": 0}, "lease must be from 0.01 to 600 seconds"),
        ({"redis_timeout": 100}, "redis_timeout must be from 0.01 to 60 seconds"),
        ({"namespace": "a}b"}, "namespace must be 1 to 64 letters"),
        ({"redis_url": "http://host"}, "redis_url must begin with one of redis://"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        CacheConfig(**wrong)


def test_a_url_comes_from_the_settings_then_the_environment_then_it_is_the_local_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://environment")
    assert CacheConfig(HYBRID, redis_url="redis://settings").url == "redis://settings"
    assert CacheConfig(HYBRID).url == "redis://environment"
    monkeypatch.delenv("REDIS_URL")
    assert CacheConfig(HYBRID).url == "redis://localhost:6379"


@pytest.mark.parametrize(
    ("config", "environment", "falls_back"),
    [
        (CacheConfig(HYBRID), None, True),
        (CacheConfig(HYBRID), "redis://environment", False),
        (CacheConfig(HYBRID, redis_url="redis://settings"), None, False),
        (CacheConfig(REDIS), None, False),
        (CacheConfig(HYBRID, fallback=False), None, False),
        (CacheConfig(REDIS, redis_url="redis://settings", fallback=True), None, True),
    ],
)
def test_memory_serves_in_place_of_a_redis_that_nobody_named_or_where_it_is_allowed(
    config: CacheConfig, environment: str | None, falls_back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    if environment:
        monkeypatch.setenv("REDIS_URL", environment)
    assert config.falls_back is falls_back
