"""A program: a cluster of several nodes on this machine, whose parts are lost and come back while feeds are asked for.

Arguments: home, URL of the state store, URL of the event store, port. Writes a line of JSON for each step.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import urllib3

from cluster.ray_environment import LOOPBACK, set_ray_environment

os.environ.update(LOOPBACK)
set_ray_environment()

import ray  # noqa: E402
from ray import serve  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

from cluster.clock import Clock  # noqa: E402
from cluster.environment import environment  # noqa: E402
from cluster.errors import CascadeError  # noqa: E402
from cluster.placement import ROLE_LABEL, Node, refuse_unplaceable  # noqa: E402
from cluster.ray_runtime import _folder, _local_environment  # noqa: E402
from cluster.settings import Settings, Store  # noqa: E402
from cluster.store.urls import StoreUrls  # noqa: E402
from deployments.distributed.application import needs_of  # noqa: E402
from deployments.feed_server import feed_application  # noqa: E402
from tests.deployments.distributed.drawn import FIRST, USERS  # noqa: E402
from tests.kernels.columns import NOW  # noqa: E402

#: Nodes that are gone are known to be so within seconds.
HEALTH = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500, "health_check_failure_threshold": 4}
PATIENCE_S = 90.0


class Feeds:
    """Asks for feeds, and counts what came."""

    def __init__(self, port: int) -> None:
        self._http = urllib3.PoolManager()
        self._url = f"http://127.0.0.1:{port}/v1/feed"
        self.statuses: dict[int, int] = {}
        self._asked = 0

    def degraded(self) -> list[str]:
        """Of one feed of a known user."""
        self._asked += 1
        body = {"user_id": FIRST + self._asked % (USERS - 1), "deadline_ms": 5_000, "limit": 20}
        answer = self._http.request("POST", self._url, body=json.dumps(body), timeout=10, retries=False)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if answer.status != 200:
            return [answer.data.decode()]
        told: dict[str, Any] = answer.json()
        assert len(told["items"]) == 20
        return list(told["degraded"])

    def until(self, wanted: Callable[[list[str]], bool]) -> list[str]:
        """Ask again and again until a feed is as wanted."""
        deadline = time.monotonic() + PATIENCE_S
        while not wanted(degraded := self.degraded()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"feeds still are {degraded}")
            time.sleep(0.05)
        return degraded


@contextmanager
def load(feeds: Feeds) -> Iterator[None]:
    """Ask for feeds beside, some dozens a second."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.02):
            feeds.degraded()

    thread = threading.Thread(target=ask)
    thread.start()
    yield
    stop.set()
    thread.join()


def tell(step: str, **told: Any) -> None:
    sys.stdout.write(json.dumps({"step": step, **told}) + "\n")
    sys.stdout.flush()


def kill(deployment: str) -> None:
    """End the replica's process, as the kernel does when there is no memory."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # nodes start and end processes of their own meanwhile
            if process.name().startswith("ray::Serve") and process.cmdline()[0].split()[0].endswith(f":{deployment}"):
                process.send_signal(signal.SIGKILL)


def main(home: Path, urls: StoreUrls, port: int) -> None:
    serving = {"topology": "distributed", "port": port, "grpc_port": 0, "min_replicas": 1, "max_replicas": 1}
    settings = Settings.model_validate({"home": home, "serving": serving, "store": Store(timeout_ms=5_000)})
    with ExitStack() as stack:
        folder = stack.enter_context(_folder())
        stack.enter_context(environment(_local_environment(folder)))
        cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 1, "labels": {ROLE_LABEL: "feed"}, "_system_config": HEALTH},
        )
        stack.callback(cluster.shutdown)
        ray.init(cluster.address, log_to_driver=False, logging_level="error")
        stack.callback(ray.shutdown)
        retrieval = cluster.add_node(num_cpus=1, labels={ROLE_LABEL: "retrieval"})
        try:
            refuse_unplaceable(needs_of(settings), [Node.of(node) for node in ray.nodes()])
        except CascadeError as error:
            tell("refused", error=str(error))
        cluster.add_node(num_cpus=1, labels={ROLE_LABEL: "ranker"})
        cluster.wait_for_nodes()
        refuse_unplaceable(needs_of(settings), [Node.of(node) for node in ray.nodes()])
        options = {"host": "127.0.0.1", "port": port, "request_timeout_s": None, "location": "HeadOnly"}
        serve.start(http_options=options, logging_config={"log_level": "WARNING", "enable_access_log": False})
        stack.callback(serve.shutdown)
        serve.run(feed_application(settings, Clock.replay(NOW), urls), name="cascade", route_prefix="/")
        feeds = Feeds(port)
        tell("up", degraded=feeds.until(lambda degraded: not degraded))
        stack.enter_context(load(feeds))
        for deployment, name in (("Ranker", "ranker"), ("RetrievalShard1", "shard 1")):
            kill(deployment)
            tell(f"{name} lost", degraded=feeds.until(lambda degraded, name=name: name in degraded))
        tell("both back", degraded=feeds.until(lambda degraded: not degraded))
        cluster.remove_node(retrieval, allow_graceful=False)
        tell("node lost", degraded=feeds.until(lambda degraded: "shards" in degraded))
        cluster.add_node(num_cpus=1, labels={ROLE_LABEL: "retrieval"})
        tell("node added", degraded=feeds.until(lambda degraded: not degraded))
        tell("end", statuses=feeds.statuses)


if __name__ == "__main__":
    os.environ.pop("RAY_ADDRESS", None)
    main(Path(sys.argv[1]), StoreUrls(sys.argv[2], sys.argv[3]), int(sys.argv[4]))
