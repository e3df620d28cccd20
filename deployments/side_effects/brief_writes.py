"""Values on their way to the state store that are kept until a consumer has learned from them."""

from collections.abc import Sequence
from typing import Final

from cluster.learning import Bandit, Online
from cluster.store.client import OnlineStore
from deployments.side_effects.outbox import Outbox, Pace

PACE: Final = Pace(together=64, linger_s=0, waiting=64)
#: How much longer than they are needed values are kept, in seconds: events may be late.
MARGIN_S: Final = 600


def brief_writes(store: OnlineStore, settings: Bandit | Online) -> Outbox[tuple[bytes, bytes]]:
    """For keys and their values; `settings`: of the consumer. One that is lost teaches nothing."""
    seconds = int(settings.attribution_s + settings.update_s) + MARGIN_S

    async def write(items: Sequence[tuple[bytes, bytes]]) -> None:
        await store.keep_all(dict(items), seconds)

    return Outbox(store, write, PACE)
