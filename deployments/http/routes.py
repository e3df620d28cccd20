"""The routes: where what the services answer is to be had. Bodies travel as bytes to those who decode them."""

from starlette.requests import Request
from starlette.responses import Response

from deployments.api.api import Api
from deployments.http.answers import Handler, answering_errors, json_answer
from deployments.http.body import read_body
from deployments.http.path_ids import path_id

_POST = "/v1/posts/{post_id}"
_USER = "/v1/users/{user_id}"
_RELATION = _USER + "/relations/{kind}/{author_id}"


class Routes:
    """The handlers."""

    def __init__(self, api: Api, max_body_bytes: int) -> None:
        self._api = api
        self._max_body_bytes = max_body_bytes

    @property
    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each."""
        handlers: list[tuple[str, str, Handler]] = [
            ("POST", "/v1/feed", self.feed),
            ("GET", "/v1/explain/{request_id}", self.explain),
            ("POST", "/v1/events", self.append_events),
            ("POST", "/v1/posts", self.publish),
            ("PATCH", _POST, self.change_post),
            ("DELETE", _POST, self.delete_post),
            ("GET", _POST, self.read_post),
            ("GET", "/v1/users", self.some_users),
            ("PUT", _USER, self.set_profile),
            ("DELETE", _USER, self.erase),
            ("GET", _USER + "/state", self.user_state),
            ("GET", _USER + "/relations", self.relations),
            ("PUT", _RELATION, self.relate),
            ("DELETE", _RELATION, self.unrelate),
            ("GET", "/v1/status", self.status),
            ("GET", "/readyz", self.status),
            ("GET", "/healthz", self.healthz),
        ]
        return [(method, path, answering_errors(handler)) for method, path, handler in handlers]

    async def feed(self, request: Request) -> Response:
        return json_answer(await self._api.replica.feed(await self._body(request)))

    async def explain(self, request: Request) -> Response:
        return json_answer(await self._api.explanations.explain(request.path_params["request_id"]))

    async def append_events(self, request: Request) -> Response:
        return json_answer(await self._api.events.append(await self._body(request)))

    async def publish(self, request: Request) -> Response:
        return json_answer(await self._api.posts.publish(await self._body(request)))

    async def change_post(self, request: Request) -> Response:
        return json_answer(await self._api.posts.change(path_id(request, "post_id"), await self._body(request)))

    async def delete_post(self, request: Request) -> Response:
        return json_answer(await self._api.posts.delete(path_id(request, "post_id")))

    async def read_post(self, request: Request) -> Response:
        return json_answer(await self._api.posts.read(path_id(request, "post_id")))

    async def some_users(self, request: Request) -> Response:
        return json_answer(self._api.replica.some_users())

    async def set_profile(self, request: Request) -> Response:
        return json_answer(await self._api.users.set_profile(path_id(request, "user_id"), await self._body(request)))

    async def erase(self, request: Request) -> Response:
        """202 as long as it is not applied."""
        erased = await self._api.users.erase(path_id(request, "user_id"))
        return json_answer(erased, 200 if erased.erased else 202)

    async def user_state(self, request: Request) -> Response:
        return json_answer(await self._api.users.export(path_id(request, "user_id")))

    async def relations(self, request: Request) -> Response:
        return json_answer(await self._api.users.relations(path_id(request, "user_id")))

    async def relate(self, request: Request) -> Response:
        return json_answer(await self._api.users.relate(*_relation(request)))

    async def unrelate(self, request: Request) -> Response:
        return json_answer(await self._api.users.unrelate(*_relation(request)))

    async def status(self, request: Request) -> Response:
        return json_answer(await self._api.status.status())

    async def healthz(self, request: Request) -> Response:
        return Response("ok", media_type="text/plain")

    async def _body(self, request: Request) -> bytes:
        return await read_body(request, self._max_body_bytes)


def _relation(request: Request) -> tuple[int, str, int]:
    return path_id(request, "user_id"), request.path_params["kind"], path_id(request, "author_id")
