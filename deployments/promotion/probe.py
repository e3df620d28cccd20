"""A release asked in this process, without stores: whether it computes what training did, and what that costs."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from cluster.clock import Clock
from cluster.cursor import Cursors
from cluster.release import Release
from cluster.settings import Settings
from deployments.catalogue.catalogue import Catalogue
from deployments.counters.live_counters import LiveCounters
from deployments.feed_service import FeedService
from deployments.hydrators.features import Features
from deployments.loaded_release import LoadedRelease
from deployments.pipeline.candidates import Candidates
from deployments.query_hydrators.user_state import UserStateHydrator
from deployments.rankers.loading import largest_error
from deployments.scorers.rank import Rank
from deployments.surfaces.parts import Parts
from deployments.surfaces.surfaces import surfaces
from training.release.reference import Reference, read_references

#: Feeds that are timed, after half as many that are not.
FEEDS: Final = 96


@dataclass(frozen=True, slots=True)
class Parity:
    """How serving's figures differ from training's."""

    features: int  # compared
    differing: int  # of these
    prediction_error: float  # largest difference of a prediction, relative to the prediction or to 1


class Probe:
    """The components of a feed server over one release, and the users of its reference requests."""

    def __init__(self, release: Release, settings: Settings) -> None:
        """Raises CascadeError when the release is damaged."""
        self._release = LoadedRelease.load(release)
        self._references = read_references(release.folder)
        self._catalogue = Catalogue(self._release, settings.catalogue)
        states = {reference.request.user_id: reference.state for reference in self._references}
        counters, users = LiveCounters(self._catalogue), _Users(states)
        self._users = UserStateHydrator(users, self._release, self._catalogue)
        pipelines = surfaces(Parts(self._release, self._catalogue, counters, users, settings))
        cursors = Cursors.of_this_process()
        self._feeds = FeedService(self._release, self._catalogue, pipelines, Clock(), settings, cursors)

    def parity(self) -> Parity:
        """Compute all reference requests, and compare."""
        found = asyncio.run(self._compute())
        expected = [reference.features for reference in self._references]
        differing = sum(
            int((x.view(np.uint32) != y.view(np.uint32)).sum()) for (x, _), y in zip(found, expected, strict=True)
        )
        errors = [0.0]
        for (_, heads), reference in zip(found, self._references, strict=True):
            errors.append(largest_error(heads, reference.trained))
        return Parity(sum(x.size for x in expected), differing, float(np.max(errors)))

    def feed_ms(self) -> float:
        """CPU time of a feed on this thread, median."""
        return asyncio.run(self._time())

    async def _compute(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Features and predictions of each reference request, by the components that feeds are made with."""
        features, rank = Features(self._catalogue), Rank(self._release.ranker)
        found = []
        for reference in self._references:
            query = self._feeds.query(reference.request)
            await self._users.hydrate(query)
            candidates = features.hydrate(query, _candidates(reference, self._catalogue))
            heads = rank.score(query, candidates).heads
            assert candidates.x is not None
            assert heads is not None
            found.append((candidates.x, heads))
        return found

    async def _time(self) -> float:
        seconds = []
        for i in range(-FEEDS // 2, FEEDS):
            request = self._references[i % len(self._references)].request
            began = time.thread_time()
            await self._feeds.answer(request, time.perf_counter())
            if i >= 0:
                seconds.append(time.thread_time() - began)
        return float(np.median(seconds)) * 1e3


class _Users:
    """The states of the users of reference requests, in place of the online store."""

    def __init__(self, states: Mapping[int, bytes]) -> None:
        self._states = states

    async def read_user(self, user_id: int) -> bytes | None:
        return self._states.get(user_id)

    async def read_shown(self, user_id: int) -> bytes | None:
        return None


def _candidates(reference: Reference, catalogue: Catalogue) -> Candidates:
    rows = catalogue.posts.post_rows(reference.posts)
    return Candidates(rows, np.ones(len(rows), np.uint32), np.zeros(len(rows), np.float32))
