"""The environment of every process of Ray, on every node, from the start.

Ray reads some of it when it is imported, so the command line sets it before anything else is loaded.
`ray_cluster.yaml` sets the same; a test compares them.
"""

import os
from typing import Final

RAY_ENVIRONMENT: Final = {
    # HAProxy in front of replicas that speak HTTP themselves; everything on their main event loop.
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # The proxy that HAProxy falls back to while there is no replica uses gRPC like the rest.
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    # A gRPC message is read whole before anybody looks at it: 2 GiB by default.
    "RAY_SERVE_GRPC_MAX_MESSAGE_SIZE": "16777216",
    # Serve parses a log line per request in Python for these: a fifth of the CPU of a request that does nothing.
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
    # A replica that stops is out of HAProxy's list within this; the default is 30 s.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
    # A proxy that is not there within three times this is given up, and Serve with it: 15 s by default, which the
    # start of two processes can take on a busy machine.
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "30",
    # Autoscaling looks at the last second, not at the last ten.
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
    # What runs for nobody, of a core of a machine that serves nothing: Serve's controller looks at its deployments ten
    # times a second (.05), the log monitor lists its folder as often (.05), and every process keeps statistics of its
    # event loops (a fifth of what it takes at rest).
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
    "RAY_LOG_MONITOR_MANY_FILES_THRESHOLD": "0",
    "LOG_NAME_UPDATE_INTERVAL_S": "5",
    "RAY_event_stats": "0",
    # Workers run at nice 15 otherwise.
    "RAY_worker_niceness": "0",
    # Ray's ports listen on all interfaces and run what they are sent: only for those who hold the token. Requests
    # to replicas carry none, so it costs them nothing.
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
}

#: Of a Ray on this machine alone, and of all who connect to it: despite its name, it makes the node's address
#: 127.0.0.1 everywhere, and Ray listens there alone.
LOOPBACK: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


def set_ray_environment() -> None:
    """Set what is not set already."""
    for name, value in RAY_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
