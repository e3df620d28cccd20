"""/v1/posts: publishing, changing, removing and reading posts."""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cluster.batch import parse_batch
from cluster.errors import InvalidField
from cluster.posts import MAX_POSTS, Post, PostsResponse, parse_change, parse_post
from cluster.store.breaker import StoreUnavailable
from cluster.wire import Fault, error_body
from deployments.catalogue.publisher import Contended, Publisher, UnknownPost
from deployments.http.answers import bad_request, json_answer, unavailable
from deployments.http.body import read_body
from deployments.http.path_ids import path_id

Handler = Callable[[Request], Awaitable[Response]]


class PostsRoutes:
    """The handlers. What they answer with 200 is on disk; replicas show it within a moment."""

    def __init__(self, publisher: Callable[[], Publisher], max_body_bytes: int) -> None:
        """`publisher`: the one of the moment."""
        self._publisher = publisher
        self._max_body_bytes = max_body_bytes

    @property
    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each."""
        one = "/v1/posts/{post_id}"
        handlers: list[tuple[str, str, Handler]] = [
            ("POST", "/v1/posts", self.publish),
            ("PATCH", one, self.change),
            ("DELETE", one, self.delete),
            ("GET", one, self.read),
        ]
        return [(method, path, _answering_errors(handler)) for method, path, handler in handlers]

    async def publish(self, request: Request) -> Response:
        """POST /v1/posts: one post, or {"posts": [...]}; good ones are kept, each bad one is named."""
        body = await read_body(request, self._max_body_bytes)
        posts, errors = parse_batch(body, "posts", MAX_POSTS, parse_post)
        if not posts:
            return bad_request(errors[0])
        await self._publisher().publish(posts)
        faults = [Fault(error.field, error.value, error.allowed) for error in errors]
        return json_answer(msgspec.json.encode(PostsResponse(len(posts), faults)))

    async def change(self, request: Request) -> Response:
        """PATCH /v1/posts/{post_id}."""
        post_id = path_id(request, "post_id")
        change = parse_change(await read_body(request, self._max_body_bytes))
        return _post(await self._publisher().change(post_id, change))

    async def delete(self, request: Request) -> Response:
        """DELETE /v1/posts/{post_id}."""
        return _post(await self._publisher().delete(path_id(request, "post_id")))

    async def read(self, request: Request) -> Response:
        """GET /v1/posts/{post_id}: as it was last written, whichever replica wrote it."""
        return _post(await self._publisher().read(path_id(request, "post_id")))


def _answering_errors(handler: Handler) -> Handler:
    """`handler`, whose errors become answers."""

    async def answering(request: Request) -> Response:
        try:
            return await handler(request)
        except UnknownPost as error:
            return json_answer(error_body(error), 404)
        except InvalidField as error:
            return bad_request(error)
        except StoreUnavailable as error:
            return unavailable(error)
        except Contended as error:
            return json_answer(error_body(InvalidField("post_id", None, str(error))), 503, {"Retry-After": "1"})

    return answering


def _post(post: Post) -> Response:
    return json_answer(msgspec.json.encode(post))
