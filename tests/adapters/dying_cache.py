"""A process that asks a cache for a key, says that it is to find it, and does not. To be killed.

Arguments: the URL, the namespace, the key, and the lease in seconds.
"""

import asyncio
import sys

from adapters.redis_cache import RedisCache


async def main(url: str, namespace: str, key: str, lease: float) -> None:
    cache = RedisCache(url, namespace, lease=lease)
    await cache.start()
    cache.look(key, ("a session", 1), 0.0, lambda kept: print("hit" if kept else "finding", flush=True))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
