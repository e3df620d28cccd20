"""Publishing, changing, removing and reading posts."""

from collections.abc import Callable

from cluster.batch import parse_batch
from cluster.posts import MAX_POSTS, Post, PostsResponse, parse_change, parse_post
from cluster.wire import faults
from deployments.catalogue.publisher import Publisher


class PostService:
    """What its methods answer is on disk; replicas show it within a moment. All raise StoreUnavailable."""

    def __init__(self, publisher: Callable[[], Publisher]) -> None:
        """`publisher`: the one of the moment."""
        self._publisher = publisher

    async def publish(self, body: bytes) -> PostsResponse:
        """One post, or {"posts": [...]}; good ones are kept, each bad one is named.

        Raises InvalidField when there is no good one, or Contended.
        """
        posts, errors = parse_batch(body, "posts", MAX_POSTS, parse_post)
        if not posts:
            raise errors[0]
        await self._publisher().publish(posts)
        return PostsResponse(len(posts), faults(errors))

    async def change(self, post_id: int, body: bytes) -> Post:
        """Change fields of a post. Raises InvalidField, UnknownPost or Contended."""
        return await self._publisher().change(post_id, parse_change(body))

    async def delete(self, post_id: int) -> Post:
        """Delete a post. Raises UnknownPost or Contended."""
        return await self._publisher().delete(post_id)

    async def read(self, post_id: int) -> Post:
        """A post as it was last written, whichever replica wrote it. Raises UnknownPost."""
        return await self._publisher().read(post_id)
