"""The routes. Bodies are decoded and encoded by msgspec and travel as bytes; FastAPI brings the docs pages."""

import logging
from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cluster.errors import InvalidField
from cluster.event_log import EventLog
from cluster.settings import Settings
from cluster.store.consumers import Consumers
from cluster.store.urls import StoreUrls
from cluster.wire import error_body
from deployments.http.answers import bad_request, json_answer
from deployments.http.body import read_body
from deployments.http.events import EventsRoute
from deployments.http.openapi import install_openapi
from deployments.http.posts import PostsRoutes
from deployments.http.pressure import Pressure
from deployments.http.status import StatusRoute
from deployments.http.users import UsersRoutes
from deployments.replica import Replica
from deployments.user_service import UserService

logger = logging.getLogger(__name__)


class Api:
    """The handlers of the feed server's routes."""

    def __init__(self, replica: Replica, settings: Settings, urls: StoreUrls) -> None:
        self._replica = replica
        self._max_body_bytes = settings.serving.max_body_bytes
        log = EventLog(urls.events, settings.events)
        self._pressure = Pressure(log, settings.events.max_lag)
        self._events = EventsRoute(
            log, self._pressure, replica.clock, lambda: replica.live.catalogue, self._max_body_bytes
        )
        self._posts = PostsRoutes(lambda: replica.live.publisher, self._max_body_bytes)
        consumers = Consumers(urls.state, settings.store)
        self._status = StatusRoute(replica, log, consumers, self._pressure)
        users = UserService(log, replica.store, consumers, replica.clock, lambda: replica.live.topics)
        self._users = UsersRoutes(users, self._pressure, self._max_body_bytes)

    def start(self) -> None:
        """Begin what goes on beside requests, on the running event loop."""
        self._pressure.start()

    def app(self) -> FastAPI:
        """The ASGI application."""
        app = FastAPI(title="Cascade", version="1", description="A feed server.", openapi_url="/openapi.json")
        routes: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("POST", "/v1/feed", self.feed),
            ("POST", "/v1/events", self._events.post),
            *self._posts.routes,
            *self._users.routes,
            ("GET", "/v1/status", self._status.get),
            ("GET", "/healthz", self.healthz),
            ("GET", "/readyz", self._status.get),
        ]
        for method, path, handler in routes:
            app.add_route(path, handler, methods=[method])
        app.add_exception_handler(HTTPException, _http_error)
        app.add_exception_handler(Exception, _internal_error)
        install_openapi(app)
        return app

    async def feed(self, request: Request) -> Response:
        """POST /v1/feed."""
        try:
            body = await read_body(request, self._max_body_bytes)
            return json_answer(await self._replica.feed(body))
        except InvalidField as error:
            return bad_request(error)

    async def healthz(self, request: Request) -> Response:
        """GET /healthz."""
        return Response("ok", media_type="text/plain")


async def _http_error(request: Request, error: Exception) -> Response:
    """No such route, or another method: the same shape as every other error."""
    assert isinstance(error, HTTPException)
    field, value = ("method", request.method) if error.status_code == 405 else ("path", request.url.path)
    headers = dict(error.headers) if error.headers else None
    fault = InvalidField(field, value, f"{error.detail}; see /docs for the routes there are")
    return json_answer(error_body(fault), error.status_code, headers)


async def _internal_error(request: Request, error: Exception) -> Response:
    """A fault of ours. Starlette logs it with its traceback after this."""
    fault = InvalidField("server", None, f"{type(error).__name__}; the server's log has more")
    return json_answer(error_body(fault), 500)
