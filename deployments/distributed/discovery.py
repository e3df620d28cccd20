"""Where the replicas are that a feed server asks: as Ray Serve tells its handles."""

from collections.abc import Mapping
from typing import Any, Final

from cluster.errors import Unreachable
from deployments.channel.group import Fallback, Group
from deployments.distributed.answering import ADDRESS
from deployments.repeating import Repeated

#: How often a handle is looked at, in seconds. That a replica is gone is known from its connection, at once.
LOOK_S: Final = 0.2


class Discovery:
    """Keeps groups as the handles have them. Handles are told by Serve's controller; nobody is asked."""

    def __init__(self, groups: Mapping[Any, Group]) -> None:
        """`groups`: by deployment handle."""
        self._groups = groups
        self._looks = Repeated(self.look, LOOK_S)

    def start(self) -> None:
        """On the running event loop, until `close`."""
        self._looks.start()

    async def close(self) -> None:
        await self._looks.close()

    async def look(self) -> None:
        for handle, group in self._groups.items():
            await group.update(addresses(handle))


def addresses(handle: Any) -> list[str]:
    """Of the replicas of a deployment that run, as far as this process knows."""
    router = handle._init_router()._asyncio_router.request_router
    replicas = () if router is None else router.curr_replicas.values()
    published = [replica.replica_metadata.get(ADDRESS) for replica in replicas]
    return [address for address in published if address is not None]


def by(handle: Any) -> Fallback:
    """Asks by the handle: slower, but it finds a way where the channel has none."""

    async def ask(question: bytes) -> bytes:
        try:
            answer: bytes = await handle.take.remote(question)
        except Exception as error:  # of Ray, or of what the replica raised
            raise Unreachable(f"it cannot be asked by its handle: {error}") from error
        return answer

    return ask
