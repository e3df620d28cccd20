"""Decisions: what bandits chose for a feed, and with which chances, for their consumer to learn from."""

from msgspec.structs import replace

from cluster.decisions import Decision, decision_key, encode_decision
from cluster.learning import Bandit
from cluster.served import sampled
from cluster.store.client import OnlineStore
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.query import Query
from deployments.pipeline.side_effect import SideEffect
from deployments.pipeline.trace import Trace
from deployments.side_effects.brief_writes import brief_writes


class Decisions(SideEffect):
    name = "decisions"

    def __init__(self, store: OnlineStore, settings: Bandit) -> None:
        self._writes = brief_writes(store, settings)
        self._share = settings.share

    def enabled(self, query: Query) -> bool:
        return query.favoured is not None and sampled(query.request.user_id, self._share) and self._writes.open

    def note(self, query: Query, feed: Candidates, trace: Trace) -> None:
        if query.favoured is None or not len(feed):
            return
        _, _, arms, arm, x, chances = query.favoured
        decision = Decision.of(arms, x, chances, arm)
        if query.explored is not None and query.explored.row in feed.rows:
            decision = replace(decision, explored=query.explored.post_id, explored_chance=query.explored.chance)
        self._writes.put((decision_key(query.request_id), encode_decision(decision)))

    async def close(self) -> None:
        await self._writes.close()
