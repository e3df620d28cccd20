"""A FastAPI monolith: the whole pipeline in each uvicorn worker, JSON by pydantic.

What is not FastAPI's own is as in Cascade's feed servers: warmed up, one thread, its garbage collector frozen,
followers running, no access log; uvicorn takes uvloop and httptools.
"""

import gc
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from fastapi import FastAPI

from benchmarks.compute import ONE_THREAD
from benchmarks.contenders.bodies import FeedAnswer, FeedBody
from benchmarks.contenders.contender import START_S, begin
from benchmarks.contenders.ground import Ground
from cluster.settings import load_settings
from deployments.replica import Replica


def application() -> FastAPI:
    """The application of one worker."""
    ground = Ground.given()
    replica = Replica.open(load_settings(), ground.clock, ground.urls)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await replica.warm_up()
        replica.start()
        gc.collect()
        gc.freeze()
        os.write(sys.stdout.fileno(), b"ready\n")
        yield
        await replica.close()

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/feed", response_model=FeedAnswer)
    async def feed(body: FeedBody) -> Any:
        started = time.perf_counter()
        return msgspec.to_builtins(await replica.releases.traffic.answer(body.request(), started))

    return app


def main() -> None:
    import uvicorn

    os.environ.update(ONE_THREAD)
    ground = begin()
    uvicorn.run(
        "benchmarks.contenders.monolith:application",
        factory=True,
        host=ground.host,
        port=ground.port,
        workers=ground.workers,
        log_level="warning",
        access_log=False,
        timeout_worker_healthcheck=int(START_S),  # it kills workers that take longer to import what they need
    )


if __name__ == "__main__":
    main()
