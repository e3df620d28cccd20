"""Some of the services alone, behind a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

import aiohttp
import uvicorn

from deployments.api.api import Api
from deployments.http.app import http_app


def api_of(**services: Any) -> Api:
    """An Api that has no other services than these."""
    return Api(**{field.name: services.get(field.name) for field in fields(Api)})


@asynccontextmanager
async def http_session(api: Api, max_body_bytes: int = 2**20) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the routes of `api`."""
    app = http_app(api, max_body_bytes)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        task = asyncio.create_task(server.serve([listener]))
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield session
        server.should_exit = True
        await task
