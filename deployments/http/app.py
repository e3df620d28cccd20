"""The routes. Bodies are decoded and encoded by msgspec and travel as bytes; FastAPI brings the docs pages."""

import logging
from collections.abc import Awaitable, Callable

import msgspec
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cluster.clock import Clock
from cluster.errors import InvalidField
from cluster.event_log import EventLog
from cluster.events import parse_events
from cluster.store.breaker import StoreUnavailable
from cluster.store.client import OnlineStore
from cluster.wire import EventsResponse, Fault, Status, StoreStatus, error_body
from deployments.feed_service import FeedService
from deployments.http.body import BodyTooLarge, read_body
from deployments.http.openapi import install_openapi

logger = logging.getLogger(__name__)


class Api:
    """The handlers of the feed server's routes."""

    def __init__(self, feeds: FeedService, store: OnlineStore, max_body_bytes: int) -> None:
        self._feeds = feeds
        self._store = store
        self._log = EventLog(store)
        self._max_body_bytes = max_body_bytes

    def app(self) -> FastAPI:
        """The ASGI application."""
        app = FastAPI(title="Cascade", version="1", description="A feed server.", openapi_url="/openapi.json")
        routes: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("POST", "/v1/feed", self.feed),
            ("POST", "/v1/events", self.events),
            ("GET", "/v1/status", self.status),
            ("GET", "/healthz", self.healthz),
            ("GET", "/readyz", self.status),
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
            return _json(await self._feeds.feed(body))
        except InvalidField as error:
            return _bad_request(error)

    async def events(self, request: Request) -> Response:
        """POST /v1/events."""
        try:
            body = await read_body(request, self._max_body_bytes)
        except InvalidField as error:
            return _bad_request(error)
        events, errors = parse_events(body, Clock().now_ms())
        if not events:
            return _bad_request(errors[0])
        try:
            appended = await self._log.append(events)
        except StoreUnavailable as error:
            return _unavailable(error)
        answer = EventsResponse(
            accepted=len(appended),
            repeated=sum(not event.new for event in appended),
            errors=[Fault(error.field, error.value, error.allowed) for error in errors],
        )
        return _json(msgspec.json.encode(answer))

    async def status(self, request: Request) -> Response:
        """GET /v1/status and /readyz: this replica answers feeds, with the store or without it."""
        try:
            positions = await self._store.positions()
            store = StoreStatus(True, positions.length, positions.last)
        except StoreUnavailable:
            store = StoreStatus(False, None, None)
        return _json(msgspec.json.encode(Status(True, self._feeds.release, self._feeds.now_ms(), store)))

    async def healthz(self, request: Request) -> Response:
        """GET /healthz."""
        return Response("ok", media_type="text/plain")


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")


def _bad_request(error: InvalidField) -> Response:
    return _json(error_body(error), 413 if isinstance(error, BodyTooLarge) else 400)


def _unavailable(error: StoreUnavailable) -> Response:
    seconds = max(1, round(error.retry_ms / 1e3))
    fault = InvalidField("store", None, f"{error}; nothing is lost if the same events are sent again")
    return _json(error_body(fault), 503, {"Retry-After": str(seconds)})


async def _http_error(request: Request, error: Exception) -> Response:
    """No such route, or another method: the same shape as every other error."""
    assert isinstance(error, HTTPException)
    field, value = ("method", request.method) if error.status_code == 405 else ("path", request.url.path)
    headers = dict(error.headers) if error.headers else None
    fault = InvalidField(field, value, f"{error.detail}; see /docs for the routes there are")
    return _json(error_body(fault), error.status_code, headers)


async def _internal_error(request: Request, error: Exception) -> Response:
    """A fault of ours. Starlette logs it with its traceback after this."""
    return _json(error_body(InvalidField("server", None, f"{type(error).__name__}; the server's log has more")), 500)
