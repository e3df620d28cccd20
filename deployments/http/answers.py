"""HTTP answers in the shapes that all routes share."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cluster.wire import error_body
from deployments.api.refusals import REFUSED, Reason, refusal

Handler = Callable[[Request], Awaitable[Response]]

_STATUS: Final = {
    Reason.INVALID: 400,
    Reason.NOT_FOUND: 404,
    Reason.UNREADABLE: 409,
    Reason.TOO_LARGE: 413,
    Reason.OVERLOADED: 429,
    Reason.UNAVAILABLE: 503,
}
_encoder = msgspec.json.Encoder()


def json_answer(content: msgspec.Struct, status: int = 200) -> Response:
    """A wire type as JSON."""
    return encoded_answer(_encoder.encode(content), status)


def encoded_answer(body: bytes, status: int, headers: dict[str, str] | None = None) -> Response:
    """JSON that is encoded already."""
    return Response(body, status, headers, media_type="application/json")


def answering_errors(handler: Handler) -> Handler:
    """`handler`, whose errors become answers."""

    async def answering(request: Request) -> Response:
        try:
            return await handler(request)
        except REFUSED as error:
            reason, fault, retry_after_s = refusal(error)
            headers = None if retry_after_s is None else {"Retry-After": str(retry_after_s)}
            return encoded_answer(error_body(fault), _STATUS[reason], headers)

    return answering
