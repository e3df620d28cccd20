"""grpc.health.v1, by which load balancers and Kubernetes ask; its two messages are too small to be generated."""

from typing import Final

#: The call, and the name under which Serve looks for its method.
HEALTH: Final = "/grpc.health.v1.Health/Check"


class Healthy:
    """HealthCheckResponse{status: SERVING}."""

    def SerializeToString(self) -> bytes:
        return b"\x08\x01"
