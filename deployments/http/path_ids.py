"""Ids in the path of a request."""

from starlette.requests import Request

from cluster.wire import MAX_ID, invalid_id

#: Digits of the largest id.
_DIGITS = len(str(MAX_ID))


def path_id(request: Request, name: str) -> int:
    """The id that the path holds as {name}. Raises InvalidField."""
    text: str = request.path_params[name]
    # Python refuses to convert texts of thousands of digits.
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) <= MAX_ID):
        raise invalid_id(name, text[:100])
    return int(text)
