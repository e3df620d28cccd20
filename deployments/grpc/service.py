"""The calls as methods of the deployment: Ray Serve looks for one with the name of the call."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from google.protobuf.message import Message
from ray.serve.grpc_util import RayServegRPCContext

from cluster.errors import TooLarge
from cluster.posts import Post, PostsResponse
from cluster.serving import Serving
from cluster.users import Appended, Erased, Relations, UserExport
from cluster.wire import MAX_DEADLINE_MS, MAX_ID, EventsResponse, FeedResponse, Status, invalid_id
from deployments.api.api import Api
from deployments.api.refusals import REFUSED
from deployments.grpc import cascade_pb2 as pb
from deployments.grpc.calls import time_left
from deployments.grpc.health import Healthy
from deployments.grpc.messages import filled, json_of
from deployments.grpc.refusing import refuse

#: What a feed keeps of the time that its call has left, to be encoded and to travel back.
MARGIN_MS: Final = 5

Answer = Callable[["GrpcMethods", Any], Awaitable[msgspec.Struct]]
Method = Callable[["GrpcMethods", Any, RayServegRPCContext], Awaitable[Message]]


def _call(kind: type[Message]) -> Callable[[Answer], Method]:
    """Make a method that answers with a struct one that answers with a message of `kind`, or with what is wrong."""

    def call(answer: Answer) -> Method:
        # Serve tells by the name of the parameter that the method wants it.
        async def method(self: "GrpcMethods", request: Any, grpc_context: RayServegRPCContext) -> Message:
            try:
                _check_size(request, self._serving.max_body_bytes)
                return filled(kind, await answer(self, request))
            except REFUSED as error:
                refuse(grpc_context, error)
                return kind()

        return method

    return call


class GrpcMethods:
    """What every replica answers by gRPC."""

    _api: Api
    _serving: Serving

    @_call(pb.FeedResponse)
    async def Feed(self, request: Any) -> FeedResponse:
        """The deadline of the call counts where it is the earlier one."""
        left_ms = None if (left := time_left.get()) is None else max(1, int(left * 1e3) - MARGIN_MS)
        asked_ms = request.deadline_ms if request.HasField("deadline_ms") else self._serving.deadline_ms
        if left_ms is not None and left_ms < asked_ms <= MAX_DEADLINE_MS:
            request.deadline_ms = left_ms
        return await self._api.replica.feed(json_of(request))

    @_call(pb.FeedResponse)
    async def Explain(self, request: Any) -> FeedResponse:
        return await self._api.explanations.explain(request.request_id)

    @_call(pb.AppendEventsResponse)
    async def AppendEvents(self, request: Any) -> EventsResponse:
        return await self._api.events.append(json_of(request, events=[]))

    @_call(pb.PublishPostsResponse)
    async def PublishPosts(self, request: Any) -> PostsResponse:
        return await self._api.posts.publish(json_of(request, posts=[]))

    @_call(pb.Post)
    async def ChangePost(self, request: Any) -> Post:
        post_id = _id(request, "post_id")
        nulls = dict.fromkeys(name[:100] for name in request.unknown)  # an error may name it, and trailers are short
        return await self._api.posts.change(post_id, json_of(request.change, **nulls))

    @_call(pb.Post)
    async def DeletePost(self, request: Any) -> Post:
        return await self._api.posts.delete(_id(request, "post_id"))

    @_call(pb.Post)
    async def GetPost(self, request: Any) -> Post:
        return await self._api.posts.read(_id(request, "post_id"))

    @_call(pb.Appended)
    async def SetProfile(self, request: Any) -> Appended:
        return await self._api.users.set_profile(_id(request, "user_id"), json_of(request.change))

    @_call(pb.Erased)
    async def EraseUser(self, request: Any) -> Erased:
        return await self._api.users.erase(_id(request, "user_id"))

    @_call(pb.UserState)
    async def GetUserState(self, request: Any) -> UserExport:
        return await self._api.users.export(_id(request, "user_id"))

    @_call(pb.Relations)
    async def GetRelations(self, request: Any) -> Relations:
        return await self._api.users.relations(_id(request, "user_id"))

    @_call(pb.Appended)
    async def Relate(self, request: Any) -> Appended:
        return await self._api.users.relate(_id(request, "user_id"), request.kind, _id(request, "author_id"))

    @_call(pb.Appended)
    async def Unrelate(self, request: Any) -> Appended:
        return await self._api.users.unrelate(_id(request, "user_id"), request.kind, _id(request, "author_id"))

    @_call(pb.Status)
    async def GetStatus(self, request: Any) -> Status:
        return await self._api.status.status()

    async def Check(self, request: bytes, grpc_context: RayServegRPCContext) -> Healthy:
        """grpc.health.v1: whoever answers is ready."""
        return Healthy()


def _check_size(request: Message, limit: int) -> None:
    """Raises TooLarge."""
    if (size := request.ByteSize()) > limit:
        raise TooLarge("body", f"{size} bytes", f"must be at most {limit} bytes")


def _id(request: Any, name: str) -> int:
    """The id `name` of a request. Raises InvalidField."""
    value: int | None = getattr(request, name) if request.HasField(name) else None
    if value is None or not 0 <= value <= MAX_ID:
        raise invalid_id(name, value)
    return value
