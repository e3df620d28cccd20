"""The OpenAPI document, made from the wire types that decode and encode: it cannot say something else."""

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from msgspec import Struct

from cluster.events import Event
from cluster.posts import NewPost, Post, PostChange, PostsResponse
from cluster.users import RELATIONS, Appended, Erased, ProfileChange, Relations, SomeUsers, UserExport
from cluster.wire import MAX_ID, ErrorResponse, EventsResponse, FeedRequest, FeedResponse, Status

_EXAMPLE = {"user_id": 42, "surface": "home", "limit": 50, "deadline_ms": 200}


class EventBatch(Struct):
    """Up to 1,000 events."""

    events: list[Event]


class PostBatch(Struct):
    """Up to 1,000 posts."""

    posts: list[NewPost]


def install_openapi(app: FastAPI) -> None:
    """Make `app` describe its hot routes, which FastAPI does not know the types of."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    types = (FeedRequest, FeedResponse, Event, EventBatch, EventsResponse, Status, ErrorResponse)
    of_users = (ProfileChange, Appended, Erased, Relations, UserExport, SomeUsers)
    of_posts = (NewPost, PostBatch, PostsResponse, PostChange, Post)
    references, components = msgspec.json.schema_components(
        (*types, *of_users, *of_posts), ref_template="#/components/schemas/{name}"
    )
    request, feed, event, batch, events, status, error, *rest = references
    users, posts = rest[: len(of_users)], rest[len(of_users) :]
    _hide_log_fields(components["Event"])
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    bad = {"400": _answer("A value that is not allowed.", error), "413": _answer("The body is too long.", error)}
    document["paths"] = {
        "/v1/feed": {
            "post": {
                "summary": "Rank a feed.",
                "requestBody": _body(request, _EXAMPLE),
                "responses": {
                    "200": _answer("The feed, best post first.", feed),
                    "503": _answer("It could not be answered in time; ask again after Retry-After.", error),
                    **bad,
                },
            }
        },
        "/v1/explain/{request_id}": {
            "parameters": [{"name": "request_id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {
                "summary": "Why the feed of the last hour with that id was as it was: the answer to it, explained.",
                "responses": {
                    "200": _answer("The feed and the whole why, without a cursor.", feed),
                    "404": _answer("Nothing is kept of such a request, or not any more.", error),
                    "409": _answer("What is kept of it is damaged.", error),
                    "503": _answer("The state store is gone; ask again after Retry-After.", error),
                },
            },
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
        **_users(users, error),
        **_posts(posts, bad, error),
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


def _users(schemas: list[dict[str, Any]], error: dict[str, Any]) -> dict[str, Any]:
    """The paths of users."""
    profile, appended, erased, relations, export, some = schemas
    bad = {"400": _answer("A value that is not allowed.", error)}
    gone = {**bad, "503": _answer("A store is gone; send the same again after Retry-After.", error)}
    unreadable = {**gone, "409": _answer("What is stored of the user cannot be read.", error)}
    behind = {**gone, "429": _answer("Consumers are behind; send the same again after Retry-After.", error)}
    changed = {"200": _answer("It is on disk, and shows within a moment.", appended), **behind}
    user, author = _path_id("user_id"), _path_id("author_id")
    kind = {"name": "kind", "in": "path", "required": True, "schema": {"enum": list(RELATIONS)}}
    return {
        "/v1/users": {
            "get": {
                "summary": "Some users whom the live release knows.",
                "responses": {"200": _answer("Their ids.", some)},
            }
        },
        "/v1/users/{user_id}": {
            "parameters": [user],
            "put": {
                "summary": "Set what is known of a user; what is left out stays as it is.",
                "requestBody": _body(profile, {"followers": 120, "region": "north"}),
                "responses": {**changed, "413": _answer("The body is too long.", error)},
            },
            "delete": {
                "summary": "Forget a user. The records of what they did leave log and archive by a command.",
                "responses": {
                    "200": _answer("Nothing is stored of the user any more.", erased),
                    "202": _answer("The erasure is on disk, and will be applied.", erased),
                    **gone,
                },
            },
        },
        "/v1/users/{user_id}/state": {
            "parameters": [user],
            "get": {
                "summary": "Everything that is stored of a user.",
                "responses": {
                    "200": _answer("The state.", export),
                    "404": _answer("Nothing is stored of the user.", error),
                    **unreadable,
                },
            },
        },
        "/v1/users/{user_id}/relations": {
            "parameters": [user],
            "get": {
                "summary": "The user's relations to authors.",
                "responses": {"200": _answer("Author ids by relation.", relations), **unreadable},
            },
        },
        "/v1/users/{user_id}/relations/{kind}/{author_id}": {
            "parameters": [user, kind, author],
            "put": {"summary": "Begin a relation; one that is there stays.", "responses": changed},
            "delete": {
                "summary": "End a relation.",
                "responses": {**changed, "404": _answer("There is no such relation.", error)},
            },
        },
    }


def _posts(schemas: list[dict[str, Any]], bad: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    """The paths of posts."""
    new, batch, published, change, post = schemas
    gone = {"503": _answer("The event store is gone; send the same again.", error)}
    one = {"200": _answer("The post as it stands.", post), "404": _answer("There is no such post.", error), **gone}
    return {
        "/v1/posts": {
            "post": {
                "summary": "Publish posts, or replace them. They are on disk when this answers.",
                "requestBody": _body({"oneOf": [new, batch]}),
                "responses": {"200": _answer("Good posts are kept; each bad one is named.", published), **gone, **bad},
            }
        },
        "/v1/posts/{post_id}": {
            "parameters": [_path_id("post_id")],
            "patch": {
                "summary": "Change fields of a post; `moderation: removed` takes it out of all feeds.",
                "requestBody": _body(change, {"moderation": "removed"}),
                "responses": {**one, **bad},
            },
            "delete": {"summary": "Delete a post; it leaves all feeds.", "responses": one},
            "get": {"summary": "A post as it was last written.", "responses": one},
        },
    }


def _path_id(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "integer", "minimum": 0, "maximum": MAX_ID},
    }


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
