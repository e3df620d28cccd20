"""The catalogue in the event store: each post as it stands, and the log of how it came to be so.

Keys: the hash `{catalogue}:posts` holds each post's record by its id, a deleted one's too; the stream `{catalogue}`
holds every record that was ever written, in order. Both change at once and are on disk before a write is answered,
so whoever reads the hash sees what was written before, and whoever follows the stream misses nothing.
"""

import logging
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from cluster.posts import Post, decode_post, encode_post
from cluster.settings import Server
from cluster.store.breaker import Breaker
from cluster.store.closing import Closing
from cluster.store.connection import Connection

logger = logging.getLogger(__name__)

STREAM: Final = b"{catalogue}"
POSTS: Final = b"{catalogue}:posts"
#: Position before the first entry.
START: Final = "0-0"
#: How long a write may take: it waits for the disk.
DISK_S: Final = 2.0

#: KEYS: hash, stream. ARGV: id, expected record ("" = none) and new record of each post. Answers 1 for each post
#: that still was as expected and has been written, 0 for the others.
_WRITE: Final = """
local answers = {}
for i = 1, #ARGV, 3 do
  local current = redis.call('HGET', KEYS[1], ARGV[i]) or ''
  if current == ARGV[i + 1] then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
    redis.call('XADD', KEYS[2], '*', 'p', ARGV[i + 2])
    answers[#answers + 1] = 1
  else
    answers[#answers + 1] = 0
  end
end
return answers
"""


class Stored(NamedTuple):
    """A post as the hash holds it; both parts are empty for one that the catalogue has never heard of."""

    record: bytes
    post: Post | None


class Entry(NamedTuple):
    """One entry of the stream."""

    position: str
    post: Post | None  # None for one that this build cannot read


class CatalogueLog(Closing):
    """Connections of their own, each shared by all tasks of one event loop: to read and write, and to follow.

    Every method raises StoreUnavailable when the store is gone.
    """

    def __init__(self, url: str, settings: Server) -> None:
        self._breaker = Breaker("event store", settings.retry_ms)
        self._connection = Connection(url, DISK_S, self._breaker)
        self._following = Connection(url, DISK_S, self._breaker)
        self._redis, self._follower = self._connection.redis, self._following.redis

    async def read(self, post_ids: Sequence[int]) -> list[Stored]:
        """The posts of `post_ids` as they stand."""
        self._breaker.admit()
        records: Any = await self._connection.outcome(
            self._redis.hmget(POSTS, [b"%d" % post_id for post_id in post_ids])
        )
        return [Stored(b"", None) if record is None else Stored(record, decode_post(record)) for record in records]

    async def write(self, changes: Sequence[tuple[Stored, Post]]) -> list[bool]:
        """Write each post that still is as it was read; whether it was, for each. Then it is in hash and stream."""
        self._breaker.admit()
        arguments: list[bytes] = []
        for stored, post in changes:
            arguments += (b"%d" % post.post_id, stored.record, encode_post(post))
        written: Any = await self._connection.outcome(self._redis.eval(_WRITE, 2, POSTS, STREAM, *arguments))
        return [bool(one) for one in written]

    async def last_position(self) -> str:
        """Position of the last entry of the stream; START when it is empty."""
        last: Any = await self._following.outcome(self._follower.xrevrange(STREAM, count=1))
        return last[0][0].decode() if last else START

    async def follow(self, position: str, count: int, block_ms: int) -> list[Entry]:
        """Up to `count` entries after `position`; waits `block_ms` for the first (0 = not at all)."""
        answer: Any = await self._following.outcome(
            self._follower.xread({STREAM: position}, count=count, block=block_ms or None)
        )
        entries = answer[0][1] if answer else []
        return [Entry(position.decode(), _readable(position, fields)) for position, fields in entries]

    async def close(self) -> None:
        await self._connection.close()
        await self._following.close()


def _readable(position: bytes, fields: dict[bytes, bytes]) -> Post | None:
    """The post of an entry; one bad entry must not keep replicas from all that come after it."""
    try:
        return decode_post(fields[b"p"])
    except (KeyError, msgspec.DecodeError) as error:
        logger.error("entry %s of the catalogue log is passed over: %s", position.decode(), error)
        return None
