"""The online learner as a consumer: what people do with feeds corrects what the release's ranker predicts of the next.

Of the users that `cluster.served` samples. A restart forgets the impressions whose time to act was not over, which
then teach nothing; corrections are in the state store.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Self

from cluster import event_log
from cluster.clock import Clock
from cluster.events import Record, decode_record
from cluster.learning import Online
from cluster.served import ServedFeed, UnreadableServed, decode_served, served_key
from cluster.settings import Settings
from cluster.store.fenced import FencedStore, Write
from deployments.consumers.consumer import Batching, Entry
from deployments.consumers.ripening import Ripening
from deployments.consumers.specification import ConsumerSpec, Context
from training.models.correction import (
    Correction,
    UnreadableCorrection,
    correction_key,
    decode_correction,
    encode_correction,
)
from training.online.joining import join, learned_heads
from training.online.learner import OnlineLearner
from training.online.rows import Rows

logger = logging.getLogger(__name__)

#: Releases whose learners keep their rows: the live one, one on trial, and those that they may give way to. Another
#: one starts again from its correction in the state store.
LEARNERS: Final = 4


class OnlineConsumer:
    """Learns a correction for each release that serves. Fenced, as every consumer."""

    name = "online"
    stream = event_log.STREAM
    batching = Batching()

    def __init__(self, store: FencedStore, clock: Clock, settings: Online) -> None:
        self._store = store
        self._settings = settings
        self._position = ""
        self._ripening = Ripening(clock, settings)
        self._learners: dict[str, OnlineLearner] = {}

    @classmethod
    def make(cls, context: Context) -> Self:
        """The online learner of a Cascade."""
        settings = context.settings
        return cls(FencedStore(context.urls.state, settings.store, cls.name), context.clock, settings.online)

    def decode(self, payload: bytes) -> Record:
        return decode_record(payload)

    async def position(self) -> str:
        self._position = await self._store.position()
        self._learners.clear()  # what is stored is the truth
        return self._position

    async def apply(self, entries: Sequence[Entry[Record]], position: str) -> None:
        self._ripening.add(entries)
        corrections = await self._update() if self._ripening.due else {}
        values = {correction_key(release): encode_correction(c) for release, c in corrections.items()}
        await self._store.write(self._position, position, Write(values))
        self._position = position

    async def close(self) -> None:
        await self._store.close()

    async def _update(self) -> dict[str, Correction]:
        """Learn from the impressions whose time to act is over; the corrections by release."""
        shown = await self._ripening.ripe()
        if len(shown) < self._settings.least_rows:
            return {}
        requests = sorted(set(shown["request_id"].to_pylist()))
        blobs = await self._store.read([served_key(request) for request in requests])
        feeds: dict[str, ServedFeed] = {}
        for request, blob in zip(requests, blobs, strict=True):
            if blob is not None:
                with suppress(UnreadableServed):
                    feeds[request] = decode_served(blob)
        rows = await asyncio.to_thread(join, shown, feeds)
        heads = {feed.release: learned_heads(feed) for feed in feeds.values()}
        corrections = {release: await self._learn(release, heads[release], of) for release, of in rows.items()}
        self._ripening.taken()
        return corrections

    async def _learn(self, release: str, heads: tuple[str, ...], rows: Rows) -> Correction:
        learner = self._learners.pop(release, None) or OnlineLearner(heads, await self._stored(release, heads))
        self._learners[release] = learner
        while len(self._learners) > LEARNERS:
            del self._learners[next(iter(self._learners))]
        verdict = await asyncio.to_thread(learner.learn, rows)
        told = [f"{head} {verdict.none[head]:.4f} -> {verdict.live[head]:.4f}" for head in heads]
        logger.info(
            "%s: %d impressions, log loss without and with correction: %s; better now: %s; taken back: %s",
            *(release, verdict.rows, ", ".join(told)),
            *(", ".join(of) or "none" for of in (verdict.promoted, verdict.returned)),
        )
        return learner.live

    async def _stored(self, release: str, heads: tuple[str, ...]) -> Correction | None:
        """The correction that is live, None where there is none for these heads."""
        [blob] = await self._store.read([correction_key(release)])
        if blob is not None:
            with suppress(UnreadableCorrection):
                correction = decode_correction(blob)
                if correction.heads == heads:
                    return correction
        return None


def online_specs(settings: Settings) -> list[ConsumerSpec]:
    """The online learner, if the settings want it."""
    if not settings.online.enabled:
        return []
    return [ConsumerSpec(OnlineConsumer.name, event_log.STREAM, "events", OnlineConsumer.make)]
