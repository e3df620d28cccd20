"""Calls of the service, and a gRPC server that hands them to methods as Ray Serve does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from ray.serve._private.grpc_util import gRPCGenericServer
from ray.serve.grpc_util import RayServegRPCContext

from cluster.serving import Serving
from deployments.api.api import Api
from deployments.grpc import cascade_pb2 as pb
from deployments.grpc.calls import SERVICE, add_to_local_server
from deployments.grpc.service import GrpcMethods


def call(channel: Any, name: str, **fields: Any) -> Callable[..., Any]:
    """A call that waits to be made: `call(channel, "GetPost", post_id=1)(timeout=1)`."""
    method = SERVICE.methods_by_name[name]
    request = GetMessageClass(method.input_type)(**fields)
    made = channel.unary_unary(
        f"/{SERVICE.full_name}/{name}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    return lambda **options: made(request, **options)


def fault(error: grpc.RpcError) -> pb.Fault:
    """The fault that an error carries."""
    [packed] = [value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin"]
    status = Status.FromString(packed)
    assert (status.code, status.message) == (error.code().value[0], error.details())
    found = pb.Fault()
    assert status.details[0].Unpack(found)
    return found


def retry_after(error: grpc.RpcError) -> str | None:
    return dict(error.trailing_metadata()).get("retry-after")


class _Methods(GrpcMethods):
    def __init__(self, api: Api, serving: Serving) -> None:
        self._api = api
        self._serving = serving


@asynccontextmanager
async def grpc_channel(api: Api, **serving: Any) -> AsyncIterator[grpc.aio.Channel]:
    """A client of the calls that `api` answers."""
    methods = _Methods(api, Serving(**serving))

    def function_of(service_method: str, streaming_type: Any) -> Callable[..., Awaitable[bytes]]:
        method = getattr(methods, service_method.rpartition("/")[2])

        async def answer(request: Any, context: grpc.aio.ServicerContext) -> bytes:
            of_serve = RayServegRPCContext(context)
            message = await method(request, of_serve)
            of_serve._set_on_grpc_context(context)
            return message.SerializeToString()

        return answer

    server = gRPCGenericServer(function_of)
    add_to_local_server(None, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


def retry_delay_s(error: grpc.RpcError) -> int:
    """The same, as google.rpc.RetryInfo tells it."""
    [packed] = [value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin"]
    found = RetryInfo()
    assert Status.FromString(packed).details[1].Unpack(found)
    return int(found.retry_delay.seconds)
