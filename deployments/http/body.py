"""Reading a request body of bounded size."""

from starlette.requests import Request

from cluster.errors import TooLarge


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a request. Raises TooLarge as soon as it is known to be longer than `limit` bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(int(announced), limit)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(size, limit)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(size: int, limit: int) -> TooLarge:
    return TooLarge("body", f"{size} bytes", f"must be at most {limit} bytes")
