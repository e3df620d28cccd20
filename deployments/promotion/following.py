"""Waiting until every feed server answers as the record says."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from cluster.errors import CascadeError
from cluster.live_release import LiveRelease
from cluster.processes.run_state import Run
from cluster.settings import Settings
from cluster.store.breaker import StoreUnavailable
from cluster.store.release_board import ReleaseBoard, ReplicaStatus

#: How long replicas may take to load a release, and how often they are asked, in seconds.
PATIENCE_S: Final = 120.0
LOOK_S: Final = 0.1


def wait_for_replicas(settings: Settings, run: Run, record: LiveRelease) -> list[ReplicaStatus]:
    """Wait until all have followed; what each tells then. Raises CascadeError when one refuses, or takes too long."""
    return asyncio.run(_wait(settings, run, record))


async def _wait(settings: Settings, run: Run, record: LiveRelease) -> list[ReplicaStatus]:
    deadline = time.monotonic() + PATIENCE_S
    seen: Sequence[ReplicaStatus] = ()
    async with ReleaseBoard(run.store_url, settings.store) as board:
        while time.monotonic() < deadline:
            try:
                seen = await board.replicas()
            except StoreUnavailable:
                seen = ()
            followed = [replica for replica in seen if replica.revision >= record.revision]
            for replica in followed:
                if replica.refused:
                    raise CascadeError(f"feed server {replica.id} refuses: {replica.refused}", "Ray's logs have more.")
            if followed and len(followed) == len(seen):
                return followed
            await asyncio.sleep(LOOK_S)
    late = [f"{replica.id}: {replica.refused or replica.loading or 'has not heard of it'}" for replica in seen]
    raise CascadeError(
        f"not all feed servers have followed within {PATIENCE_S:.0f} s: {late or 'none is heard of'}",
        "see `cascade status`",
    )
