"""The OpenAPI document, made from the wire types that decode and encode: it cannot say something else."""

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from msgspec import Struct

from cluster.events import Event
from cluster.wire import ErrorResponse, EventsResponse, FeedRequest, FeedResponse, Status

_EXAMPLE = {"user_id": 42, "surface": "home", "limit": 50, "deadline_ms": 200}


class EventBatch(Struct):
    """Up to 1,000 events."""

    events: list[Event]


def install_openapi(app: FastAPI) -> None:
    """Make `app` describe its hot routes, which FastAPI does not know the types of."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    types = (FeedRequest, FeedResponse, Event, EventBatch, EventsResponse, Status, ErrorResponse)
    references, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    request, feed, event, batch, events, status, error = references
    _hide_log_fields(components["Event"])
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    bad = {"400": _answer("A value that is not allowed.", error), "413": _answer("The body is too long.", error)}
    document["paths"] = {
        "/v1/feed": {
            "post": {
                "summary": "Rank a feed.",
                "requestBody": _body(request, _EXAMPLE),
                "responses": {"200": _answer("The feed, best post first.", feed), **bad},
            }
        },
        "/v1/events": {
            "post": {
                "summary": "Append events. They are on disk when this answers.",
                "requestBody": _body({"oneOf": [event, batch]}),
                "responses": {
                    "200": _answer("Good events are accepted; each bad one is named.", events),
                    "429": _answer("Consumers are behind; send the events again after Retry-After.", error),
                    "503": _answer("The event store is gone; send the events again.", error),
                    **bad,
                },
            }
        },
        "/v1/status": {
            "get": {"summary": "What this server runs.", "responses": {"200": _answer("The status.", status)}}
        },
        "/healthz": {"get": {"summary": "The process lives.", "responses": {"200": {"description": "It does."}}}},
        "/readyz": {
            "get": {"summary": "Feeds can be asked for.", "responses": {"200": _answer("The status.", status)}}
        },
    }
    document["components"] = {"schemas": components}
    return document


def _hide_log_fields(event: dict[str, Any]) -> None:
    """Take out what only the log needs."""
    del event["properties"]["record"]
    del event["properties"]["time_ms"]["default"]
    event["required"].remove("record")


def _body(schema: dict[str, Any], example: Any = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"required": True, "content": {"application/json": content}}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
