"""A cache in Redis of what is read often: the extra `sqlstore[redis]`. See docs/cache.md.

    async with Conversations.open(url, cache=RedisCache("redis://localhost:6379/0")) as store:
        await store.messages.history(conversation_id)

Never the truth: each value carries the version of the rows it was made from, and is used only
where the database says, in the call itself, that this is still their version. Without Redis the
database answers alone.
"""

from sqlstore.capabilities.cache.caching import Cache, CacheHealth, CachingRepository, check_cache
from sqlstore.capabilities.cache.options import RedisCache

__all__ = ["Cache", "CacheHealth", "CachingRepository", "RedisCache", "check_cache"]
