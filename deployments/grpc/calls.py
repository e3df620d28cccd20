"""The calls as a gRPC server takes them, before Ray Serve hands them to methods of a replica's deployment."""

import ipaddress
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import grpc
from google.protobuf.message_factory import GetMessageClass

from cluster.serving import Serving
from deployments.grpc import cascade_pb2 as pb
from deployments.grpc.health import HEALTH

SERVICE: Final = pb.DESCRIPTOR.services_by_name["Cascade"]

Call = Callable[[Any, grpc.aio.ServicerContext], Awaitable[bytes]]

#: Seconds until the deadline of the call that is answered; None: it has none. Serve keeps it from methods.
time_left: ContextVar[float | None] = ContextVar("time_left", default=None)


def servicer_path(serving: Serving) -> str | None:
    """Where Ray Serve finds the function that has its servers take the calls; None: there is no gRPC."""
    if not serving.grpc:
        return None
    local = serving.host == "localhost" or _is_here(f"ip:{serving.host}")
    return f"{__name__}:{(add_to_local_server if local else add_to_server).__name__}"


def add_to_server(servicer: object, server: Any) -> None:
    """Have a server of Ray Serve take the calls; it puts functions of its own in the place of `servicer`."""
    server.add_generic_rpc_handlers((_Calls(local=False),))


def add_to_local_server(servicer: object, server: Any) -> None:
    """Likewise, for this machine alone: Serve's gRPC servers listen on all interfaces, whatever its host is."""
    server.add_generic_rpc_handlers((_Calls(local=True),))


class _Calls(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, local: bool) -> None:
        self._local = local
        #: By path; Serve exchanges the functions.
        self._method_handlers = {
            f"/{SERVICE.full_name}/{method.name}": grpc.unary_unary_rpc_method_handler(
                None, GetMessageClass(method.input_type).FromString
            )
            for method in SERVICE.methods
        } | {HEALTH: grpc.unary_unary_rpc_method_handler(None)}

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        handler = self._method_handlers.get(call.method)
        return handler and handler._replace(unary_unary=_guarded(handler.unary_unary, self._local))


def _guarded(answer: Call, local: bool) -> Call:
    """`answer`, which is told how long it may take; nobody of another machine is answered by a local server."""

    async def guarded(request: Any, context: grpc.aio.ServicerContext) -> bytes:
        if local and not _is_here(context.peer().rpartition(":")[0]):
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "this server answers its own machine alone")
        time_left.set(context.time_remaining())
        return await answer(request, context)

    return guarded


@lru_cache(1024)
def _is_here(host: str) -> bool:
    """Whether gRPC's name of a peer, `ipv4:127.0.0.1` or `ipv6:%5B::1%5D`, is of this machine."""
    kind, _, name = unquote(host).partition(":")
    if kind == "unix":
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
