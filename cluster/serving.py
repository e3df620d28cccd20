"""Settings of the Ray Serve application: its addresses, its replicas and what they may promise."""

import os
from typing import Literal, Self

from pydantic import Field, model_validator

from cluster.distributed import Topology
from cluster.section import LAST_PORT, Count, Port, Section


class Serving(Section):
    """The Ray Serve application."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: Port = Field(8000, description="HTTP port")
    grpc_port: int | None = Field(
        None, description="gRPC port, 0 for no gRPC; default: the one after `port`", ge=0, le=LAST_PORT
    )
    topology: Topology = Field(
        "fused",
        description="where the stages of a request run: `fused` in one process, `distributed` with shards of the index"
        " and rankers in others",
    )
    min_replicas: Count = Field(2, description="feed servers kept running")
    max_replicas: Count | None = Field(
        None,
        description="feed servers that autoscaling may start; default: one a core here, at least `min_replicas`",
    )
    target_ongoing_requests: float = Field(
        1.1, description="requests in flight per replica that autoscaling aims at", gt=0
    )
    downscaling_factor: float = Field(
        0.3, description="share of the way down that autoscaling goes at once", gt=0, le=1
    )
    max_ongoing_requests: Count = Field(64, description="feeds in flight per replica before it refuses")
    headroom: float = Field(
        0.7, description="share of its deadline by which a feed must be predicted to be done, to be taken", gt=0, le=1
    )
    quality_wait_ms: Count = Field(
        50, description="p95 of the feeds' wait for their turn, beyond which they are made of fewer candidates"
    )
    quality_floor: float = Field(0.4, description="least share of the candidates; 1 = always all", gt=0, le=1)
    deadline_ms: Count = Field(200, description="deadline of a request that names none")
    cursor_minutes: Count = Field(60, description="how long a feed can be gone on with")
    max_body_bytes: Count = Field(1_048_576, description="longest request body")
    clock: Literal["wall", "replay"] = Field(
        "replay",
        description="`replay` lets time go on from the end of the release's data; `wall` uses the real time",
    )

    @model_validator(mode="after")
    def _has_a_grpc_port(self) -> Self:
        if self.grpc > LAST_PORT:
            raise ValueError(f"grpc_port must be set, 0 for no gRPC: the one after port is beyond {LAST_PORT}")
        return self

    @property
    def most_replicas(self) -> int:
        """Each takes a core: more of them would only be in each other's way."""
        return self.max_replicas or max(self.min_replicas, os.cpu_count() or 1)

    @property
    def grpc(self) -> int:
        """The gRPC port; 0: none."""
        return self.port + 1 if self.grpc_port is None else self.grpc_port
