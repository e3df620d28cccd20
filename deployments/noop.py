"""A deployment that does nothing: the floor under every benchmark of serving."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from ray import serve

from cluster.placement import Role, label_selector

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

#: About the size of a feed of 50 posts.
BODY: Final = b'{"items":"' + b"." * 4084 + b'"}'
_HEADERS: Final = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY)))


class NoOp:
    """Answers `BODY` to every request."""

    def __serve_build_asgi_app__(self) -> Asgi:
        # A closure: Serve takes a bound method for an ASGI 2 application.
        async def app(scope: Message, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await _lifespan(receive, send)
                return
            # A list of its own: Serve appends the request's id to it.
            await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
            await send({"type": "http.response.body", "body": BODY})

        return app


async def _lifespan(receive: Receive, send: Send) -> None:
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


def run_noop(route_prefix: str = "/noop", replicas: int = 1) -> None:
    """Deploy it and wait until it answers; Serve must have been started (`cluster.ray_runtime.start_serve`)."""
    deployment = serve.deployment(
        serve.ingress()(NoOp),
        num_replicas=replicas,
        max_ongoing_requests=1024,
        graceful_shutdown_timeout_s=2,
        ray_actor_options={"num_cpus": 1, "label_selector": label_selector(Role.FEED)},
        logging_config={"log_level": "WARNING", "enable_access_log": False},
    )
    serve.run(deployment.bind(), name="noop", route_prefix=route_prefix)
