"""How long the streams of both stores are."""

import redis

from cluster.store.urls import StoreUrls

#: Keys looked at by one command.
SCANNED = 1000


def stream_lengths(urls: StoreUrls) -> dict[str, int]:
    """Entries of every stream in the two stores. Raises redis.RedisError."""
    lengths = {}
    for url in sorted(set(urls)):
        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter(count=SCANNED, _type="stream"):
                lengths[key.decode(errors="replace")] = client.xlen(key)
    return lengths
