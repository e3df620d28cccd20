"""The files of the page, and the headers that they are served with."""

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from cluster.errors import NotFound
from deployments.http.answers import Handler, answering_errors

_FOLDER: Final = Path(__file__).with_name("page")
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Nothing from anywhere else, nothing inline, and in nobody's frame.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Pages:
    """Files are read once; what is not among them is not there, whatever its path."""

    def __init__(self) -> None:
        self._files = {path.name: path.read_bytes() for path in _FOLDER.iterdir() if path.suffix in _TYPES}

    @property
    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each."""
        return [("GET", "/", self.index), ("GET", "/inspector/{name}", answering_errors(self.file))]

    async def index(self, request: Request) -> Response:
        return self._answer("index.html")

    async def file(self, request: Request) -> Response:
        """Raises NotFound."""
        name = request.path_params["name"]
        if name not in self._files:
            raise NotFound("path", f"/inspector/{name}"[:100], "must be a file of the inspector; begin at /")
        return self._answer(name)

    def _answer(self, name: str) -> Response:
        return Response(self._files[name], headers=_HEADERS, media_type=_TYPES[Path(name).suffix])
