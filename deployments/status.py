"""`cascade status`: what runs, asked of those who run it."""

import asyncio
import urllib.request
from typing import Any

import msgspec
import ray
from ray import serve

from cluster.processes.run_state import Run
from cluster.settings import Settings
from cluster.store.breaker import StoreUnavailable
from cluster.store.release_board import ReleaseBoard, ReplicaStatus
from cluster.wire import Status

#: How long the feed server may take to tell its status, in seconds.
TIMEOUT_S = 5.0


class Replicas(msgspec.Struct, frozen=True):
    deployment: str
    status: str
    replicas: dict[str, int]  # state -> how many


class Report(msgspec.Struct, frozen=True):
    """What `cascade status` tells; parts that do not answer are null."""

    run: Run
    server: Status | None
    deployments: list[Replicas] | None
    replicas: list[ReplicaStatus] | None  # what each feed server answers with


def report(run: Run, settings: Settings) -> Report:
    """Ask a feed server for release and stores, all of them for their releases, and Ray Serve for its replicas."""
    replicas = asyncio.run(_replicas(run, settings))
    return Report(run, _server(run.http_address), _deployments(run.ray_address), replicas)


async def _replicas(run: Run, settings: Settings) -> list[ReplicaStatus] | None:
    try:
        async with ReleaseBoard(run.store_url, settings.store) as board:
            return await board.replicas()
    except StoreUnavailable:
        return None


def _server(address: str) -> Status | None:
    try:
        with urllib.request.urlopen(f"{address}/v1/status", timeout=TIMEOUT_S) as answer:
            return msgspec.json.decode(answer.read(), type=Status)
    except (OSError, msgspec.DecodeError):
        return None


def _deployments(ray_address: str) -> list[Replicas] | None:
    try:
        ray.init(address=ray_address, log_to_driver=False, logging_level="error", configure_logging=False)
    except (ConnectionError, RuntimeError):
        return None
    try:
        applications: dict[str, Any] = serve.status().applications
        return [
            Replicas(name, str(deployment.status.value), dict(deployment.replica_states))
            for application in applications.values()
            for name, deployment in application.deployments.items()
        ]
    finally:
        ray.shutdown()
