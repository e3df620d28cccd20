"""HTTP answers in the shapes that all routes share."""

from starlette.responses import Response

from cluster.errors import InvalidField
from cluster.store.breaker import StoreUnavailable
from cluster.wire import error_body
from deployments.http.body import BodyTooLarge

#: When to try again while consumers are behind, in seconds.
RETRY_AFTER_S = 2


def json_answer(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON that is encoded already."""
    return Response(body, status, headers, media_type="application/json")


def bad_request(error: InvalidField) -> Response:
    """400 or 413: what is wrong with the request."""
    return json_answer(error_body(error), 413 if isinstance(error, BodyTooLarge) else 400)


def unavailable(error: StoreUnavailable) -> Response:
    """503 to a write whose store is gone."""
    fault = InvalidField("store", None, f"{error}; nothing is lost if the same is sent again")
    return json_answer(error_body(fault), 503, {"Retry-After": str(max(1, round(error.retry_ms / 1e3)))})


def overloaded(reason: str) -> Response:
    """429 to a write while consumers are behind."""
    fault = InvalidField("events", None, reason)
    return json_answer(error_body(fault), 429, {"Retry-After": str(RETRY_AFTER_S)})
