"""The bandit over sources as a consumer: it learns what feeds earned that favoured one of them.

Of the users that `cluster.served` samples. What was learned is in the state store.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from cluster import event_log
from cluster.archive import write_table
from cluster.clock import Clock
from cluster.decisions import UnreadableDecision, decision_key, decisions_table, decode_decision
from cluster.events import Record, decode_record
from cluster.learning import Bandit
from cluster.settings import Settings
from cluster.store.fenced import FencedStore, Write
from deployments.consumers.consumer import Batching, Entry
from deployments.consumers.ripening import Ripening
from deployments.consumers.specification import ConsumerSpec, Context
from training.online.sources import (
    KEY,
    Earned,
    LearnedSources,
    UnreadableSources,
    decode_sources,
    encode_sources,
    learn_decisions,
    rewards,
)

logger = logging.getLogger(__name__)

#: Below the archive.
FOLDER: Final = "decisions"


class BanditConsumer:
    """Learns one posterior for all releases and feed servers. Fenced, as every consumer."""

    name = "bandit"
    stream = event_log.STREAM
    batching = Batching()

    def __init__(self, store: FencedStore, clock: Clock, settings: Bandit, folder: Path) -> None:
        """`folder`: where decisions are kept with what they earned, for `cascade evaluate policy`."""
        self._store = store
        self._folder = folder
        self._position = ""
        self._ripening = Ripening(clock, settings)

    @classmethod
    def make(cls, context: Context) -> Self:
        """The bandit of a Cascade."""
        settings = context.settings
        store = FencedStore(context.urls.state, settings.store, cls.name)
        return cls(store, context.clock, settings.bandit, settings.archive_folder / FOLDER)

    def decode(self, payload: bytes) -> Record:
        return decode_record(payload)

    async def position(self) -> str:
        self._position = await self._store.position()
        return self._position

    async def apply(self, entries: Sequence[Entry[Record]], position: str) -> None:
        self._ripening.add(entries)
        earned = await self._earned() if self._ripening.due else []
        values = {KEY: encode_sources(await self._learned(earned))} if earned else {}
        await self._store.write(self._position, position, Write(values))
        self._position = position
        if earned:
            self._ripening.taken()
            await asyncio.to_thread(self._log, earned, position)

    async def close(self) -> None:
        await self._store.close()

    async def _earned(self) -> list[Earned]:
        """The decisions whose time to act is over, with what they earned."""
        shown = await self._ripening.ripe()
        if not len(shown):
            return []
        rewarded = await asyncio.to_thread(rewards, shown)
        blobs = await self._store.read([decision_key(request) for request in rewarded])
        earned = []
        for reward, blob in zip(rewarded.values(), blobs, strict=True):
            if blob is not None:
                with suppress(UnreadableDecision):
                    earned.append((decode_decision(blob), reward))
        return [(decision, reward) for decision, reward in earned if decision.favoured >= 0]

    async def _learned(self, earned: list[Earned]) -> LearnedSources:
        """What is stored, and what these decisions teach."""
        [stored] = await self._store.read([KEY])
        learned = await asyncio.to_thread(learn_decisions, _known(stored), earned)
        rows = dict(zip(learned.names, learned.arms.rows.tolist(), strict=True))
        logger.info("%d feeds learned from; in all %s", len(earned), rows)
        return learned

    def _log(self, earned: list[Earned], position: str) -> None:
        """After they were learned from, so none is here twice; what cannot be written is only lost to evaluation."""
        try:
            write_table(self._folder / f"{position}.parquet", decisions_table(earned))
        except OSError as error:
            logger.warning("%d decisions are not kept: %s", len(earned), error)


def _known(blob: bytes | None) -> LearnedSources | None:
    if blob is not None:
        with suppress(UnreadableSources):
            return decode_sources(blob)
    return None


def bandit_specs(settings: Settings) -> list[ConsumerSpec]:
    """The bandit, if the settings want one."""
    if not settings.bandit.enabled:
        return []
    return [ConsumerSpec(BanditConsumer.name, event_log.STREAM, "events", BanditConsumer.make)]
