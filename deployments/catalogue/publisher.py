"""Publishing, changing and removing posts: each a read, a change and a write that holds only if nobody was quicker."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from cluster.catalogue_log import CatalogueLog, Stored
from cluster.clock import Clock
from cluster.content_encoder import ContentEncoder
from cluster.errors import CascadeError, NotFound
from cluster.posts import NewPost, Post, PostChange, changed, published
from deployments.catalogue.catalogue import Catalogue

#: How often a write is tried when others change the same posts meanwhile.
TRIES: Final = 50

Change = Callable[[Post | None], Post]


class UnknownPost(NotFound):
    """A post that is not there."""

    def __init__(self, post_id: int) -> None:
        super().__init__("post_id", post_id, "there is no such post")


class Contended(CascadeError):
    """Posts that others change all the time."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """What is written is on disk, and read by every replica, when a method returns. All raise StoreUnavailable."""

    log: CatalogueLog
    catalogue: Catalogue
    encoder: ContentEncoder
    encoder_name: str
    clock: Clock

    async def publish(self, posts: Sequence[NewPost]) -> list[Post]:
        """Publish posts, or put them in place of those under their ids; of several under one id the last one counts."""
        now_ms = self.clock.now_ms()

        def change(new: NewPost) -> Change:
            return lambda current: published(new, current, now_ms)

        return await self._update({new.post_id: change(new) for new in posts})

    async def change(self, post_id: int, told: PostChange) -> Post:
        """Change fields of a post. Raises UnknownPost."""
        [post] = await self._update({post_id: lambda current: changed(told, _there(post_id, current))})
        return post

    async def delete(self, post_id: int) -> Post:
        """Delete a post. Raises UnknownPost."""

        def deleted(current: Post | None) -> Post:
            return msgspec.structs.replace(_there(post_id, current), deleted=True)

        [post] = await self._update({post_id: deleted})
        return post

    async def read(self, post_id: int) -> Post:
        """A post as it stands. Raises UnknownPost."""
        [stored] = await self.log.read([post_id])
        return _there(post_id, self._current(post_id, stored))

    async def _update(self, changes: dict[int, Change]) -> list[Post]:
        """Apply each change to its post as it stands, again where somebody was quicker."""
        written: dict[int, Post] = {}
        for _ in range(TRIES):
            pending = [post_id for post_id in changes if post_id not in written]
            stored = await self.log.read(pending)
            posts = await self._embedded(
                [changes[post_id](self._current(post_id, was)) for post_id, was in zip(pending, stored, strict=True)]
            )
            outcome = await self.log.write(list(zip(stored, posts, strict=True)))
            written.update({post.post_id: post for post, done in zip(posts, outcome, strict=True) if done})
            if len(written) == len(changes):
                return [written[post_id] for post_id in changes]
        raise Contended("others change the same posts all the time", "send the request again")

    def _current(self, post_id: int, stored: Stored) -> Post | None:
        return stored.post or self.catalogue.post_of_release(post_id)

    async def _embedded(self, posts: Sequence[Post]) -> list[Post]:
        """The posts, those that bring no embedding with that of their caption and tags."""
        lacking = [i for i, post in enumerate(posts) if post.embedding is None and (post.caption or post.tags)]
        embedded = list(posts)
        if lacking:
            texts, tags = [posts[i].caption or "" for i in lacking], [posts[i].tags or [] for i in lacking]
            vectors = await asyncio.to_thread(self.encoder.encode, texts, tags)
            for i, vector in zip(lacking, vectors.tolist(), strict=True):
                embedded[i] = msgspec.structs.replace(posts[i], embedding=vector, encoder=self.encoder_name)
        return embedded


def _there(post_id: int, current: Post | None) -> Post:
    if current is None or current.deleted:
        raise UnknownPost(post_id)
    return current
