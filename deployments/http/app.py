"""The ASGI application. Bodies are decoded and encoded by msgspec; FastAPI brings the docs pages."""

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cluster.errors import InvalidField
from cluster.wire import error_body
from deployments.api.api import Api
from deployments.http.answers import encoded_answer
from deployments.http.openapi import install_openapi
from deployments.http.routes import Routes
from deployments.inspector.pages import Pages


def http_app(api: Api, max_body_bytes: int) -> FastAPI:
    """Everything that `api` answers, by HTTP."""
    app = FastAPI(title="Cascade", version="1", description="A feed server.", openapi_url="/openapi.json")
    for method, path, handler in [*Routes(api, max_body_bytes).routes, *Pages().routes]:
        app.add_route(path, handler, methods=[method])
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _internal_error)
    install_openapi(app)
    return app


async def _http_error(request: Request, error: Exception) -> Response:
    """No such route, or another method: the same shape as every other error."""
    assert isinstance(error, HTTPException)
    field, value = ("method", request.method) if error.status_code == 405 else ("path", request.url.path)
    headers = dict(error.headers) if error.headers else None
    fault = InvalidField(field, value, f"{error.detail}; see /docs for the routes there are")
    return encoded_answer(error_body(fault), error.status_code, headers)


async def _internal_error(request: Request, error: Exception) -> Response:
    """A fault of ours. Starlette logs it with its traceback after this."""
    fault = InvalidField("server", None, f"{type(error).__name__}; the server's log has more")
    return encoded_answer(error_body(fault), 500)
